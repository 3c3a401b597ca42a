/** The one place that calls Bun.serve. */

import type { Server, WebSocketHandler } from "bun";
import type { Answer, AnswerBody } from "../exchange/exchange.ts";
import { clientError } from "../exchange/error.ts";
import { renderError } from "../exchange/render.ts";
import { createApp } from "../router/app.ts";
import { armIdleTimer, holdIdleTimer } from "../runtime/idle-timer.ts";
import { toUpgradeFields } from "../runtime/subprotocol.ts";
import type { ListenerSpec } from "../snapshot/types.ts";
import { toReceived } from "./bun-request.ts";
import { type ResponseEvents, toResponse } from "./bun-response.ts";
import type { Pipeline, Started } from "./pipeline.ts";
import { createWebSocketData, type WebSocketData } from "./websocket.ts";

/** Bun.serve's own limit is 128 MB; limits are the middleware's business. */
const NO_BODY_LIMIT = Number.MAX_SAFE_INTEGER;

/** For a client that does not even take the end of an answer that failed: an error on the stream alone would wait. */
const CUT_SECONDS = 1;

export interface Listener {
  readonly spec: ListenerSpec;
  /** "0.0.0.0:8080" or "unix:/path". */
  readonly address: string;
  /** Requests handed over by the runtime and not finished, WebSockets included. */
  readonly inFlight: () => number;
  readonly connections: () => number;
  /** Stops accepting and closes idle connections; resolves when the last connection is gone. */
  readonly stop: () => Promise<void>;
  /** Ends everything at once. */
  readonly kill: () => void;
}

export interface ListenerOptions {
  readonly spec: ListenerSpec;
  /** Where a unix listener is bound until it is published. */
  readonly bindPath: string;
  readonly pipeline: Pipeline;
  readonly websocket: WebSocketHandler<WebSocketData>;
}

interface Side {
  readonly server: Server<WebSocketData>;
  readonly pipeline: Pipeline;
}

/** Throws what Bun.serve throws: the address is in use or not allowed. */
export function startListener({ spec, bindPath, pipeline, websocket }: ListenerOptions): Listener {
  let inFlight = 0;
  const localPort = spec.kind === "tcp" ? spec.port : 0;
  const app = createApp<Server<WebSocketData>>((request, server) => {
    holdIdleTimer(server, request);
    inFlight += 1;
    const started = pipeline.start(toReceived(request, { server, localPort }));
    const events = toEvents({ server, pipeline }, request, started, () => {
      inFlight -= 1;
    });
    const { answer } = started;
    const respond = (ready: Answer) => toFinalResponse(server, request, started, ready, events);
    if (!(answer instanceof Promise)) return respond(answer);
    return answer.then(respond, (thrown: unknown) => respond(pipeline.rescue(started.exchange, thrown)));
  });
  const server = Bun.serve<WebSocketData>({
    ...toAddress(spec, bindPath),
    development: false,
    idleTimeout: pipeline.keepaliveSeconds(),
    maxRequestBodySize: NO_BODY_LIMIT,
    fetch: (request: Request, own: Server<WebSocketData>) => app(request, own),
    websocket,
  });
  return {
    spec,
    address: spec.kind === "tcp" ? `${server.hostname}:${server.port}` : `unix:${spec.path}`,
    inFlight: () => inFlight,
    connections: () => server.pendingRequests + server.pendingWebSockets,
    stop: () => server.stop(false),
    kill: () => void server.stop(true),
  };
}

/** `reusePort` lets the workers share a port; the master has made sure that nobody else does. */
function toAddress(
  spec: ListenerSpec,
  bindPath: string,
): { hostname: string; port: number; reusePort: true } {
  if (spec.kind === "tcp") return { hostname: spec.hostname, port: spec.port, reusePort: true };
  // Bun's types hold addresses and paths apart in a way that no variable of both kinds fits.
  return { unix: bindPath } as unknown as { hostname: string; port: number; reusePort: true };
}

function toEvents(side: Side, request: Request, started: Started, onDone: () => void): ResponseEvents {
  const { server, pipeline } = side;
  let open = true;
  return {
    onLastByte: () => armIdleTimer(server, request, pipeline.keepaliveSeconds()),
    onSettled: (failed) => armIdleTimer(server, request, failed ? CUT_SECONDS : pipeline.clientIdleSeconds()),
    onDone() {
      if (!open) return;
      open = false;
      onDone();
      pipeline.finish(started.exchange);
    },
  };
}

function toFinalResponse(
  server: Server<WebSocketData>,
  request: Request,
  started: Started,
  answer: Answer,
  events: ResponseEvents,
): Response {
  const { body, headers } = answer;
  if (body.kind !== "websocket") return toResponse(started.exchange, answer, events);
  const data = createWebSocketData({
    tunnel: body.tunnel,
    route: started.exchange.trace.route,
    generation: started.generation,
    endpoint: started.exchange.trace.endpoint,
    onClosed: () => undefined,
  });
  body.ended.then(events.onDone);
  if (server.upgrade(request, { headers: toUpgradeFields(headers), data })) {
    started.exchange.trace.status = 101;
    return new Response(null);
  }
  return abandon(started, body, events);
}

/** The client sent frames before our 101, or left: its half cannot be upgraded any more. */
function abandon(
  started: Started,
  body: Extract<AnswerBody, { kind: "websocket" }>,
  events: ResponseEvents,
): Response {
  body.tunnel.abandon();
  const error = clientError("bad_request", "The WebSocket handshake could not be completed");
  return toResponse(started.exchange, renderError(error, started.exchange.headers), events);
}
