/** One request through the current snapshot: accept, match, handle, render failures, log. */

import { acceptRequest } from "../exchange/accept.ts";
import { type ProxyError, ProxyFailure, proxyError } from "../exchange/error.ts";
import type { Answer, Exchange } from "../exchange/exchange.ts";
import { renderError } from "../exchange/render.ts";
import { getHeader, type HeaderList } from "../http/headers.ts";
import type { Pipeline } from "../listener/pipeline.ts";
import type { Assembled } from "./assemble.ts";

export interface PipelineOptions {
  /** The snapshot for requests that start now; undefined before the first one is committed. */
  readonly current: () => Assembled | undefined;
  /** One line per finished exchange. */
  readonly record: (exchange: Exchange) => void;
  /** An exception that is not a ProxyFailure is a bug. */
  readonly onBug: (error: unknown, exchange: Exchange) => void;
}

const NO_HEADERS: HeaderList = [];

export function createPipeline({ current, record, onBug }: PipelineOptions): Pipeline {
  const rescue = (exchange: Exchange, thrown: unknown): Answer => {
    if (thrown instanceof ProxyFailure) return renderFailure(exchange, thrown.error, NO_HEADERS);
    onBug(thrown, exchange);
    return renderFailure(exchange, proxyError("internal", String(thrown)), NO_HEADERS);
  };
  return {
    start(received) {
      const assembled = current();
      const { exchange, problem } = acceptRequest(received, assembled?.isTrusted ?? trustNobody);
      const generation = assembled?.snapshot.generation ?? 0;
      if (assembled === undefined) {
        const error = proxyError("not_serving", "no configuration was committed yet");
        return { exchange, generation, answer: renderFailure(exchange, error, NO_HEADERS) };
      }
      if (problem !== undefined) {
        return { exchange, generation, answer: renderFailure(exchange, problem, fieldsFor(problem)) };
      }
      try {
        return { exchange, generation, answer: handle(assembled, exchange) };
      } catch (thrown) {
        return { exchange, generation, answer: rescue(exchange, thrown) };
      }
    },
    rescue,
    finish: record,
    keepaliveSeconds: () =>
      Math.ceil((current()?.snapshot.timeouts.keepalive ?? DEFAULT_KEEPALIVE_MS) / 1000),
    clientIdleSeconds: () =>
      Math.ceil((current()?.snapshot.timeouts.clientIdle ?? DEFAULT_CLIENT_IDLE_MS) / 1000),
  };
}

const DEFAULT_KEEPALIVE_MS = 75_000;
const DEFAULT_CLIENT_IDLE_MS = 300_000;

function trustNobody(): boolean {
  return false;
}

/** What is offered to everybody; routes may allow less. */
const METHODS = "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT";

/** Fields that the statuses of refusals require (RFC 9110 15.5.6 and 15.5.22, RFC 6455 4.4). */
function fieldsFor({ kind }: ProxyError): HeaderList {
  if (kind === "upgrade_required") return ["Upgrade", "websocket", "Sec-WebSocket-Version", "13"];
  return kind === "method_not_allowed" ? ["Allow", METHODS] : NO_HEADERS;
}

/** RFC 9110 7.6.2: with Max-Forwards 0 the request is for this hop. */
function isForThisHop({ method, headers }: Exchange): boolean {
  return method === "OPTIONS" && getHeader(headers, "max-forwards") === "0";
}

function handle(assembled: Assembled, exchange: Exchange): Answer | Promise<Answer> {
  if (isForThisHop(exchange))
    return { status: 200, headers: ["Allow", METHODS], body: { kind: "bytes", bytes: new Uint8Array(0) } };
  const match = assembled.router.match(exchange);
  switch (match.kind) {
    case "found": {
      const route = assembled.routes[match.index];
      if (route === undefined) throw new Error(`No handler for route ${match.index}`);
      exchange.trace.route = route.name;
      return route.handler(exchange);
    }
    case "method-not-allowed": {
      const error = proxyError(
        "method_not_allowed",
        `${exchange.method} is not among ${match.allowed.join(", ")}`,
      );
      return renderFailure(exchange, error, ["Allow", match.allowed.join(", ")]);
    }
    case "not-found":
      return renderFailure(exchange, proxyError("no_route", "no route matches"), NO_HEADERS);
  }
}

/** Sets what the log says about the failure and makes the answer; nobody else renders one. */
function renderFailure(exchange: Exchange, error: ProxyError, extra: HeaderList): Answer {
  const answer = renderError(error, exchange.headers, extra);
  exchange.trace.cause = error.kind;
  exchange.trace.detail = error.detail;
  exchange.trace.status = answer.status;
  // Nobody reads this answer, but Bun wants a status it can send.
  return error.kind === "client_gone" ? { ...answer, status: 408 } : answer;
}
