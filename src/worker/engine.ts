/** The data plane of one worker: listeners, the current snapshot, and how both change without losing a request. */

import type { Exchange } from "../exchange/exchange.ts";
import { type Listener, type ListenerOptions, startListener } from "../listener/serve.ts";
import { createWebSocketHandlers, type WebSocketData, type WebSocketFront } from "../listener/websocket.ts";
import { err, ok, type Result } from "../lib/result.ts";
import { publishSocket, temporarySocketPath } from "../runtime/unix-socket.ts";
import type { ListenerSpec, RouteSpec, Snapshot } from "../snapshot/types.ts";
import type { Call } from "../upstream/call.ts";
import { createDeadlines } from "../upstream/deadlines.ts";
import { closeIdle, expireIdle } from "../upstream/endpoint.ts";
import { type Run, sweepCall, type UpstreamContext } from "../upstream/run.ts";
import { DEFAULT_TUNNEL_LIMITS } from "../upstream/tunnel.ts";
import { createMaskKeySource } from "../upstream/ws-encode.ts";
import { type Assembled, assemble } from "./assemble.ts";
import type { Engine, Prepared, WorkerContext, WorkerStatus } from "./engine-types.ts";
import { createPipeline } from "./pipeline.ts";
import { createRecorder, type PreparedLog } from "./recorder.ts";

/** WebSockets whose route or endpoint is gone after a reload are closed within this time, at random moments. */
const ORPHAN_CLOSE_MS = 300_000;
/** WebSockets are closed within this part of a drain, so that the last ones can still finish their handshake. */
const DRAIN_CLOSE_PART = 0.5;
const IDLE_SWEEP_MS = 1000;
const DRAIN_POLL_MS = 50;

interface Candidate extends Prepared {
  readonly assembled: Assembled;
  /** Listeners bound for this snapshot; closed again if it is discarded. */
  readonly started: readonly Listener[];
  readonly accessLog: PreparedLog;
}

/** Makes a listener of any kind of front; what goes through it is the same for all. */
export type StartFront = (options: ListenerOptions) => Listener;

export function createEngine(context: WorkerContext, startFront: StartFront = startListener): Engine {
  let current: Assembled | undefined;
  const listeners = new Map<string, Listener>();
  /** No longer wanted, but some requests are not finished. */
  const leaving = new Set<Listener>();
  let cutting = false;
  const upstream = createUpstreamContext(context);
  const recorder = createRecorder(context);
  const front = createFront(context, upstream);
  const pipeline = createPipeline({
    current: () => current,
    record(exchange) {
      // Who was cut off at the end of a drain did not leave by choice.
      if (cutting && exchange.trace.cause === "client_gone") exchange.trace.cause = "not_serving";
      recorder.record(exchange);
    },
    onBug: (error, exchange) => reportBug(context, error, exchange),
  });
  const idleSweep = setInterval(() => sweepIdle(current), IDLE_SWEEP_MS);
  idleSweep.unref();
  /**
   * The kernel leads clients to a port from the moment it is bound, and a new worker has nothing else to answer
   * them with. So its first snapshot serves at once; socket files, which others find by name, wait for the commit.
   */
  const begin = ({ assembled, started, accessLog }: Candidate) => {
    current = assembled;
    recorder.commit(accessLog);
    for (const listener of started) if (!isUnix(listener)) listeners.set(listener.spec.key, listener);
  };

  return {
    async prepare(snapshot) {
      const assembled = assemble(snapshot, upstream, current?.endpoints ?? new Map());
      const accessLog = recorder.prepare(snapshot.log);
      const specs = snapshot.listeners.filter((spec) => !listeners.has(spec.key));
      const started = startAll(specs, (spec) =>
        startFront({ spec, bindPath: bindPathOf(spec), pipeline, websocket: front.handlers }),
      );
      if (!started.ok) {
        recorder.discard(accessLog);
        throw started.error;
      }
      const candidate: Candidate = { snapshot, assembled, started: started.value, accessLog };
      if (current === undefined) begin(candidate);
      return candidate;
    },
    commit(prepared) {
      const { assembled, started, accessLog } = toCandidate(prepared);
      const earlier = current;
      current = assembled;
      recorder.commit(accessLog);
      for (const listener of started) {
        publish(listener.spec);
        listeners.set(listener.spec.key, listener);
      }
      for (const listener of takeUnused(listeners, assembled.snapshot)) {
        leaving.add(listener);
        void listener.stop().then(() => leaving.delete(listener));
      }
      if (earlier !== undefined && earlier !== assembled) letGo(earlier, assembled, front);
    },
    async discard(prepared) {
      const { assembled, started, accessLog } = toCandidate(prepared);
      const begun = current === assembled;
      for (const listener of started) if (!begun || isUnix(listener)) listener.kill();
      if (!begun) recorder.discard(accessLog);
    },
    async drain(deadlineMs) {
      const all = [...listeners.values(), ...leaving];
      front.registry.closeAll({ withinMs: deadlineMs * DRAIN_CLOSE_PART, random: Math.random });
      const left = await finishAll(all, deadlineMs);
      if (left > 0) {
        context.log.warn(`The drain ran out of time: ${left} request${left === 1 ? "" : "s"} cut off`);
      }
      cutting = true;
      for (const listener of all) listener.kill();
      for (const endpoint of current?.endpoints.values() ?? []) closeIdle(endpoint);
      clearInterval(idleSweep);
      await recorder.close();
    },
    reopenLogs: () => recorder.reopen(),
    status: () => toStatus([...listeners.values(), ...leaving], front),
  };
}

