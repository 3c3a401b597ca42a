/** Turns the progress of a call into an answer: whole if it is small, a stream with a piece in hand if not. */

import type { Answer, AnswerBody } from "../exchange/exchange.ts";
import type { MutableHeaderList } from "../http/headers.ts";
import { type Call, takePiece, takeWhole, toByteSource } from "./call.ts";
import type { ResponseHead } from "./response-head.ts";

/** Bodies with a known length below this go out whole, in one write with their length. */
export const WHOLE_BODY_BYTES = 16 * 1024;

/**
 * - `now`: enough has arrived to answer.
 * - `wait`: the rest of a small body is on its way.
 * - `head-only`: nothing of the body yet; wait a moment for a first piece.
 */
export type Readiness = "now" | "wait" | "head-only";

export function answerReadiness(call: Call, head: ResponseHead, responseBuffer: number): Readiness {
  if (call.ended) return "now";
  if (!isEventStream(head)) {
    if (head.length !== undefined && head.length < WHOLE_BODY_BYTES) return "wait";
    if (responseBuffer > 0 && (head.length ?? call.queuedBytes) <= responseBuffer) return "wait";
  }
  return call.queuedBytes > 0 ? "now" : "head-only";
}

export function toAnswer(call: Call, head: ResponseHead): Answer {
  return { status: head.status, headers: answerHeaders(head), body: answerBody(call, head) };
}

/** Unbuffered and never idle: an event stream may be silent for hours. */
export function isEventStream(head: ResponseHead): boolean {
  return head.contentType?.toLowerCase().startsWith("text/event-stream") === true;
}

function answerHeaders(head: ResponseHead): MutableHeaderList {
  // Where no body follows, the length is information about the body of another response and is kept.
  if (head.framing.kind === "none" && head.length !== undefined && head.status !== 204 && head.length > 0) {
    head.headers.push("Content-Length", String(head.length));
  }
  return head.headers;
}

const NO_BODY: AnswerBody = { kind: "none" };

function answerBody(call: Call, head: ResponseHead): AnswerBody {
  if (head.framing.kind === "none") return NO_BODY;
  if (call.ended) return call.queuedBytes === 0 ? EMPTY_BODY : { kind: "bytes", bytes: takeWhole(call) };
  return { kind: "stream", first: takePiece(call), rest: toByteSource(call) };
}

const EMPTY_BODY: AnswerBody = { kind: "bytes", bytes: new Uint8Array(0) };
