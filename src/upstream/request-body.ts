/** Sends a request body to the endpoint, as it came, no faster than the endpoint reads. */

import { type ProxyError, ProxyFailure, proxyError, upstreamError } from "../exchange/error.ts";
import type { RequestBody } from "../exchange/exchange.ts";
import { type Call, failCall, markRequestSent } from "./call.ts";
import { writeBytes } from "./connection.ts";

/** How long the head waits for the first piece of the body, so that both leave in one write. */
const FIRST_PIECE_WAIT_MS = 5;
/** Up to this size head and first piece are copied together to save a write. */
const JOIN_BYTES = 16 * 1024;
/** A body that ended within this many bytes is kept until the answer starts, so that it can be replayed. */
export const REPLAY_BYTES = 64 * 1024;
/** A piece costs 200 bytes however short it is: bytes sent one by one must not cost 13 MB a request. */
export const REPLAY_PIECES = 64;

const CRLF = "\r\n";
const LAST_CHUNK: Uint8Array = Buffer.from("0\r\n\r\n");

/** A body that can be read once, and replayed while it is short enough. */
export interface ReplayableBody {
  readonly source: RequestBody;
  readonly kept: Uint8Array[];
  keptBytes: number;
  /** The source has been read to its end. */
  complete: boolean;
  /** No longer kept: no replay. */
  overflown: boolean;
  /** The read under way, at most one: whoever sends the body, also for the second time, waits for the same piece. */
  reading: Promise<Uint8Array | undefined> | undefined;
}

export function createReplayableBody(source: RequestBody): ReplayableBody {
  return { source, kept: [], keptBytes: 0, complete: false, overflown: false, reading: undefined };
}

/** The body will not be sent again: an answer has begun, or more was read than is kept. */
export function forgetKept(body: ReplayableBody): void {
  body.overflown = true;
  body.kept.length = 0;
}

/**
 * Writes `head` and the body on the call's connection. Never rejects: problems end the call. Stops when
 * the call is over, whatever is left of the body.
 */
export async function sendWithBody(call: Call, head: Buffer, body: ReplayableBody): Promise<void> {
  try {
    const chunked = body.source.length === undefined;
    if (body.overflown) {
      failCall(call, proxyError("upstream_closed", "the request body is too long to be sent again"));
      return;
    }
    const replay = createReplay(body);
    let first = true;
    let sent = 0;
    let piece = replay.kept.shift();
    if (piece === undefined) {
      const reading = readOn(body, replay);
      if (await isLate(reading)) {
        await write(call, head);
        first = false;
      }
      piece = await reading;
    }
    while (piece !== undefined && !call.finished) {
      sent += piece.length;
      const framed = chunked ? Buffer.from(piece.length.toString(16) + CRLF, "latin1") : undefined;
      await writePieces(call, first ? head : undefined, framed, piece);
      first = false;
      if (sent === body.source.length || call.finished) break;
      piece = replay.kept.shift() ?? (await readOn(body, replay));
    }
    if (call.finished) return;
    if (body.source.length !== undefined && sent !== body.source.length) {
      failCall(
        call,
        proxyError("client_gone", `request body ended after ${sent} of ${body.source.length} bytes`),
      );
      return;
    }
    if (first) await write(call, head);
    if (chunked) await write(call, LAST_CHUNK);
    markRequestSent(call);
  } catch (thrown) {
    failCall(call, toError(thrown));
  }
}

function toError(thrown: unknown): ProxyError {
  if (thrown instanceof ProxyFailure) return thrown.error;
  return proxyError("client_gone", `cannot read the request body: ${String(thrown)}`);
}

/** True if nothing comes at once or within a few milliseconds. */
async function isLate(reading: Promise<unknown>): Promise<boolean> {
  let timer: Timer | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(true), FIRST_PIECE_WAIT_MS);
  });
  try {
    return await Promise.race([reading.then(() => false), late]);
  } finally {
    clearTimeout(timer);
  }
}

/** What one sender still has to send of what others have read before it. */
interface Replay {
  readonly kept: Uint8Array[];
  /** The read that was under way when `kept` was copied: its piece follows, whoever else got it meanwhile. */
  begun: Promise<Uint8Array | undefined> | undefined;
}

function createReplay(body: ReplayableBody): Replay {
  return { kept: body.kept.slice(), begun: body.reading };
}

function readOn(body: ReplayableBody, replay: Replay): Promise<Uint8Array | undefined> {
  const reading = replay.begun ?? nextPiece(body);
  replay.begun = undefined;
  return reading;
}

const NOTHING: Promise<undefined> = Promise.resolve(undefined);

function nextPiece(body: ReplayableBody): Promise<Uint8Array | undefined> {
  if (body.complete) return NOTHING;
  body.reading ??= readSource(body);
  return body.reading;
}

/** A piece is either still being read or kept, never both: nobody gets it twice, nobody misses it. */
async function readSource(body: ReplayableBody): Promise<Uint8Array | undefined> {
  const piece = await body.source.read();
  body.reading = undefined;
  if (piece === undefined) {
    body.complete = true;
    return undefined;
  }
  body.keptBytes += piece.length;
  if (body.keptBytes > REPLAY_BYTES || body.kept.length === REPLAY_PIECES) forgetKept(body);
  else if (!body.overflown) body.kept.push(piece);
  return piece;
}

/** A piece with what belongs before and after it: small ones in one write, large ones without a copy. */
async function writePieces(
  call: Call,
  head: Buffer | undefined,
  chunkSize: Buffer | undefined,
  piece: Uint8Array,
): Promise<void> {
  const parts: Uint8Array[] = [];
  if (head !== undefined) parts.push(head);
  if (chunkSize !== undefined) parts.push(chunkSize);
  parts.push(piece);
  if (chunkSize !== undefined) parts.push(CRLF_BYTES);
  if (piece.length <= JOIN_BYTES) {
    await write(call, parts.length === 1 ? piece : Buffer.concat(parts));
    return;
  }
  for (const part of parts) await write(call, part);
}

const CRLF_BYTES: Uint8Array = Buffer.from(CRLF);

/** Resolves when the kernel has taken the bytes, or the call is over. */
async function write(call: Call, bytes: Uint8Array): Promise<void> {
  if (call.finished) return;
  call.touched = true;
  if (writeBytes(call.connection, bytes)) return;
  await new Promise<void>((resolve) => {
    call.onWritable = resolve;
  });
}

/** What a request that takes too long is blamed on: the client's body or the endpoint that does not read. */
export function requestTimeout(call: Call, limitMs: number): ProxyError {
  if (call.onWritable !== undefined) {
    const detail = `${call.connection.endpointName} took no request bytes for ${limitMs} ms`;
    return upstreamError("upstream_idle_timeout", detail);
  }
  return {
    kind: "client_idle_timeout",
    source: "client",
    retry: "never",
    detail: `the client sent no body bytes for ${limitMs} ms`,
  };
}
