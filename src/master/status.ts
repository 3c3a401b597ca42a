/** Everything `ophid proxy status` shows, gathered from the master, its workers and the shared cells. */

import type { CellTable } from "../shm/cells.ts";
import type { ActionSpec, ListenerSpec, RouteSpec, Snapshot } from "../snapshot/types.ts";
import type { WorkerStatus } from "../worker/engine-types.ts";
import type { ReloadReport } from "./report.ts";
import { isReady, type Member, type Supervisor } from "./supervisor.ts";

export type Phase = "starting" | "running" | "stopping";

export interface StatusReport {
  readonly version: string;
  readonly pid: number;
  readonly home: string;
  readonly phase: Phase;
  readonly ready: boolean;
  readonly startedAt: string;
  readonly uptimeMs: number;
  readonly rssBytes: number;
  readonly config: {
    readonly path: string;
    readonly generation: number;
    readonly loadedAt: string | undefined;
    readonly lastReload: ReloadReport | undefined;
  };
  readonly workers: readonly WorkerReport[];
  readonly listeners: readonly ListenerReport[];
  readonly routes: readonly RouteReport[];
  readonly endpoints: readonly EndpointReport[];
}

export interface WorkerReport {
  readonly index: number;
  readonly pid: number | undefined;
  /** `unresponsive`: it runs but did not answer in time. `waiting`: crashed, to be started again. */
  readonly state: "starting" | "ready" | "unresponsive" | "draining" | "waiting";
  readonly restarts: number;
  readonly uptimeMs: number;
  readonly rssBytes: number | undefined;
  readonly connections: number | undefined;
  readonly inFlight: number | undefined;
  readonly websockets: number | undefined;
}

export interface ListenerReport {
  readonly key: string;
  readonly address: string;
}

export interface RouteReport {
  readonly name: string;
  readonly source: string;
  readonly host: string;
  readonly path: string;
  readonly methods: readonly string[];
  /** "proxy", "redirect" or "respond". */
  readonly action: string;
  /** Names of endpoints, or where a redirect leads, or the fixed status. */
  readonly to: readonly string[];
}

export interface EndpointReport {
  readonly name: string;
  readonly inFlight: number;
  readonly requests: number;
  readonly failures: number;
}

export async function reportWorkers(supervisor: Supervisor): Promise<WorkerReport[]> {
  const seated = new Set<Member>();
  for (const { member } of supervisor.seats) if (member !== undefined) seated.add(member);
  // While the proxy stops, a seat that is empty stays so.
  const seats = supervisor.seats.filter(({ member }) => member !== undefined || !supervisor.isStopping);
  const leaving = [...supervisor.members].filter((member) => !seated.has(member));
  return await Promise.all([
    ...seats.map(async (seat) => {
      const { index, member, restarts } = seat;
      if (member === undefined)
        return describeWorker({ index, restarts, state: "waiting" }, undefined, undefined);
      const ready = isReady(member);
      const status = ready ? await member.handle.status() : undefined;
      const state = !ready ? "starting" : supervisor.isStopping ? "draining" : stateOf(status);
      return describeWorker({ index, restarts, state }, member, status);
    }),
    ...leaving.map(async (member) => {
      const status = member.applied === "" ? undefined : await member.handle.status();
      const state = member.applied === "" ? "starting" : "draining";
      return describeWorker({ index: member.handle.index, restarts: 0, state }, member, status);
    }),
  ]);
}

function stateOf(status: WorkerStatus | undefined): "ready" | "unresponsive" {
  return status === undefined ? "unresponsive" : "ready";
}

function describeWorker(
  base: Pick<WorkerReport, "index" | "restarts" | "state">,
  member: Member | undefined,
  status: WorkerStatus | undefined,
): WorkerReport {
  return {
    ...base,
    pid: member?.handle.pid,
    uptimeMs: member === undefined ? 0 : Date.now() - member.handle.startedAt,
    rssBytes: status?.rssBytes,
    connections: status?.connections,
    inFlight: status?.inFlight,
    websockets: status?.websockets,
  };
}

export function formatListener(listener: ListenerSpec): string {
  if (listener.kind === "unix") return `unix:${listener.path}`;
  const host = listener.hostname.includes(":") ? `[${listener.hostname}]` : listener.hostname;
  return `${host}:${listener.port}`;
}

export function reportListeners(snapshot: Snapshot | undefined): ListenerReport[] {
  return (snapshot?.listeners ?? []).map((listener) => ({
    key: listener.key,
    address: formatListener(listener),
  }));
}

export function reportRoutes(snapshot: Snapshot | undefined): RouteReport[] {
  return (snapshot?.routes ?? []).map(reportRoute);
}

function reportRoute(route: RouteSpec): RouteReport {
  return {
    name: route.name,
    source: route.source,
    host: route.match.host,
    path: route.match.path,
    methods: route.match.methods,
    action: route.action.kind,
    to: describeAction(route.action),
  };
}

function describeAction(action: ActionSpec): string[] {
  if (action.kind === "proxy") return action.proxy.endpoints.map((endpoint) => endpoint.name);
  return action.kind === "redirect" ? [`${action.status} ${action.to}`] : [String(action.status)];
}

/** One line an endpoint, however many routes share it. */
export function reportEndpoints(snapshot: Snapshot | undefined, cells: CellTable): EndpointReport[] {
  const reports = new Map<string, EndpointReport>();
  for (const { action } of snapshot?.routes ?? []) {
    if (action.kind !== "proxy") continue;
    for (const { key, name } of action.proxy.endpoints) {
      const slot = snapshot?.slots[key];
      if (slot === undefined || reports.has(key)) continue;
      reports.set(key, { name, inFlight: cells.inFlight(slot), ...cells.totals(slot) });
    }
  }
  return [...reports.values()];
}
