/** Request bodies of the second front: bytes of the socket in, pieces on demand out. */

import { clientError, ProxyFailure } from "../../src/exchange/error.ts";
import type { ByteSource } from "../../src/exchange/exchange.ts";
import type { Trace } from "../../src/exchange/trace.ts";
import { createChunkedDecoder, decodeChunked } from "../../src/upstream/chunked.ts";

export interface BodyReader {
  /** Takes what belongs to the body and returns the rest. */
  feed(bytes: Buffer): Buffer;
  fail(): void;
  isComplete(): boolean;
  queuedBytes(): number;
  source(trace: Trace): ByteSource;
}

export function createBodyReader(framing: number | "chunked", onRoom: () => void): BodyReader {
  const decoder = createChunkedDecoder();
  const queue: Uint8Array[] = [];
  let remaining = framing === "chunked" ? 0 : framing;
  let complete = false;
  let failed = false;
  let wake: (() => void) | undefined;
  const notify = () => {
    wake?.();
    wake = undefined;
  };
  const feedChunked = (bytes: Buffer): Buffer => {
    const result = decodeChunked(decoder, bytes, 0, queue);
    if (result.kind === "error") failed = true;
    if (result.kind !== "end") return Buffer.alloc(0);
    complete = true;
    return bytes.subarray(result.offset);
  };
  const feedLength = (bytes: Buffer): Buffer => {
    const piece = bytes.subarray(0, remaining);
    if (piece.length > 0) queue.push(piece);
    remaining -= piece.length;
    complete = remaining === 0;
    return bytes.subarray(piece.length);
  };
  return {
    feed(bytes) {
      if (complete || failed) return bytes;
      const rest = framing === "chunked" ? feedChunked(bytes) : feedLength(bytes);
      notify();
      return rest;
    },
    fail() {
      if (!complete) failed = true;
      notify();
    },
    isComplete: () => complete,
    queuedBytes: () => queue.reduce((sum, piece) => sum + piece.length, 0),
    source: (trace) => ({
      async read() {
        for (;;) {
          const piece = queue.shift();
          if (piece !== undefined) {
            trace.bytesIn += piece.length;
            onRoom();
            return piece;
          }
          if (complete) return undefined;
          if (failed) throw new ProxyFailure(clientError("client_gone", "The client closed the connection"));
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      },
      cancel: () => onRoom(),
    }),
  };
}
