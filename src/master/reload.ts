/** From the configuration on disk to a snapshot in every worker, or a reason why nothing changed. */

import { rmSync } from "node:fs";
import { err, ok, type Result } from "../lib/result.ts";
import { MAX_ENDPOINT_SLOTS, MAX_POOL_SLOTS, MAX_WORKERS, rowsFor } from "../shm/layout.ts";
import { allocateSlots, createSlotTable, type SlotTable } from "../shm/slots.ts";
import type { CompiledSnapshot } from "../snapshot/compile.ts";
import { diff, diffFromNothing, endpointKeys, type SnapshotDiff } from "../snapshot/diff.ts";
import type { ListenerSpec, Snapshot } from "../snapshot/types.ts";
import type { ConfigLoader, LoadedConfig } from "./config-source.ts";
import { claimListeners } from "./ports.ts";
import { rollOut } from "./rollout.ts";
import type { Supervisor } from "./supervisor.ts";

export interface Reloader {
  readonly load: ConfigLoader;
  readonly supervisor: Supervisor;
  endpointSlots: SlotTable;
  poolSlots: SlotTable;
}

/** `config`: the file is wrong. `runtime`: the file may be fine, this machine cannot do it now. */
export interface ReloadFailure {
  readonly kind: "config" | "runtime";
  readonly message: string;
}

export interface ReloadSuccess {
  readonly generation: number;
  readonly workers: number;
  readonly difference: SnapshotDiff;
}

export function createReloader(load: ConfigLoader, supervisor: Supervisor): Reloader {
  return {
    load,
    supervisor,
    endpointSlots: createSlotTable("endpoints", MAX_ENDPOINT_SLOTS),
    poolSlots: createSlotTable("pools", MAX_POOL_SLOTS),
  };
}

/** Loads and activates. `patienceMs` is for addresses that a killed predecessor's workers may still hold. */
export async function reload(
  reloader: Reloader,
  patienceMs: number,
): Promise<Result<ReloadSuccess, ReloadFailure>> {
  const { supervisor } = reloader;
  const previous = supervisor.committed;
  const planned = await plan(reloader, patienceMs);
  if (!planned.ok) return planned;
  const { loaded, listeners } = planned.value;
  const difference = compare(supervisor, planned.value);
  const placed = placeKeys(reloader, loaded.snapshot);
  if (!placed.ok) return err({ kind: "runtime", message: placed.error });
  const generation = (previous?.generation ?? 0) + 1;
  const snapshot: Snapshot = { ...loaded.snapshot, listeners, generation, slots: placed.value.slots };
  const outcome = await rollOut(supervisor, {
    snapshot,
    workers: loaded.workers,
    // The head limit is a start option of the runtime: only new processes can have another one.
    replaceAll: previous !== undefined && previous.maxHeaderBytes !== snapshot.maxHeaderBytes,
  });
  if (!outcome.ok) return err({ kind: "runtime", message: outcome.error });
  reloader.endpointSlots = placed.value.endpointSlots;
  reloader.poolSlots = placed.value.poolSlots;
  removeSocketFiles(previous, snapshot.listeners);
  return ok({ generation, workers: loaded.workers, difference });
}

/** Everything of a reload that changes nothing. */
export async function dryRun(reloader: Reloader): Promise<Result<SnapshotDiff, ReloadFailure>> {
  const planned = await plan(reloader, 0);
  if (!planned.ok) return planned;
  const { loaded } = planned.value;
  const placed = allocate(reloader, loaded.snapshot);
  if (!placed.ok) return err({ kind: "runtime", message: placed.error });
  return ok(compare(reloader.supervisor, planned.value));
}

function compare({ committed, seats }: Supervisor, { loaded, listeners }: Plan): SnapshotDiff {
  const next = { ...loaded.snapshot, listeners };
  if (committed === undefined) return diffFromNothing(next);
  const difference = diff(committed, next);
  if (seats.length === loaded.workers) return difference;
  return { ...difference, settingsChanged: ["workers", ...difference.settingsChanged] };
}

