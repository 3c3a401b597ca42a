/** What the socket of a call delivers: heads, body bytes and the end, parsed as they come. */

import { upstreamError } from "../exchange/error.ts";
import { type Call, type CallListener, endResponse, enqueue, failCall, finish, wakeReader } from "./call.ts";
import { createChunkedDecoder, decodeChunked } from "./chunked.ts";
import {
  type Connection,
  type ConnectionEvents,
  type ConnectionUser,
  pauseReading,
  READ_BUFFER_BYTES,
} from "./connection.ts";
import { MAX_RESPONSE_HEAD_BYTES, parseResponseHead, type ResponseHead } from "./response-head.ts";

/** Informational responses (1xx) skipped before the final one; the front cannot send them. */
export const MAX_INFORMATIONAL = 8;

/** Chunks of one read that are queued as they are; more are joined, or tiny ones would cost many times their size. */
const MAX_PIECES_PER_READ = 8;

/** Attaches a new call to an idle connection. The caller writes the request afterwards. */
export function startCall<Owner>(
  connection: Connection,
  request: { readonly method: string; readonly upgrading: boolean; readonly hasBody: boolean },
  owner: Owner,
  listener: CallListener<Owner>,
): Call<Owner> {
  const call: Call<Owner> = {
    events: CALL_EVENTS,
    connection,
    method: request.method,
    owner,
    listener,
    deadlineAt: Number.POSITIVE_INFINITY,
    sweepIndex: -1,
    waiting: request.hasBody ? "request" : "head",
    touched: true,
    partialHead: undefined,
    informational: 0,
    head: undefined,
    decoder: undefined,
    remaining: 0,
    queue: [],
    queuedBytes: 0,
    bufferLimit: READ_BUFFER_BYTES,
    ended: false,
    finished: false,
    failure: undefined,
    requestSent: !request.hasBody,
    reader: undefined,
    onSettled: undefined,
    onWritable: undefined,
    upgrading: request.upgrading,
    leftover: undefined,
  };
  connection.user = call;
  return call;
}

const CALL_EVENTS: ConnectionEvents = { data: onData, drain: onDrain, closed: onClosed };

/** The call behind a connection; undefined when its user is a tunnel. */
function callOf(connection: Connection): Call | undefined {
  // The table of events tells the users apart, so the cast follows a check.
  return connection.user?.events === CALL_EVENTS ? (connection.user as Call) : undefined;
}

function onData(connection: Connection, chunk: Buffer): void {
  const call = callOf(connection);
  if (call === undefined) return;
  const offset = call.head === undefined ? readHead(call, chunk) : 0;
  // Negative: the head is not complete, failed, or all bytes belonged to it.
  if (offset >= 0 && !call.finished) readBytes(call, call.partialHead ?? chunk, offset);
  call.partialHead = call.head === undefined ? call.partialHead : undefined;
  // A head that comes byte by byte does not earn more time.
  if (call.head === undefined || call.failure !== undefined) return;
  call.touched = true;
  wakeReader(call);
  if (call.queuedBytes >= call.bufferLimit && !call.finished) {
    call.waiting = "reader";
    pauseReading(connection);
  }
  call.listener.onProgress(call);
}

function onDrain(connection: Connection): void {
  const call = callOf(connection);
  if (call === undefined) return;
  call.touched = true;
  const onWritable = call.onWritable;
  call.onWritable = undefined;
  onWritable?.();
}

/**
 * Reads the head, skipping informational responses. Returns where the body starts in `partialHead ?? chunk`,
 * or -1 if there is no final head yet.
 */
