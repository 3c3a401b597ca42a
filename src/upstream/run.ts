/** One request on its way through one route: what its calls report, its deadlines, and how it ends. */

import type { Pick, PoolView } from "../balancer/pick.ts";
import { clientError, type ProxyError, ProxyFailure, upstreamError } from "../exchange/error.ts";
import type { Answer, Exchange } from "../exchange/exchange.ts";
import type { ProxySpec, TimeoutSpec } from "../snapshot/types.ts";
import { answerReadiness, isEventStream, toAnswer } from "./answer.ts";
import { type Call, type CallListener, failCall } from "./call.ts";
import { type Deadlines, unwatch } from "./deadlines.ts";
import type { PendingDials } from "./dial.ts";
import { type Endpoint, putIdle } from "./endpoint.ts";
import type { OutboundRules } from "./outbound.ts";
import { forgetKept, type ReplayableBody, requestTimeout } from "./request-body.ts";
import type { ResponseHead } from "./response-head.ts";
import { checkUpgrade, toUpgradeAnswer, type UpgradeTools } from "./upgrade.ts";

/** How long a head waits for the first piece of its body before it goes alone: a stream opens at once. */
export const HEAD_WAIT_MS = 5;
/** What the backend announces in Keep-Alive is used less this, for the time a request needs to arrive. */
const KEEP_ALIVE_MARGIN_MS = 1000;

/** Shared-memory counters, bound to this worker's row. */
export interface Meter {
  readonly nextTicket: (poolSlot: number) => number;
  readonly claim: (slot: number) => void;
  readonly release: (slot: number) => void;
  readonly inFlight: (slot: number) => number;
  readonly countFailure: (slot: number) => void;
}

/** What all routes of a worker share; survives reloads. */
export interface UpstreamContext {
  readonly meter: Meter;
  readonly now: () => number;
  readonly random: () => number;
  readonly deadlines: Deadlines<Call<Run>>;
  readonly pendingDials: PendingDials;
  readonly upgrade: UpgradeTools;
}

/** One proxy route of one snapshot, ready to serve. */
export interface ForwardPlan {
  readonly context: UpstreamContext;
  readonly spec: ProxySpec;
  readonly endpoints: readonly Endpoint[];
  readonly view: PoolView;
  readonly poolSlot: number;
  readonly pick: Pick;
  readonly outbound: OutboundRules;
  readonly timeouts: TimeoutSpec;
}

export interface Run {
  readonly plan: ForwardPlan;
  readonly exchange: Exchange;
  readonly target: string;
  readonly ticket: number;
  readonly body: ReplayableBody | undefined;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (failure: ProxyFailure) => void;
  /** Decides about another attempt after a failure before the answer. */
  readonly retry: (run: Run, error: ProxyError) => void;
  /** Endpoint of the current attempt. */
  index: number;
  tried: readonly number[];
  freshOnly: boolean;
  connectRetries: number;
  reuseRetries: number;
  /** The endpoint claimed now. */
  endpoint: Endpoint | undefined;
  call: Call<Run> | undefined;
  /** The answer or its failure was handed over. */
  answered: boolean;
  clientGone: boolean;
  watchingClient: boolean;
  headTimer: Timer | undefined;
}

export const RUN_EVENTS: CallListener<Run> = { onProgress, onFailure, onFinished };

/** Ends a run without an answer. */
export function giveUp(run: Run, error: ProxyError): void {
  if (run.answered) return;
  run.answered = true;
  run.exchange.body?.cancel();
  run.reject(new ProxyFailure(error));
}

/** The claim on the endpoint ends: with the body, not with the head. */
export function freeEndpoint(run: Run): void {
  const endpoint = run.endpoint;
  if (endpoint === undefined) return;
  run.endpoint = undefined;
  endpoint.busy -= 1;
  run.plan.context.meter.release(endpoint.slot);
}

/** From now on a client that leaves ends the run. Costs more than a short request takes, so it is done late. */
export function watchClient(run: Run): void {
  if (run.watchingClient) return;
  run.watchingClient = true;
  run.exchange.onClientGone(() => {
    run.clientGone = true;
    const error = clientError("client_gone", "The client closed the connection");
    if (run.call !== undefined && !run.call.finished) failCall(run.call, error);
    giveUp(run, error);
  });
}