/** Socket files outlive their listeners; those of `previous` that are not in `kept` go. */
export function removeSocketFiles(previous: Snapshot | undefined, kept: readonly ListenerSpec[]): void {
  const keptPaths = new Set(kept.map((listener) => (listener.kind === "unix" ? listener.path : "")));
  for (const listener of previous?.listeners ?? []) {
    if (listener.kind === "unix" && !keptPaths.has(listener.path)) rmSync(listener.path, { force: true });
  }
}

interface Plan {
  readonly loaded: LoadedConfig;
  readonly listeners: readonly ListenerSpec[];
}

async function plan(reloader: Reloader, patienceMs: number): Promise<Result<Plan, ReloadFailure>> {
  const { supervisor } = reloader;
  const loaded = await loadSafely(reloader.load);
  if (!loaded.ok) return err({ kind: "config", message: loaded.error });
  const misfit = checkWorkers(loaded.value.workers, supervisor.options.cells.rows);
  if (misfit !== undefined) return err(misfit);
  const owned = supervisor.committed?.listeners ?? [];
  const listeners = await claimListeners(loaded.value.snapshot.listeners, { owned, patienceMs });
  if (!listeners.ok) return err({ kind: "runtime", message: listeners.error });
  return ok({ loaded: loaded.value, listeners: listeners.value });
}

/** An exception out of the loader is a bug there, and no reason to end a running master. */
export async function loadSafely(loader: ConfigLoader): Promise<Result<LoadedConfig, string>> {
  try {
    return await loader();
  } catch (error) {
    return err(`Cannot load the configuration: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function checkWorkers(workers: number, rows: number): ReloadFailure | undefined {
  if (!Number.isInteger(workers) || workers < 1 || workers > MAX_WORKERS) {
    return { kind: "config", message: `Cannot run ${workers} workers: 1 to ${MAX_WORKERS} are possible` };
  }
  if (rowsFor(workers) <= rows) return undefined;
  return {
    kind: "runtime",
    message: `Cannot run ${workers} workers: this start has room for ${rows / 2}; more need a restart`,
  };
}

interface Placement {
  readonly endpointSlots: SlotTable;
  readonly poolSlots: SlotTable;
  readonly slots: Readonly<Record<string, number>>;
}

/** Gives every endpoint and pool its cells; a failed rollout forgets them again. */
function placeKeys(reloader: Reloader, snapshot: CompiledSnapshot): Result<Placement, string> {
  const allocated = allocate(reloader, snapshot);
  if (!allocated.ok) return allocated;
  const { endpoints, pools } = allocated.value;
  const { cells } = reloader.supervisor.options;
  for (const slot of endpoints.recycled) cells.resetEndpoint(slot);
  for (const slot of pools.recycled) cells.resetPool(slot);
  const slots = Object.fromEntries([...endpoints.table.used, ...pools.table.used]);
  return ok({ endpointSlots: endpoints.table, poolSlots: pools.table, slots });
}

function allocate(reloader: Reloader, snapshot: CompiledSnapshot) {
  const keys = new Set(endpointKeys(snapshot.routes));
  const poolKeys = new Set<string>();
  for (const { action } of snapshot.routes) {
    if (action.kind === "proxy") poolKeys.add(action.proxy.poolKey);
  }
  for (const key of poolKeys) {
    if (keys.has(key))
      return err(`Cannot place route "${key}": an endpoint has the same name; rename the route`);
  }
  const { cells } = reloader.supervisor.options;
  const endpoints = allocateSlots(reloader.endpointSlots, keys, cells.isIdle);
  if (!endpoints.ok) return endpoints;
  // A cursor counts nothing that would have to end first.
  const pools = allocateSlots(reloader.poolSlots, poolKeys, () => true);
  if (!pools.ok) return pools;
  return ok({ endpoints: endpoints.value, pools: pools.value });
}
