/** Our answer as Bun's Response, written in as few system calls as Bun allows. */

import type { Answer, AnswerBody, Exchange } from "../exchange/exchange.ts";
import { ProxyFailure } from "../exchange/error.ts";
import { getHeader, type HeaderList } from "../http/headers.ts";
import { silentOpening } from "../runtime/early-head.ts";
import { LARGE_BODY_BYTES, toLargeBody } from "../runtime/large-body.ts";
import { toUntypedBody } from "../runtime/untyped-body.ts";

/** Told about the end of an answer, so that idle timers and the log are right. */
export interface ResponseEvents {
  /** The last byte is about to be handed over: from here on the connection may idle out. */
  readonly onLastByte: () => void;
  /** The answer waits for nobody but the client; `failed`: and what is left of it is worth nothing. */
  readonly onSettled: (failed: boolean) => void;
  /** Exactly once. */
  readonly onDone: () => void;
}

export function toResponse(exchange: Exchange, answer: Answer, events: ResponseEvents): Response {
  const trace = exchange.trace;
  if (trace.status === 0) trace.status = answer.status;
  const init = { status: answer.status };
  const body = answer.body;
  if (exchange.method === "HEAD" && body.kind !== "stream") {
    const response = withHeaders(new Response(null, init), answer.headers);
    completeHead(answer, response.headers);
    return finished(response, events);
  }
  switch (body.kind) {
    case "bytes":
      trace.bytesOut = body.bytes.length;
      return finished(withHeaders(new Response(toBody(body, answer.headers), init), answer.headers), events);
    case "stream": {
      const first = body.first ?? silentOpening(answer.headers);
      return withHeaders(new Response(toStream(exchange, body, events, first), init), answer.headers);
    }
    default:
      return finished(withHeaders(new Response(null, init), answer.headers), events);
  }
}

/** Fields are appended where they will stay: Headers given to a Response are copied, 5 µs a request. */
function withHeaders(response: Response, list: HeaderList): Response {
  const headers = response.headers;
  for (let i = 0; i < list.length; i += 2) headers.append(list[i] as string, list[i + 1] as string);
  return response;
}

function toBody({ bytes, keepLength }: BytesBody, headers: HeaderList) {
  if (bytes.length >= LARGE_BODY_BYTES && keepLength !== true) return toLargeBody(bytes);
  return getHeader(headers, "content-type") === undefined ? toUntypedBody(bytes) : bytes;
}

/** To HEAD Bun claims an empty body where no length is given (RFC 9110 8.6), and sends no Date (6.6.1). */
function completeHead(answer: Answer, headers: Headers): void {
  if (answer.body.kind === "bytes") headers.set("content-length", String(answer.body.bytes.length));
  else if (!hasLength(answer)) headers.set("transfer-encoding", "chunked");
  if (!headers.has("date")) headers.set("date", new Date().toUTCString());
}

function hasLength({ status, headers }: Answer): boolean {
  return status === 204 || status === 304 || getHeader(headers, "content-length") !== undefined;
}

function finished(response: Response, events: ResponseEvents): Response {
  events.onLastByte();
  events.onDone();
  return response;
}

/** Pieces are read when they are wanted: one is up to 512 KiB, and a client that stops reading would hold one more. */
const NOTHING_AHEAD = { highWaterMark: 0 } as const;

type BytesBody = Extract<AnswerBody, { kind: "bytes" }>;
type StreamBody = Extract<AnswerBody, { kind: "stream" }>;

/**
 * With the first piece enqueued in `start` Bun sends head and piece together; a piece that comes later
 * makes it write the head token by token, one system call each.
 */
function toStream(
  exchange: Exchange,
  body: StreamBody,
  events: ResponseEvents,
  first: Uint8Array | undefined,
): ReadableStream<Uint8Array> {
  const { trace } = exchange;
  let done = false;
  const end = () => {
    if (done) return;
    done = true;
    events.onDone();
  };
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        body.rest.onSettled?.((failed) => {
          if (!done) events.onSettled(failed);
        });
        if (first === undefined) return;
        trace.bytesOut += first.length;
        controller.enqueue(first);
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
          if (trace.cause === "")
            trace.cause = thrown instanceof ProxyFailure ? thrown.error.kind : "internal";
          controller.error(thrown);
          end();
        }
      },
      cancel() {
        body.rest.cancel();
        if (!done && trace.cause === "") trace.cause = "client_gone";
        end();
      },
    },
    NOTHING_AHEAD,
  );
}