/** Called for every call in flight about ten times a second. */
export function sweepCall(call: Call<Run>, now: number): void {
  const run = call.owner;
  if (call.touched) {
    // Most calls do not live to see a second sweep, so the client of a new one is not watched yet.
    call.touched = false;
    call.deadlineAt = now + limitMs(call, run.plan.timeouts);
    return;
  }
  if (!run.answered) watchClient(run);
  if (now >= call.deadlineAt) failCall(call, timeoutError(call, run.plan.timeouts));
}

function limitMs(call: Call, timeouts: TimeoutSpec): number {
  if (call.waiting === "head") return timeouts.responseHeader;
  if (call.waiting === "body" && call.head !== undefined && isEventStream(call.head))
    return Number.POSITIVE_INFINITY;
  return timeouts.clientIdle;
}

function timeoutError(call: Call, timeouts: TimeoutSpec): ProxyError {
  const name = call.connection.endpointName;
  switch (call.waiting) {
    case "request":
      return requestTimeout(call, timeouts.clientIdle);
    case "head":
      return upstreamError(
        "response_header_timeout",
        `${name} sent no response head within ${timeouts.responseHeader} ms`,
      );
    case "body":
      return upstreamError(
        "upstream_idle_timeout",
        `${name} sent no body bytes for ${timeouts.clientIdle} ms`,
      );
    case "reader":
      return clientError("client_idle_timeout", `The client took no bytes for ${timeouts.clientIdle} ms`);
  }
}

function onProgress(call: Call<Run>): void {
  const run = call.owner;
  const head = call.head;
  if (run.answered || head === undefined) return;
  const trace = run.exchange.trace;
  if (trace.firstByteMs < 0) trace.firstByteMs = run.plan.context.now() - trace.start;
  if (head.status === 101) {
    switchProtocol(call, run, head);
    return;
  }
  const responseBuffer = run.plan.spec.responseBuffer;
  switch (answerReadiness(call, head, responseBuffer)) {
    case "now":
      answer(run, toAnswer(call, head, responseBuffer));
      return;
    case "wait":
      return;
    case "head-only":
      run.headTimer ??= setTimeout(() => {
        if (!run.answered && call.failure === undefined) answer(run, toAnswer(call, head, responseBuffer));
      }, HEAD_WAIT_MS);
  }
}

/** The endpoint stays claimed until the tunnel ends. */
function switchProtocol(call: Call<Run>, run: Run, head: ResponseHead): void {
  const problem = checkUpgrade(run.exchange, head, call.connection.endpointName);
  if (problem !== undefined) {
    failCall(call, problem);
    return;
  }
  unwatch(run.plan.context.deadlines, call);
  const { trace } = run.exchange;
  answer(
    run,
    toUpgradeAnswer(call, head, run.plan.context.upgrade, (end) => {
      trace.cause = end.cause;
      trace.detail = end.detail;
      trace.bytesIn = end.bytesIn;
      trace.bytesOut = end.bytesOut;
      freeEndpoint(run);
    }),
  );
}

function answer(run: Run, ready: Answer): void {
  if (run.headTimer !== undefined) clearTimeout(run.headTimer);
  run.answered = true;
  if (run.body !== undefined) forgetKept(run.body);
  run.resolve(ready);
}

function onFailure(call: Call<Run>): void {
  const run = call.owner;
  const error = call.failure;
  if (error === undefined) return;
  if (run.headTimer !== undefined) clearTimeout(run.headTimer);
  if (run.answered) {
    run.exchange.trace.cause = error.kind;
    run.exchange.trace.detail = error.detail;
  } else {
    run.retry(run, error);
  }
}

function onFinished(call: Call<Run>, reusable: boolean): void {
  const run = call.owner;
  const { context, timeouts } = run.plan;
  unwatch(context.deadlines, call);
  const endpoint = run.endpoint;
  freeEndpoint(run);
  if (endpoint === undefined) return;
  if (call.failure?.source === "upstream") context.meter.countFailure(endpoint.slot);
  if (!reusable) return;
  const announced = call.head?.keepAliveSeconds;
  const idleMs =
    announced === undefined
      ? timeouts.upstreamIdle
      : Math.min(timeouts.upstreamIdle, announced * 1000 - KEEP_ALIVE_MARGIN_MS);
  putIdle(endpoint, call.connection, idleMs, context.now());
}
