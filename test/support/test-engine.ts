/** A data plane for tests of the process model: answers its generation, and misbehaves on demand. */

import { appendFileSync, existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { publishSocket, temporarySocketPath } from "../../src/runtime/unix-socket.ts";
import type { ListenerSpec, Snapshot } from "../../src/snapshot/types.ts";
import type { Engine, Prepared, WorkerContext } from "../../src/worker/engine-types.ts";

interface Bound {
  readonly spec: ListenerSpec;
  readonly server: Bun.Server<undefined>;
}

interface State {
  readonly context: WorkerContext;
  current: Snapshot | undefined;
  bound: Map<string, Bound>;
  inFlight: number;
}

interface TestPrepared extends Prepared {
  readonly fresh: Map<string, Bound>;
}

/**
 * Files in the home steer it: `fail-prepare-N`, `hang-prepare-N` and `die-prepare-N` for worker N.
 * `/slow` claims the first endpoint and holds the request until the file `go` exists.
 */
export function createTestEngine(context: WorkerContext): Engine {
  const state: State = { context, current: undefined, bound: new Map(), inFlight: 0 };
  return {
    prepare: (snapshot) => prepare(state, snapshot),
    commit: (prepared) => commit(state, prepared as TestPrepared),
    async discard(prepared) {
      for (const bound of (prepared as TestPrepared).fresh.values()) await close(bound);
    },
    async drain(deadlineMs) {
      const deadline = performance.now() + deadlineMs;
      for (const bound of state.bound.values()) void bound.server.stop();
      while (state.inFlight > 0 && performance.now() < deadline) await delay(5);
    },
    reopenLogs: () => appendFileSync(join(context.home, "reopened"), `${context.index}\n`),
    status: () => ({
      connections: 0,
      inFlight: state.inFlight,
      websockets: 0,
      listeners: [...state.bound.values()].map(({ spec }) => ({
        key: spec.key,
        address: spec.kind === "tcp" ? `${spec.hostname}:${spec.port}` : `unix:${spec.path}`,
      })),
      rssBytes: process.memoryUsage.rss(),
    }),
  };
}

async function prepare(state: State, snapshot: Snapshot): Promise<TestPrepared> {
  const { home, index } = state.context;
  if (existsSync(join(home, `die-prepare-${index}`))) process.kill(process.pid, "SIGKILL");
  if (existsSync(join(home, `hang-prepare-${index}`))) await new Promise(() => {});
  const fresh = new Map<string, Bound>();
  for (const spec of snapshot.listeners) {
    if (!state.bound.has(spec.key)) fresh.set(spec.key, bind(state, spec));
  }
  if (existsSync(join(home, `fail-prepare-${index}`))) {
    for (const bound of fresh.values()) await close(bound);
    throw new Error("the test says no");
  }
  return { snapshot, fresh };
}

function commit(state: State, prepared: TestPrepared): void {
  const keep = new Set(prepared.snapshot.listeners.map((spec) => spec.key));
  for (const [key, bound] of prepared.fresh) {
    if (bound.spec.kind === "unix") {
      publishSocket(temporarySocketPath(bound.spec.path, process.pid), bound.spec.path);
    }
    state.bound.set(key, bound);
  }
  for (const [key, bound] of state.bound) {
    if (keep.has(key)) continue;
    state.bound.delete(key);
    void bound.server.stop();
  }
  state.current = prepared.snapshot;
}

function bind(state: State, spec: ListenerSpec): Bound {
  const fetch = (request: Request) => answer(state, request);
  const server =
    spec.kind === "tcp"
      ? Bun.serve({ hostname: spec.hostname, port: spec.port, reusePort: true, fetch })
      : Bun.serve({ unix: temporarySocketPath(spec.path, process.pid), fetch });
  return { spec, server };
}

async function close(bound: Bound): Promise<void> {
  await bound.server.stop(true);
  if (bound.spec.kind === "unix") rmSync(temporarySocketPath(bound.spec.path, process.pid), { force: true });
}

async function answer(state: State, request: Request): Promise<Response> {
  const { context, current } = state;
  const slot = current?.slots["e1"] ?? 0;
  context.cells.claim(context.row, slot);
  state.inFlight += 1;
  try {
    if (request.url.endsWith("/slow")) {
      while (!existsSync(join(context.home, "go"))) await delay(5);
    }
    if (request.url.endsWith("/env")) return Response.json(process.env);
    const body = {
      generation: current?.generation,
      pid: process.pid,
      index: context.index,
      routes: current?.routes.length,
    };
    return Response.json(body, { headers: { "x-size": String(request.headers.get("x-big")?.length ?? 0) } });
  } finally {
    state.inFlight -= 1;
    context.cells.release(context.row, slot);
  }
}
