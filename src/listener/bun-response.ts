/** Our answer as Bun's Response, written in as few system calls as Bun allows. */

import type { Answer, AnswerBody, Exchange } from "../exchange/exchange.ts";
import { ProxyFailure } from "../exchange/error.ts";
import type { HeaderList } from "../http/headers.ts";

/** Told about the end of an answer, so that idle timers and the log are right. */
export interface ResponseEvents {
  /** The last byte is about to be handed over: from here on the connection may idle out. */
  readonly onLastByte: () => void;
  /** Exactly once. */
  readonly onDone: () => void;
}

export function toResponse(exchange: Exchange, answer: Answer, events: ResponseEvents): Response {
  const trace = exchange.trace;
  if (trace.status === 0) trace.status = answer.status;
  const init = { status: answer.status, headers: toHeaders(answer.headers) };
  const body = answer.body;
  switch (body.kind) {
    case "bytes":
      trace.bytesOut = typeof body.bytes === "string" ? Buffer.byteLength(body.bytes) : body.bytes.length;
      return finished(new Response(body.bytes, init), events);
    case "stream":
      return new Response(toStream(exchange, body, events), init);
    default:
      return finished(new Response(null, init), events);
  }
}

function finished(response: Response, events: ResponseEvents): Response {
  events.onLastByte();
  events.onDone();
  return response;
}

function toHeaders(list: HeaderList): Headers {
  const headers = new Headers();
  for (let i = 0; i < list.length; i += 2) headers.append(list[i] as string, list[i + 1] as string);
  return headers;
}

type StreamBody = Extract<AnswerBody, { kind: "stream" }>;

/**
 * With the first piece enqueued in `start` Bun sends head and piece together; a piece that comes later
 * makes it write the head token by token, one system call each.
 */
function toStream(exchange: Exchange, body: StreamBody, events: ResponseEvents): ReadableStream<Uint8Array> {
  const { trace } = exchange;
  let done = false;
  const end = () => {
    if (done) return;
    done = true;
    events.onDone();
  };
  return new ReadableStream<Uint8Array>({
    start(controller) {
      if (body.first === undefined) return;
      trace.bytesOut += body.first.length;
      controller.enqueue(body.first);
    },
    async pull(controller) {
      try {
        const piece = await body.rest.read();
        if (done) return;
        if (piece === undefined) {
          events.onLastByte();
          controller.close();
          end();
          return;
        }
        trace.bytesOut += piece.length;
        controller.enqueue(piece);
      } catch (thrown) {
        // An error, not an end: the client sees an aborted body, never a clean one (RFC 9112 8).
        if (trace.cause === "") trace.cause = thrown instanceof ProxyFailure ? thrown.error.kind : "internal";
        controller.error(thrown);
        end();
      }
    },
    cancel() {
      body.rest.cancel();
      if (!done && trace.cause === "") trace.cause = "client_gone";
      end();
    },
  });
}
