/** The terminal handler of a proxy route: pick → claim → send → retry? → release. */

import { NONE_TRIED } from "../balancer/pick.ts";
import { decideRetry } from "../balancer/retry.ts";
import { clientError, type ProxyError, ProxyFailure, proxyError, upstreamError } from "../exchange/error.ts";
import type { Answer, Exchange, Handler } from "../exchange/exchange.ts";
import { isIdempotent } from "../http/method.ts";
import { rewriteTarget } from "../http/path.ts";
import { type Call, failCall } from "./call.ts";
import { type Connection, destroyConnection, READ_BUFFER_BYTES } from "./connection.ts";
import { watch } from "./deadlines.ts";
import { dial } from "./dial.ts";
import { type Endpoint, FRESH_IDLE_MS, MAX_CONNECTIONS, takeIdle } from "./endpoint.ts";
import { sendHead } from "./head-writer.ts";
import { formatRequestHead } from "./outbound.ts";
import { createReplayableBody, sendWithBody } from "./request-body.ts";
import { type ForwardPlan, freeEndpoint, giveUp, RUN_EVENTS, type Run, watchClient } from "./run.ts";
import { startCall } from "./start-call.ts";

export function createForward(plan: ForwardPlan): Handler {
  if (plan.spec.websocket) return createSend(plan);
  const send = createSend(plan);
  // A route without WebSockets ignores Upgrade, as RFC 9110 7.8 allows.
  return (exchange) => send(exchange.upgrade === undefined ? exchange : { ...exchange, upgrade: undefined });
}

function createSend(plan: ForwardPlan): Handler {
  return (exchange) => {
    const target = rewriteTarget({
      target: exchange.target,
      path: exchange.path,
      query: exchange.query,
      stripPrefix: plan.spec.stripPrefix,
      addPrefix: plan.spec.addPrefix,
    });
    if (target === undefined) {
      throw new ProxyFailure(clientError("bad_request", "The path cannot be rewritten safely"));
    }
    return new Promise<Answer>((resolve, reject) => {
      attempt({
        plan,
        exchange,
        target,
        ticket: plan.context.meter.nextTicket(plan.poolSlot),
        body: exchange.body === undefined ? undefined : createReplayableBody(exchange.body),
        resolve,
        reject,
        retry,
        index: -1,
        tried: NONE_TRIED,
        freshOnly: false,
        connectRetries: 0,
        reuseRetries: 0,
        endpoint: undefined,
        call: undefined,
        answered: false,
        clientGone: false,
        watchingClient: false,
        headTimer: undefined,
      });
    });
  };
}

/** Picks and claims an endpoint, then sends on an idle connection or a new one. */
function attempt(run: Run): void {
  const { context, endpoints, pick, view } = run.plan;
  const input = { ticket: run.ticket, random: context.random, key: run.exchange.client.ip, tried: run.tried };
  run.index = pick(view, input);
  const endpoint = endpoints[run.index];
  if (endpoint === undefined) {
    giveUp(run, proxyError("no_endpoint", "no endpoint of the pool can take the request"));
    return;
  }
  run.endpoint = endpoint;
  run.exchange.trace.endpoint = endpoint.spec.name;
  context.meter.claim(endpoint.slot);
  endpoint.busy += 1;
  if (!run.freshOnly) {
    const maxIdleMs = isIdempotent(run.exchange.method) ? Number.POSITIVE_INFINITY : FRESH_IDLE_MS;
    const idle = takeIdle(endpoint, maxIdleMs, context.now());
    if (idle !== undefined) {
      run.exchange.trace.connectMs = 0;
      send(run, endpoint, idle);
      return;
    }
  }
  connect(run, endpoint);
}

function connect(run: Run, endpoint: Endpoint): void {
  const { context, timeouts } = run.plan;
  if (endpoint.busy > MAX_CONNECTIONS) {
    failAttempt(
      run,
      proxyError("connect_limit", `${endpoint.spec.name}: ${MAX_CONNECTIONS} connections in use`),
    );
    return;
  }
  const startedAt = context.now();
  watchClient(run);
  dial(endpoint.spec, timeouts.connect, context.pendingDials).then((dialled) => {
    run.exchange.trace.connectMs = context.now() - startedAt;
    if (!dialled.ok) {
      context.meter.countFailure(endpoint.slot);
      failAttempt(run, dialled.error);
    } else if (run.clientGone) {
      destroyConnection(dialled.value);
      freeEndpoint(run);
    } else {
      send(run, endpoint, dialled.value);
    }
  });
}

function send(run: Run, endpoint: Endpoint, connection: Connection): void {
  const { exchange, plan } = run;
  const upgrading = exchange.upgrade !== undefined;
  const request = { method: exchange.method, upgrading, hasBody: run.body !== undefined };
  const call: Call<Run> = startCall(connection, request, run, RUN_EVENTS);
  run.call = call;
  // Before the first byte: a read larger than the usual limit would pause a connection nobody resumes.
  call.bufferLimit = Math.max(READ_BUFFER_BYTES, plan.spec.responseBuffer + 1);
  watch(plan.context.deadlines, call);
  if (connection.closed) {
    // The endpoint closed, or spoke out of turn, between the dial and now.
    failCall(
      call,
      upstreamError("upstream_closed", `${connection.endpointName}: closed before the request`, "safe"),
    );
    return;
  }
  const head = formatRequestHead(exchange, run.target, hostFor(exchange, plan, endpoint), plan.outbound);
  if (run.body === undefined) sendHead(connection, head);
  else sendWithBody(call, Buffer.from(head, "latin1"), run.body);
}

function hostFor(exchange: Exchange, plan: ForwardPlan, endpoint: Endpoint): string {
  const rule = plan.spec.hostHeader;
  if (rule === "preserve" && exchange.authority !== "") return exchange.authority;
  return rule === "endpoint" || rule === "preserve" ? endpoint.host : rule;
}

/** An attempt ended without an answer: try again where that is safe, else report the first failure's cause. */
function retry(run: Run, error: ProxyError): void {
  const decision = decideRetry(error, run, {
    idempotent: isIdempotent(run.exchange.method),
    replayable: run.body === undefined || !run.body.overflown,
  });
  if (decision === "stop" || run.clientGone) {
    giveUp(run, error);
    return;
  }
  if (decision === "after-connect") run.connectRetries += 1;
  else run.reuseRetries += 1;
  run.tried = run.tried.concat(run.index);
  // Other idle connections of that endpoint most likely died with this one.
  run.freshOnly = decision === "after-reuse";
  if (!hasUntried(run)) {
    // A lone endpoint that closed an idle connection is asked again on a new one; a refusal is not repeated.
    if (decision === "after-connect") {
      giveUp(run, error);
      return;
    }
    run.tried = NONE_TRIED;
  }
  run.exchange.trace.retries += 1;
  attempt(run);
}

function hasUntried(run: Run): boolean {
  return run.plan.spec.endpoints.some((endpoint, index) => endpoint.weight > 0 && !run.tried.includes(index));
}

function failAttempt(run: Run, error: ProxyError): void {
  freeEndpoint(run);
  retry(run, error);
}
