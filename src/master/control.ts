/** The orders a running master takes, from signals and from the admin API alike. */

import type { Logger } from "../lib/logger.ts";
import { err } from "../lib/result.ts";
import type { AdminControl } from "./admin.ts";
import type { Cleanup } from "./cleanup.ts";
import { dryRun, type Reloader, reload, removeSocketFiles } from "./reload.ts";
import { createReloadQueue } from "./reload-queue.ts";
import { describeDifference, type ReloadReport, toReloadReport } from "./report.ts";
import type { SignalOrders } from "./signals.ts";
import {
  type Phase,
  reportEndpoints,
  reportListeners,
  reportRoutes,
  reportWorkers,
  type StatusReport,
} from "./status.ts";
import { killWorkers, stopWorkers } from "./stop.ts";
import { isReady } from "./supervisor.ts";

export interface Control {
  readonly version: string;
  readonly home: string;
  readonly configPath: string;
  readonly log: Logger;
  readonly reloader: Reloader;
  /** Opens the master's own log anew. */
  readonly reopenOwnLog: () => void;
  readonly startedAt: number;
  phase: Phase;
  loadedAt: string | undefined;
  lastReload: ReloadReport | undefined;
}

export function createControl(
  parts: Pick<Control, "version" | "home" | "configPath" | "log" | "reloader" | "reopenOwnLog">,
): Control {
  return { ...parts, startedAt: Date.now(), phase: "starting", loadedAt: undefined, lastReload: undefined };
}

export interface Orders extends SignalOrders {
  readonly admin: AdminControl;
  readonly stopWithin: (drainMs: number | undefined) => number;
}

/** `onEnd` gets the exit code when nothing is left. */
export function createOrders(control: Control, cleanup: Cleanup, onEnd: (exitCode: number) => void): Orders {
  const requestReload = createReloadQueue(() => reloadAndTell(control));
  const stopWithin = (wantedMs: number | undefined) => {
    const drainMs = wantedMs ?? control.reloader.supervisor.committed?.timeouts.drain ?? 0;
    void stop(control, drainMs, cleanup).then(() => onEnd(0));
    return drainMs;
  };
  return {
    reload: () => void requestReload(),
    reopenLogs: () => reopenLogs(control),
    stop: () => void stopWithin(undefined),
    stopNow: () => killWorkers(control.reloader.supervisor),
    stopWithin,
    admin: {
      pid: process.pid,
      isReady: () => isServing(control),
      status: () => reportStatus(control),
      reload: requestReload,
      dryRun: () => dryRun(control.reloader),
      stop: stopWithin,
      snapshot: () => control.reloader.supervisor.committed,
    },
  };
}

/** Activates what the loader gives; the report is kept for `status`. */
export async function runReload(control: Control, patienceMs: number): Promise<ReloadReport> {
  const at = new Date();
  const start = performance.now();
  const result =
    control.phase === "stopping"
      ? err({ kind: "runtime" as const, message: "Cannot reload: ophid is stopping" })
      : await reload(control.reloader, patienceMs);
  const report = toReloadReport(result, at, performance.now() - start);
  control.lastReload = report;
  if (report.ok) control.loadedAt = report.at;
  return report;
}

async function reloadAndTell(control: Control): Promise<ReloadReport> {
  const report = await runReload(control, 0);
  if (report.ok) control.log.info(`Reloaded: ${describeDifference(report.difference)} (${report.tookMs} ms)`);
  else control.log.error(`Cannot reload, the running configuration stays:\n${report.message}`);
  return report;
}

/** A second order may shorten the first. */
async function stop(control: Control, drainMs: number, cleanup: Cleanup): Promise<void> {
  const { supervisor } = control.reloader;
  if (control.phase !== "stopping") {
    control.log.info(`Stopping: up to ${drainMs / 1_000} s for requests under way`);
  }
  control.phase = "stopping";
  await stopWorkers(supervisor, drainMs);
  removeSocketFiles(supervisor.committed, []);
  await cleanup.run();
}

function reopenLogs(control: Control): void {
  control.reopenOwnLog();
  for (const member of control.reloader.supervisor.members) member.handle.reopenLogs();
}

function isServing(control: Control): boolean {
  return (
    control.phase === "running" && control.reloader.supervisor.seats.some((seat) => isReady(seat.member))
  );
}

async function reportStatus(control: Control): Promise<StatusReport> {
  const { supervisor } = control.reloader;
  const workers = await reportWorkers(supervisor);
  const snapshot = supervisor.committed;
  return {
    version: control.version,
    pid: process.pid,
    home: control.home,
    phase: control.phase,
    ready: isServing(control),
    startedAt: new Date(control.startedAt).toISOString(),
    uptimeMs: Date.now() - control.startedAt,
    rssBytes: process.memoryUsage.rss(),
    config: {
      path: control.configPath,
      generation: snapshot?.generation ?? 0,
      loadedAt: control.loadedAt,
      lastReload: control.lastReload,
    },
    workers,
    listeners: reportListeners(snapshot),
    routes: reportRoutes(snapshot),
    endpoints: reportEndpoints(snapshot, supervisor.options.cells),
  };
}
