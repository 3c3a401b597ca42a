/** What a reload changes: for its printed summary and for closing what belongs to a route or an endpoint that is gone. */

import type { RouteSpec, Snapshot } from "./types.ts";

export interface SnapshotDiff {
  /** Keys of listeners. */
  readonly listenersAdded: readonly string[];
  readonly listenersRemoved: readonly string[];
  /** Ids of routes. */
  readonly routesAdded: readonly string[];
  readonly routesRemoved: readonly string[];
  readonly routesChanged: readonly string[];
  /** Keys of endpoints. */
  readonly endpointsAdded: readonly string[];
  readonly endpointsRemoved: readonly string[];
  /** What changed for all routes, in words for people. */
  readonly settingsChanged: readonly string[];
}

export type Comparable = Pick<Snapshot, "listeners" | "routes"> & Settings;

type Settings = Pick<Snapshot, "trustedProxies" | "timeouts" | "log" | "maxHeaderBytes">;

const SETTINGS = [
  ["trustedProxies", "trusted proxies"],
  ["timeouts", "timeouts"],
  ["log", "logs"],
  ["maxHeaderBytes", "header limit"],
] as const satisfies readonly (readonly [keyof Settings, string])[];

/** Lists keep the order of the snapshot they come from; a route that only moved in its file is unchanged. */
export function diff(before: Comparable, after: Comparable): SnapshotDiff {
  const listeners = compareKeys(
    before.listeners.map((listener) => listener.key),
    after.listeners.map((listener) => listener.key),
  );
  const endpoints = compareKeys(endpointKeys(before.routes), endpointKeys(after.routes));
  const beforeById = new Map(before.routes.map((route) => [route.id, route]));
  const ids = compareKeys(
    [...beforeById.keys()],
    after.routes.map((route) => route.id),
  );
  const changed = after.routes.filter((route) => {
    const earlier = beforeById.get(route.id);
    return earlier !== undefined && !isSameRoute(earlier, route);
  });
  return {
    listenersAdded: listeners.added,
    listenersRemoved: listeners.removed,
    routesAdded: ids.added,
    routesRemoved: ids.removed,
    routesChanged: changed.map((route) => route.id),
    endpointsAdded: endpoints.added,
    endpointsRemoved: endpoints.removed,
    settingsChanged: SETTINGS.filter(([key]) => !isEqual(before[key], after[key])).map(([, words]) => words),
  };
}

/** The difference of a first snapshot: everything is new, no setting has changed. */
export function diffFromNothing(after: Comparable): SnapshotDiff {
  return diff({ ...after, listeners: [], routes: [] }, after);
}

/** The endpoints of all routes, each key once. */
export function endpointKeys(routes: readonly RouteSpec[]): string[] {
  const keys = new Set<string>();
  for (const { action } of routes) {
    if (action.kind !== "proxy") continue;
    for (const endpoint of action.proxy.endpoints) keys.add(endpoint.key);
  }
  return [...keys];
}

function compareKeys(before: readonly string[], after: readonly string[]) {
  const earlier = new Set(before);
  const later = new Set(after);
  return {
    added: [...later].filter((key) => !earlier.has(key)),
    removed: [...earlier].filter((key) => !later.has(key)),
  };
}

/** Whether both behave alike; where the route stands in its file does not count. */
function isSameRoute(a: RouteSpec, b: RouteSpec): boolean {
  return isEqual({ ...a, source: "" }, { ...b, source: "" });
}

/** For plain data only. */
function isEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const keys = Object.keys(a);
  if (keys.length !== Object.keys(b).length) return false;
  const left = a as Readonly<Record<string, unknown>>;
  const right = b as Readonly<Record<string, unknown>>;
  return keys.every((key) => Object.hasOwn(right, key) && isEqual(left[key], right[key]));
}