function createFront({ log }: WorkerContext, upstream: UpstreamContext): WebSocketFront {
  return createWebSocketHandlers({
    maxMessageBytes: DEFAULT_TUNNEL_LIMITS.maxMessageBytes,
    setTimer: upstream.upgrade.setTimer,
    onBug: (error) => log.error(`Unexpected error in a WebSocket: ${error.stack ?? error.message}`),
  });
}

/** All or none. */
function startAll(
  specs: readonly ListenerSpec[],
  start: (spec: ListenerSpec) => Listener,
): Result<readonly Listener[], unknown> {
  const started: Listener[] = [];
  try {
    for (const spec of specs) started.push(start(spec));
    return ok(started);
  } catch (error) {
    for (const listener of started) listener.kill();
    return err(error);
  }
}

/** Stops accepting and waits for what is under way; how many requests are left at the deadline. */
async function finishAll(listeners: readonly Listener[], deadlineMs: number): Promise<number> {
  const deadline = performance.now() + deadlineMs;
  for (const listener of listeners) void listener.stop();
  while (countUnfinished(listeners) > 0 && performance.now() < deadline) await Bun.sleep(DRAIN_POLL_MS);
  return countUnfinished(listeners);
}

function createUpstreamContext({ cells, row }: WorkerContext): UpstreamContext {
  const now = () => performance.now();
  return {
    meter: {
      nextTicket: (poolSlot) => cells.nextTicket(poolSlot),
      claim: (slot) => cells.claim(row, slot),
      release: (slot) => cells.release(row, slot),
      inFlight: (slot) => cells.inFlight(slot),
      countFailure: (slot) => cells.countFailure(row, slot),
    },
    now,
    random: Math.random,
    deadlines: createDeadlines<Call<Run>>(now, sweepCall),
    pendingDials: new Map(),
    upgrade: {
      nextMaskKey: createMaskKeySource((words) => void crypto.getRandomValues(words)),
      setTimer(ms, fire) {
        const timer = setTimeout(fire, ms);
        return () => clearTimeout(timer);
      },
    },
  };
}

/** Only `prepare` makes candidates, and the process side hands back what it was given. */
function toCandidate(prepared: Prepared): Candidate {
  return prepared as Candidate;
}

function isUnix({ spec }: Listener): boolean {
  return spec.kind === "unix";
}

function bindPathOf(spec: ListenerSpec): string {
  return spec.kind === "unix" ? temporarySocketPath(spec.path, process.pid) : "";
}

function publish(spec: ListenerSpec): void {
  if (spec.kind === "unix") publishSocket(temporarySocketPath(spec.path, process.pid), spec.path);
}

function takeUnused(listeners: Map<string, Listener>, snapshot: Snapshot): Listener[] {
  const wanted = new Set(snapshot.listeners.map((spec) => spec.key));
  const unused = [...listeners.values()].filter((listener) => !wanted.has(listener.spec.key));
  for (const listener of unused) listeners.delete(listener.spec.key);
  return unused;
}

/** Endpoints nobody wants any more lose their idle connections, and what is gone from a route its WebSockets. */
function letGo(earlier: Assembled, assembled: Assembled, front: WebSocketFront): void {
  for (const [key, endpoint] of earlier.endpoints) {
    endpoint.wanted = assembled.endpoints.has(key);
    if (!endpoint.wanted) closeIdle(endpoint);
  }
  for (const endpoint of assembled.endpoints.values()) endpoint.wanted = true;
  const routes = new Map(assembled.snapshot.routes.map((route) => [route.name, route]));
  const isOrphan = (data: WebSocketData) => !hasEndpoint(routes.get(data.route), data.endpoint);
  front.registry.closeWhere(isOrphan, { withinMs: ORPHAN_CLOSE_MS, random: Math.random });
}

function hasEndpoint(route: RouteSpec | undefined, name: string): boolean {
  return (
    route?.action.kind === "proxy" && route.action.proxy.endpoints.some((endpoint) => endpoint.name === name)
  );
}

function sweepIdle(current: Assembled | undefined): void {
  if (current === undefined) return;
  const now = performance.now();
  for (const endpoint of current.endpoints.values()) {
    if (endpoint.idle.length > 0) expireIdle(endpoint, now);
  }
}

function totalInFlight(listeners: readonly Listener[]): number {
  return listeners.reduce((sum, listener) => sum + listener.inFlight(), 0);
}

/** An answer that was handed over whole is no longer in flight, but its client may still be reading it. */
function countUnfinished(listeners: readonly Listener[]): number {
  return listeners.reduce((sum, listener) => sum + Math.max(listener.inFlight(), listener.connections()), 0);
}

function toStatus(all: readonly Listener[], front: WebSocketFront): WorkerStatus {
  return {
    connections: all.reduce((sum, listener) => sum + listener.connections(), 0),
    inFlight: totalInFlight(all),
    websockets: front.registry.count(),
    listeners: all.map(({ spec, address }) => ({ key: spec.key, address })),
    rssBytes: process.memoryUsage.rss(),
  };
}

function reportBug(context: WorkerContext, error: unknown, exchange: Exchange): void {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  context.log.error(`Unexpected error in route "${exchange.trace.route}": ${text}`);
}
