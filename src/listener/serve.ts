/** The one place that calls Bun.serve. */

import type { Server, WebSocketHandler } from "bun";
import type { Answer, AnswerBody } from "../exchange/exchange.ts";
import { clientError } from "../exchange/error.ts";
import { renderError } from "../exchange/render.ts";
import { getHeader, type HeaderList } from "../http/headers.ts";
import { createApp } from "../router/app.ts";
import type { ListenerSpec } from "../snapshot/types.ts";
import { toReceived } from "./bun-request.ts";
import { type ResponseEvents, toResponse } from "./bun-response.ts";
import type { Pipeline, Started } from "./pipeline.ts";
import { createWebSocketData, type WebSocketData } from "./websocket.ts";

/** Bun.serve's own limit is 128 MB; limits are the middleware's business. */
const NO_BODY_LIMIT = Number.MAX_SAFE_INTEGER;

/** Bun's idle timer goes no further. */
const MAX_TIMEOUT_SECONDS = 255;
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
    // Bun counts a slow upload or a slow backend as idle. Off for now, on again before the last byte.
    server.timeout(request, 0);
    inFlight += 1;
    const started = pipeline.start(toReceived(request, { server, localPort }));
    const events = toEvents({ server, pipeline }, request, started, () => {
      inFlight -= 1;
    });
    const { answer } = started;
    const respond = (ready: Answer) => toFinalResponse(server, request, started, ready, events);
    return answer instanceof Promise ? answer.then(respond) : respond(answer);
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

function clientIdleSeconds({ pipeline }: Side): number {
  return Math.min(pipeline.clientIdleSeconds(), MAX_TIMEOUT_SECONDS);
}

function toEvents(side: Side, request: Request, started: Started, onDone: () => void): ResponseEvents {
  let open = true;
  return {
    onLastByte: () => side.server.timeout(request, side.pipeline.keepaliveSeconds()),
    onSettled: (failed) => side.server.timeout(request, failed ? CUT_SECONDS : clientIdleSeconds(side)),
    onDone() {
      if (!open) return;
      open = false;
      onDone();
      side.pipeline.finish(started.exchange);
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
    onClosed: () => undefined,
  });
  body.ended.then(events.onDone);
  if (server.upgrade(request, { headers: toHandshake(headers), data })) {
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

/** Left to itself Bun takes the first subprotocol offered; an empty one keeps it from that and is not sent. */
function toHandshake(headers: HeaderList): [string, string][] {
  const pairs: [string, string][] = [];
  for (let i = 0; i < headers.length; i += 2) pairs.push([headers[i] as string, headers[i + 1] as string]);
  if (getHeader(headers, "sec-websocket-protocol") === undefined) pairs.push(["Sec-WebSocket-Protocol", ""]);
  return pairs;
}
