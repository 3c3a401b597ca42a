/**
 * Bun.serve writes bytes of 16 KiB or more that were not ready at once with 15 to 23 system calls. A direct stream
 * that writes and ends in one pull takes two, at the price of the Content-Length (oven-sh/bun#10507); an ordinary
 * stream takes two as well, but a quarter more time (64 KiB: 38 against 50 to 52 µs).
 */

/** From here on the work-around is worth it; below, bytes leave in one call and keep their length. */
export const LARGE_BODY_BYTES = 16 * 1024;

interface DirectController {
  write(bytes: Uint8Array): unknown;
  end(): unknown;
}

/** A response body that is sent chunked, in as few writes as possible. */
export function toLargeBody(bytes: Uint8Array): ReadableStream<Uint8Array> {
  const source = {
    type: "direct" as const,
    pull(controller: DirectController) {
      const written = controller.write(bytes);
      // Once ended, Bun holds the connection for idle, and a graceful stop would cut what the kernel has not taken.
      if (written instanceof Promise) return written.then(() => void controller.end());
      controller.end();
      return undefined;
    },
  };
  // Bun's own kind of source, which the types of the standard do not know.
  return new ReadableStream<Uint8Array>(source as unknown as ConstructorParameters<typeof ReadableStream>[0]);
}