function readHead(call: Call, chunk: Buffer): number {
  const before = call.partialHead?.length ?? 0;
  const bytes = call.partialHead === undefined ? chunk : Buffer.concat([call.partialHead, chunk]);
  call.partialHead = before === 0 ? undefined : bytes;
  let start = 0;
  let searchFrom = Math.max(0, before - 3);
  for (;;) {
    const end = bytes.indexOf("\r\n\r\n", searchFrom, "latin1");
    if (
      end - start > MAX_RESPONSE_HEAD_BYTES ||
      (end < 0 && bytes.length - start > MAX_RESPONSE_HEAD_BYTES)
    ) {
      failCall(
        call,
        upstreamError(
          "upstream_head_too_large",
          `${call.connection.endpointName}: response head over ${MAX_RESPONSE_HEAD_BYTES} bytes`,
        ),
      );
      return -1;
    }
    if (end < 0) {
      // Something that speaks another protocol may never send the end of a head.
      if (!startsLikeHttp(bytes, start)) return failProtocol(call, "not an HTTP/1 response");
      call.partialHead = start === 0 ? bytes : bytes.subarray(start);
      return -1;
    }
    const parsed = parseResponseHead(bytes.toString("latin1", start, end), call.method);
    if (parsed.kind === "error") return failProtocol(call, parsed.detail);
    start = end + 4;
    searchFrom = start;
    if (parsed.head.status >= 200 || (parsed.head.status === 101 && call.upgrading)) {
      acceptHead(call, parsed.head);
      return start;
    }
    if (parsed.head.status === 101) return failProtocol(call, "101 without an upgrade request");
    call.informational += 1;
    if (call.informational > MAX_INFORMATIONAL) return failProtocol(call, "too many informational responses");
  }
}

const HTTP_1 = Buffer.from("HTTP/1.");

function startsLikeHttp(bytes: Buffer, start: number): boolean {
  const length = Math.min(HTTP_1.length, bytes.length - start);
  return bytes.compare(HTTP_1, 0, length, start, start + length) === 0;
}

function failProtocol(call: Call, detail: string): number {
  failCall(call, upstreamError("upstream_protocol", `${call.connection.endpointName}: ${detail}`));
  return -1;
}

function acceptHead(call: Call, head: ResponseHead): void {
  call.head = head;
  call.waiting = "body";
  if (head.framing.kind === "length") call.remaining = head.framing.length;
  else if (head.framing.kind === "chunked") call.decoder = createChunkedDecoder();
}

/** Reads body bytes from `offset` on, up to the end of the response. */
function readBytes(call: Call, bytes: Buffer, offset: number): void {
  const head = call.head;
  if (head === undefined) return;
  const available = bytes.length - offset;
  if (head.status === 101) {
    call.leftover = bytes.subarray(offset);
    pauseReading(call.connection);
    return;
  }
  switch (head.framing.kind) {
    case "none":
      endResponse(call, available > 0);
      return;
    case "length": {
      const take = Math.min(call.remaining, available);
      if (take > 0)
        enqueue(call, offset === 0 && take === bytes.length ? bytes : bytes.subarray(offset, offset + take));
      call.remaining -= take;
      if (call.remaining === 0) endResponse(call, available > take);
      return;
    }
    case "chunked":
      readChunked(call, bytes, offset);
      return;
    case "close":
      if (available > 0) enqueue(call, bytes.subarray(offset));
  }
}

function readChunked(call: Call, bytes: Buffer, offset: number): void {
  if (call.decoder === undefined) return;
  const first = call.queue.length;
  const result = decodeChunked(call.decoder, bytes, offset, call.queue);
  if (call.queue.length - first > MAX_PIECES_PER_READ)
    call.queue.push(Buffer.concat(call.queue.splice(first)));
  for (let i = first; i < call.queue.length; i++) call.queuedBytes += (call.queue[i] as Uint8Array).length;
  if (result.kind === "end") endResponse(call, result.offset < bytes.length);
  else if (result.kind === "error") failProtocol(call, result.detail);
}

function onClosed(connection: Connection, clean: boolean, detail: string, user: ConnectionUser): void {
  if (user.events !== CALL_EVENTS) return;
  const call = user as Call;
  if (call.finished) return;
  const name = connection.endpointName;
  if (call.head?.framing.kind === "close" && clean) {
    call.ended = true;
    finish(call, false);
    wakeReader(call);
    call.listener.onProgress(call);
  } else if (call.head !== undefined) {
    failCall(call, upstreamError("upstream_truncated", `${name}: ${detail} inside the response body`));
  } else if (call.partialHead !== undefined || call.informational > 0) {
    failCall(call, upstreamError("upstream_closed", `${name}: ${detail} inside the response head`));
  } else {
    const rule = connection.served > 0 ? "if-reused" : "never";
    failCall(call, upstreamError("upstream_closed", `${name}: ${detail} before a response`, rule));
  }
}
