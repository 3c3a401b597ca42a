/** Commands that go on until Ctrl-C: an end asked for is an end in order, not a failure. */

export interface Interruption {
  readonly signal: AbortSignal;
  /** Gives Ctrl-C its usual meaning back. */
  readonly release: () => void;
}

/** Aborts on SIGINT and SIGTERM, or when nobody reads the output any more. */
export function untilInterrupted(outputClosed: Promise<void>): Interruption {
  const controller = new AbortController();
  const abort = () => controller.abort();
  process.on("SIGINT", abort);
  process.on("SIGTERM", abort);
  void outputClosed.then(abort);
  return {
    signal: controller.signal,
    release: () => {
      process.off("SIGINT", abort);
      process.off("SIGTERM", abort);
    },
  };
}
