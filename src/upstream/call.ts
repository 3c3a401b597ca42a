/** One request on one connection: its state, its ends, and body bytes handed on with backpressure. */

import { type ProxyError, ProxyFailure } from "../exchange/error.ts";
import type { ByteSource } from "../exchange/exchange.ts";
import type { ChunkedDecoder } from "./chunked.ts";
import { type Connection, type ConnectionUser, destroyConnection, resumeReading } from "./connection.ts";
import type { Timed } from "./deadlines.ts";
import type { ResponseHead } from "./response-head.ts";

/** What a call waits for; decides which limit applies and which error it ends in. */
export type Waiting = "request" | "head" | "body" | "reader";

export interface Call<Owner = unknown> extends ConnectionUser, Timed {
  readonly connection: Connection;
  readonly method: string;
  readonly owner: Owner;
  readonly listener: CallListener<Owner>;
  waiting: Waiting;
  /** Something moved since the last sweep: the deadline starts anew. */
  touched: boolean;
  /** Start of an incomplete head. */
  partialHead: Buffer | undefined;
  informational: number;
  head: ResponseHead | undefined;
  decoder: ChunkedDecoder | undefined;
  /** Body bytes still expected under a Content-Length. */
  remaining: number;
  readonly queue: Uint8Array[];
  queuedBytes: number;
  /** Reading pauses while more than this many bytes are queued. */
  bufferLimit: number;
  /** All of the response has arrived. */
  ended: boolean;
  /** The connection is no longer ours; nothing more happens. */
  finished: boolean;
  failure: ProxyError | undefined;
  /** All of the request has been written. */
  requestSent: boolean;
  reader: Reader | undefined;
  /** Told when nothing more will be queued. */
  onSettled: ((failed: boolean) => void) | undefined;
  /** Set while the request pump waits for the kernel to take more. */
  onWritable: (() => void) | undefined;
  /** This is a WebSocket handshake: a 101 is an answer. */
  readonly upgrading: boolean;
  /** Bytes that came in one piece with a 101. */
  leftover: Uint8Array | undefined;
}

interface Reader {
  readonly resolve: (bytes: Uint8Array | undefined) => void;
  readonly reject: (error: ProxyFailure) => void;
}

/** What the owner of a call is told; one table for all calls of a kind. */
export interface CallListener<Owner> {
  /** The head, more body bytes or the end arrived; called once per batch of bytes. */
  onProgress(call: Call<Owner>): void;
  /** The call failed before its response was complete; `call.failure` says why. */
  onFailure(call: Call<Owner>): void;
  /** Exactly once, before the other two: the connection is free (`reusable`) or gone. */
  onFinished(call: Call<Owner>, reusable: boolean): void;
}

/** Ends a call whose answer nobody wants any more; the connection cannot be reused. */
export function abortCall(call: Call): void {
  if (call.finished) return;
  finish(call, false);
  wakeReader(call);
}

/** Ends a call with an error; its reader, if one waits, and its owner get to see it. */
export function failCall(call: Call, failure: ProxyError): void {
  if (call.finished) return;
  call.failure = failure;
  finish(call, false);
  wakeReader(call);
  call.listener.onFailure(call);
}

/** The request pump has written everything. */
export function markRequestSent(call: Call): void {
  call.requestSent = true;
  call.touched = true;
  if (call.head === undefined) call.waiting = "head";
}

/** A 101 was accepted: the connection leaves the call without being closed. */
export function detachCall(call: Call): void {
  call.finished = true;
  call.connection.user = undefined;
}

/** All queued bytes as one piece; only for answers that are sent whole. */
export function takeWhole(call: Call): Uint8Array {
  const only = call.queue[0];
  const whole = call.queue.length === 1 && only !== undefined ? only : Buffer.concat(call.queue);
  call.queue.length = 0;
  call.queuedBytes = 0;
  return whole;
}

/** The next queued piece, or undefined. */
export function takePiece(call: Call): Uint8Array | undefined {
  const piece = call.queue.shift();
  if (piece === undefined) return undefined;
  call.queuedBytes -= piece.length;
  if (call.connection.paused && call.queuedBytes < call.bufferLimit && !call.finished) {
    call.waiting = "body";
    call.touched = true;
    resumeReading(call.connection);
  }
  return piece;
}

/** The rest of the body on demand; one read at a time. */
export function toByteSource(call: Call): ByteSource {
  return {
    read: () => readBody(call),
    cancel: () => abortCall(call),
    onSettled(listener) {
      if (call.finished) listener(call.failure !== undefined);
      else call.onSettled = listener;
    },
  };
}

function readBody(call: Call): Promise<Uint8Array | undefined> {
  const piece = takePiece(call);
  if (piece !== undefined) return Promise.resolve(piece);
  if (call.failure !== undefined) return Promise.reject(new ProxyFailure(call.failure));
  if (call.ended || call.finished) return Promise.resolve(undefined);
  return new Promise((resolve, reject) => {
    call.reader = { resolve, reject };
  });
}

export function wakeReader(call: Call): void {
  const reader = call.reader;
  if (reader === undefined) return;
  const piece = takePiece(call);
  if (piece !== undefined) reader.resolve(piece);
  else if (call.failure !== undefined) reader.reject(new ProxyFailure(call.failure));
  else if (call.ended || call.finished) reader.resolve(undefined);
  else return;
  call.reader = undefined;
}

export function enqueue(call: Call, bytes: Uint8Array): void {
  call.queue.push(bytes);
  call.queuedBytes += bytes.length;
}

/** `surplus`: bytes follow the response, so the peer is out of step and the connection is not used again. */
export function endResponse(call: Call, surplus: boolean): void {
  call.ended = true;
  const reusable = !surplus && call.requestSent && call.head?.reusable === true;
  finish(call, reusable && call.connection.pendingBytes === 0);
}

export function finish(call: Call, reusable: boolean): void {
  const connection = call.connection;
  call.finished = true;
  if (reusable) {
    connection.user = undefined;
    connection.served += 1;
    resumeReading(connection);
  } else {
    destroyConnection(connection);
  }
  const onWritable = call.onWritable;
  call.onWritable = undefined;
  onWritable?.();
  call.onSettled?.(call.failure !== undefined);
  call.listener.onFinished(call, reusable);
}
