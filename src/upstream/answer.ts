/** Turns the progress of a call into an answer: whole if it is small, a stream with a piece in hand if not. */

import type { Answer, AnswerBody } from "../exchange/exchange.ts";
import type { MutableHeaderList } from "../http/headers.ts";
import { abortCall, type Call, takePiece, takeWhole, toByteSource } from "./call.ts";
import { READ_BUFFER_BYTES } from "./connection.ts";
import type { ResponseHead } from "./response-head.ts";

/** Bodies below this go out whole, in one write with their length. From here on Bun would need 20 writes for that. */
export const WHOLE_BODY_BYTES = 16 * 1024;

/** Must not have a body (RFC 9110 15.3.6), yet has framing: what an endpoint sends all the same is dropped. */
const RESET_CONTENT = 205;

/**
 * - `now`: enough has arrived to answer.
 * - `wait`: the rest of a small body is on its way.
 * - `head-only`: nothing of the body yet; wait a moment for a first piece.
 */
export type Readiness = "now" | "wait" | "head-only";

export function answerReadiness(call: Call, head: ResponseHead, responseBuffer: number): Readiness {
  if (call.ended || head.status === RESET_CONTENT) return "now";
  if (!isEventStream(head)) {
    if (head.length !== undefined && head.length < WHOLE_BODY_BYTES) return "wait";
    if (responseBuffer > 0 && (head.length ?? call.queuedBytes) <= responseBuffer) return "wait";
  }
  return call.queuedBytes > 0 ? "now" : "head-only";
}

export function toAnswer(call: Call, head: ResponseHead, responseBuffer: number): Answer {
  return {
    status: head.status,
    headers: answerHeaders(call, head),
    body: answerBody(call, head, responseBuffer),
  };
}

/** Unbuffered and never idle: an event stream may be silent for hours. */
export function isEventStream(head: ResponseHead): boolean {
  return head.contentType?.toLowerCase().startsWith("text/event-stream") === true;
}

function answerHeaders(call: Call, head: ResponseHead): MutableHeaderList {
  // The length of a body that does not follow tells of the one a GET would get (RFC 9110 8.6).
  if (head.length !== undefined && (call.method === "HEAD" || head.status === 304)) {
    head.headers.push("Content-Length", String(head.length));
  }
  return head.headers;
}

const NO_BODY: AnswerBody = { kind: "none" };

function answerBody(call: Call, head: ResponseHead, responseBuffer: number): AnswerBody {
  if (head.framing.kind === "none") return NO_BODY;
  if (head.status === RESET_CONTENT) {
    abortCall(call);
    return NO_BODY;
  }
  if (call.ended) {
    if (call.queuedBytes === 0) return EMPTY_BODY;
    const keepLength = call.queuedBytes < WHOLE_BODY_BYTES || call.queuedBytes <= responseBuffer;
    // Several pieces of a large body are not worth a copy.
    if (keepLength || call.queue.length === 1) return { kind: "bytes", bytes: takeWhole(call), keepLength };
  }
  // What was to be buffered turned out too large: from here on no more than for any stream.
  call.bufferLimit = READ_BUFFER_BYTES;
  return { kind: "stream", first: takePiece(call), rest: toByteSource(call) };
}

const EMPTY_BODY: AnswerBody = { kind: "bytes", bytes: new Uint8Array(0) };
