/** Where a command prints: two streams, colours where a person looks, and an end that loses nothing. */

import type { Failure } from "./failure.ts";

export interface Terminal {
  /** One or more whole lines, without the last line end. */
  readonly print: (text: string) => void;
  readonly printJson: (value: unknown) => void;
  readonly warn: (text: string) => void;
  /** Prints why it failed and returns the exit code. */
  readonly fail: (failure: Failure) => number;
  /** Exactly these characters, for redrawing a screen. */
  readonly write: (text: string) => void;
  /** Resolves when everything printed so far has left the process; a reader that went away counts as done. */
  readonly drained: () => Promise<void>;
  /** Resolves when nobody reads the output any more. */
  readonly closed: Promise<void>;
  /** Standard output is a person's screen. */
  readonly isScreen: boolean;
  readonly rows: number;
  readonly color: boolean;
  readonly errorColor: boolean;
}

type Stream = NodeJS.WriteStream;

interface Outlet {
  readonly write: (text: string) => void;
  readonly drained: () => Promise<void>;
  readonly closed: Promise<void>;
}

const DEFAULT_ROWS = 24;

export function createTerminal(
  streams: { readonly stdout: Stream; readonly stderr: Stream },
  env: Readonly<Record<string, string | undefined>>,
): Terminal {
  const out = createOutlet(streams.stdout);
  const errors = createOutlet(streams.stderr);
  const color = wantsColor(streams.stdout.isTTY, env);
  const errorColor = wantsColor(streams.stderr.isTTY, env);
  const warn = (text: string) => errors.write(`${text}\n`);
  return {
    print: (text) => out.write(`${text}\n`),
    printJson: (value) => out.write(`${JSON.stringify(value, undefined, 2)}\n`),
    warn,
    fail: (failure) => {
      warn(formatFailure(failure, errorColor));
      return failure.exitCode;
    },
    write: out.write,
    drained: async () => {
      await Promise.all([out.drained(), errors.drained()]);
    },
    closed: out.closed,
    isScreen: streams.stdout.isTTY === true,
    get rows() {
      return streams.stdout.rows || DEFAULT_ROWS;
    },
    color,
    errorColor,
  };
}

/** https://no-color.org: any value but an empty one. */
export function wantsColor(
  isTty: boolean | undefined,
  env: Readonly<Record<string, string | undefined>>,
): boolean {
  return isTty === true && (env["NO_COLOR"] ?? "") === "" && env["TERM"] !== "dumb";
}

export function formatFailure({ details, message, hint }: Failure, color: boolean): string {
  const lines: string[] = [];
  if (details !== undefined) lines.push(details.trimEnd(), "");
  lines.push(`${color ? "\u001b[31merror:\u001b[0m" : "error:"} ${message}`);
  if (hint !== undefined) lines.push(`${color ? "\u001b[36mhint:\u001b[0m" : "hint:"}  ${hint}`);
  return lines.join("\n");
}

/**
 * Ending the process drops what a pipe has not taken yet (measured: all but the first 64 KiB), so every write is
 * counted until its callback.
 */
function createOutlet(stream: Stream): Outlet {
  const closed = Promise.withResolvers<void>();
  let isClosed = false;
  let pending = 0;
  let waiting: (() => void)[] = [];
  const settle = () => {
    if (pending > 0 && !isClosed) return;
    for (const resolve of waiting) resolve();
    waiting = [];
  };
  // EPIPE, as in "ophid proxy logs | head": the reader has what it wanted.
  stream.on("error", () => {
    isClosed = true;
    closed.resolve();
    settle();
  });
  return {
    write: (text) => {
      if (isClosed) return;
      pending += 1;
      stream.write(text, () => {
        pending -= 1;
        settle();
      });
    },
    drained: () =>
      new Promise((resolve) => {
        waiting.push(resolve);
        settle();
      }),
    closed: closed.promise,
  };
}
