/** Drives the frame parser with cut-up input and checks what must hold whatever comes. */

import { createFrameParser, type FrameParser, pushChunk } from "../../src/upstream/ws-frame.ts";

/** What the parser reported, in a form that can be compared. */
export type Seen = readonly [kind: string, ...values: (string | number | undefined)[]];

/** A first allocation may exceed the message, never by more than this. */
const ALLOCATION_SLACK_BYTES = 64 * 1024;

export interface Replay {
  readonly bytes: Uint8Array;
  /** Sizes of the pieces, used in a circle. */
  readonly pieceSizes: readonly number[];
  /** Stops the parser behind every n-th message; 0 never. */
  readonly stopEvery: number;
  readonly maxMessageBytes: number;
}

/** Throws if an invariant is broken; returns what was seen. */
export function replay({ bytes, pieceSizes, stopEvery, maxMessageBytes }: Replay): Seen[] {
  const seen: Seen[] = [];
  const parser = createFrameParser({ maxMessageBytes });
  let messages = 0;
  let stopped = false;
  const latin = (data: Uint8Array) => Buffer.from(data).toString("latin1");
  const events = {
    onMessage(data: string | Uint8Array) {
      seen.push(typeof data === "string" ? ["text", data] : ["binary", latin(data)]);
      stopped = stopEvery > 0 && ++messages % stopEvery === 0;
      return !stopped;
    },
    onPing: (payload: Uint8Array) => void seen.push(["ping", latin(payload)]),
    onPong: (payload: Uint8Array) => void seen.push(["pong", latin(payload)]),
    onClose: (code: number | undefined, reason: string) => void seen.push(["close", code, reason]),
    onError: ({ code }: { code: number }) => void seen.push(["error", code]),
  };
  let turn = 0;
  for (let at = 0; at < bytes.length; turn++) {
    const piece = bytes.slice(at, at + Math.max(1, pieceSizes[turn % pieceSizes.length] ?? 1));
    stopped = false;
    const taken = pushChunk(parser, piece, events);
    if (taken <= 0 || taken > piece.length) throw new Error(`Took ${taken} of ${piece.length} bytes`);
    if (taken < piece.length && !stopped) throw new Error(`Stopped at ${taken} without being asked`);
    checkState(parser, seen);
    at += taken;
  }
  return seen;
}

function checkState(parser: FrameParser, seen: readonly Seen[]): void {
  const capacity = parser.message?.length ?? 0;
  if (capacity > parser.maxMessageBytes + ALLOCATION_SLACK_BYTES) throw new Error(`Holds ${capacity} bytes`);
  if (capacity > 2 * parser.messageSize + ALLOCATION_SLACK_BYTES) throw new Error(`Holds ${capacity} bytes`);
  const ends = seen.filter(([kind]) => kind === "close" || kind === "error").length;
  if (ends > 1 || parser.ended !== (ends === 1)) throw new Error(`Ended ${ends} times`);
  const last = seen.at(-1)?.[0];
  if (ends === 1 && last !== "close" && last !== "error") throw new Error(`Went on after the end: ${last}`);
}
