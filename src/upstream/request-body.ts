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

const CRLF = "\r\n";
const LAST_CHUNK: Uint8Array = Buffer.from("0\r\n\r\n");

/** A body that can be read once, and replayed while it is short enough. */
export interface ReplayableBody {
  readonly source: RequestBody;
  readonly kept: Uint8Array[];
  keptBytes: number;
  /** The source has been read to its end. */
  complete: boolean;
  /** More was read than is kept: no replay. */
  overflown: boolean;
  /** A read that was started and not waited for. */
  reading: Promise<Uint8Array | undefined> | undefined;
}

export function createReplayableBody(source: RequestBody): ReplayableBody {
  return { source, kept: [], keptBytes: 0, complete: false, overflown: false, reading: undefined };
}

/**
 * Writes `head` and the body on the call's connection. Never rejects: problems end the call. Stops when
 * the call is over, whatever is left of the body.
 */
export async function sendWithBody(call: Call, head: Buffer, body: ReplayableBody): Promise<void> {
  try {
    const chunked = body.source.length === undefined;
    const replay = body.kept.slice();
    let piece = replay.length > 0 ? replay.shift() : await firstPiece(body);
    let first = true;
    let sent = 0;
    if (piece === undefined && !body.complete) {
      await write(call, head);
      first = false;
      piece = await nextPiece(body);
    }
    while (piece !== undefined && !call.finished) {
      sent += piece.length;
      const framed = chunked ? Buffer.from(piece.length.toString(16) + CRLF, "latin1") : undefined;
      await writePieces(call, first ? head : undefined, framed, piece);
      first = false;
      if (sent === body.source.length) break;
      piece = replay.length > 0 ? replay.shift() : await nextPiece(body);
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

/** The first piece if it comes at once or within a few milliseconds; undefined otherwise. */
async function firstPiece(body: ReplayableBody): Promise<Uint8Array | undefined> {
  const reading = readSource(body);
  let timer: Timer | undefined;
  const late = new Promise<"late">((resolve) => {
    timer = setTimeout(() => resolve("late"), FIRST_PIECE_WAIT_MS);
  });
  const result = await Promise.race([reading, late]);
  clearTimeout(timer);
  if (result !== "late") return result;
  body.reading = reading;
  // The error, if any, is seen by whoever awaits the read next.
  reading.catch(() => undefined);
  return undefined;
}

function nextPiece(body: ReplayableBody): Promise<Uint8Array | undefined> {
  const reading = body.reading;
  body.reading = undefined;
  return reading ?? readSource(body);
}

async function readSource(body: ReplayableBody): Promise<Uint8Array | undefined> {
  if (body.complete) return undefined;
  const piece = await body.source.read();
  if (piece === undefined) {
    body.complete = true;
    return undefined;
  }
  body.keptBytes += piece.length;
  if (body.keptBytes <= REPLAY_BYTES) {
    body.kept.push(piece);
  } else {
    body.overflown = true;
    body.kept.length = 0;
  }
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
