/** The whole data plane in this process: an engine with its own cells, a log file and a front on a port of its own. */

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type CellTable, openCells } from "../../src/shm/cells.ts";
import { createCellFile, removeCellFile } from "../../src/shm/file.ts";
import type {
  EndpointSpec,
  ListenerSpec,
  MatchSpec,
  ProxySpec,
  RouteSpec,
  Snapshot,
  TimeoutSpec,
} from "../../src/snapshot/types.ts";
import { createEngine, type StartFront } from "../../src/worker/engine.ts";
import type { Engine } from "../../src/worker/engine-types.ts";
import { onCleanUp } from "./cleanup.ts";
import { until } from "./until.ts";

export interface ProxyOptions {
  readonly routes: readonly RouteSpec[];
  readonly timeouts?: Partial<TimeoutSpec>;
  readonly trustedProxies?: readonly string[];
  /** Also listens here. */
  readonly unix?: string;
  readonly front?: StartFront;
}

/** A line of the access log. */
export interface AccessLine {
  readonly method: string;
  readonly target: string;
  readonly client: string;
  readonly status: number;
  readonly bytes_in: number;
  readonly bytes_out: number;
  readonly route: string;
  readonly endpoint: string;
  readonly retries: number;
  readonly cause: string;
}

export interface TestProxy {
  readonly port: number;
  readonly engine: Engine;
  readonly cells: CellTable;
  readonly snapshot: Snapshot;
  /** What was told to the operator. */
  readonly messages: readonly string[];
  /** Exactly so many lines; waits for them and then makes sure that no more follow. */
  accessLog(count: number): Promise<AccessLine[]>;
  /** Requests counted on all endpoints now. */
  inFlight(): number;
  reload(routes: readonly RouteSpec[]): Promise<void>;
}

const ROW = 0;
const DRAIN_MS = 50;
const TIMEOUTS: TimeoutSpec = {
  connect: 3000,
  responseHeader: 10_000,
  clientIdle: 10_000,
  upstreamIdle: 10_000,
  keepalive: 75_000,
  drain: 1000,
};

let generation = 0;

export async function startProxy(options: ProxyOptions): Promise<TestProxy> {
  const home = mkdtempSync(join(tmpdir(), "ophid-proxy-"));
  const cellFile = createCellFile(home, 8);
  if (!cellFile.ok) throw new Error(cellFile.error);
  const cells = openCells(cellFile.value);
  if (!cells.ok) throw new Error(cells.error);
  cells.value.setRowLimit(1);
  const messages: string[] = [];
  const log = {
    info: () => {},
    warn: (text: string) => messages.push(text),
    error: (text: string) => messages.push(text),
  };
  const engine = createEngine({ cells: cells.value, row: ROW, index: 0, home, log }, options.front);
  const port = await freePort();
  const accessPath = join(home, "access.log");
  const compile = (routes: readonly RouteSpec[]) => toSnapshot({ ...options, routes }, port, accessPath);
  const snapshot = compile(options.routes);
  engine.commit(await engine.prepare(snapshot));
  onCleanUp(async () => {
    await engine.drain(DRAIN_MS);
    removeCellFile(cellFile.value);
    rmSync(home, { recursive: true });
  });
  return {
    port,
    engine,
    cells: cells.value,
    snapshot,
    messages,
    accessLog: (count) => readAccessLog(engine, accessPath, count),
    inFlight: () => Object.values(snapshot.slots).reduce((sum, slot) => sum + cells.value.inFlight(slot), 0),
    reload: async (routes) => engine.commit(await engine.prepare(compile(routes))),
  };
}

async function readAccessLog(engine: Engine, path: string, count: number): Promise<AccessLine[]> {
  const read = () => readFileSync(path, "utf8").split("\n").slice(0, -1);
  await until("nothing is in flight", () => engine.status().inFlight === 0);
  // Opening anew writes what is pending.
  engine.reopenLogs();
  await until(`the access log has ${count} lines`, () => read().length >= count);
  return read().map((line): AccessLine => JSON.parse(line));
}

function toSnapshot(options: ProxyOptions, port: number, access: string): Snapshot {
  const listeners: ListenerSpec[] = [{ kind: "tcp", key: `tcp:${port}`, hostname: "127.0.0.1", port }];
  if (options.unix !== undefined) listeners.push({ kind: "unix", key: options.unix, path: options.unix });
  const slots: Record<string, number> = {};
  for (const { action } of options.routes) {
    if (action.kind !== "proxy") continue;
    for (const { key } of [...action.proxy.endpoints, { key: action.proxy.poolKey }]) {
      slots[key] ??= Object.keys(slots).length;
    }
  }
  generation += 1;
  return {
    generation,
    listeners,
    routes: options.routes,
    trustedProxies: options.trustedProxies ?? [],
    timeouts: { ...TIMEOUTS, ...options.timeouts },
    log: { access, error: "stderr", format: "json" },
    maxHeaderBytes: 16_384,
    slots,
  };
}

/** Ports of the loopback that were free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (typeof address !== "object" || address === null) throw new Error("No port");
  return address.port;
}

export function toEndpoint(port: number, extra: Partial<EndpointSpec> = {}): EndpointSpec {
  return {
    key: `http://127.0.0.1:${port}`,
    name: `127.0.0.1:${port}`,
    address: { kind: "tcp", hostname: "127.0.0.1", port },
    weight: 1,
    tls: undefined,
    ...extra,
  };
}

export interface ProxyRouteOptions extends Partial<Omit<ProxySpec, "endpoints">> {
  readonly match?: Partial<MatchSpec>;
  readonly middleware?: RouteSpec["middleware"];
}

/** A route to these ports or endpoints, for every host and path unless `match` says otherwise. */
export function proxyRoute(
  endpoints: readonly (number | EndpointSpec)[],
  { match, middleware = [], ...proxy }: ProxyRouteOptions = {},
): RouteSpec {
  const path = match?.path ?? "/*";
  return {
    ...toRoute(path, match),
    middleware,
    action: {
      kind: "proxy",
      proxy: {
        poolKey: `pool ${path}`,
        policy: "round-robin",
        endpoints: endpoints.map((one) => (typeof one === "number" ? toEndpoint(one) : one)),
        stripPrefix: "",
        addPrefix: "",
        hostHeader: "preserve",
        websocket: true,
        responseBuffer: 0,
        ...proxy,
      },
    },
  };
}

export function actionRoute(
  action: Exclude<RouteSpec["action"], { kind: "proxy" }>,
  match: Partial<MatchSpec> = {},
): RouteSpec {
  return { ...toRoute(match.path ?? "/*", match), middleware: [], action };
}

function toRoute(path: string, match: Partial<MatchSpec> = {}): Omit<RouteSpec, "action" | "middleware"> {
  const name = `${match.host ?? "*"}${path}`;
  return {
    id: name,
    name,
    source: "config.toml:1",
    match: { host: "*", path, methods: [], headers: [], query: [], ...match },
  };
}
