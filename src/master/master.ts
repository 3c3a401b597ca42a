/** The control plane: owns the home, the workers and the configuration; carries no traffic. */

import type { Logger } from "../lib/logger.ts";
import { err, ok, type Result } from "../lib/result.ts";
import { selfCommand } from "../runtime/self.ts";
import { openCells } from "../shm/cells.ts";
import { createCellFile, removeCellFile } from "../shm/file.ts";
import { rowsFor } from "../shm/layout.ts";
import { createAdminApp } from "./admin.ts";
import { serveAdmin } from "./admin-server.ts";
import { type Cleanup, createCleanup } from "./cleanup.ts";
import type { ConfigLoader, LoadedConfig } from "./config-source.ts";
import { type Control, createControl, createOrders, runReload } from "./control.ts";
import { claimHome, type Home, homeAt, prepareHome, releaseHome } from "./home.ts";
import { TAKE_OVER_WAIT_MS } from "./ports.ts";
import { createReloader, loadSafely } from "./reload.ts";
import { listenToSignals } from "./signals.ts";
import { formatListener } from "./status.ts";
import { stopWorkers } from "./stop.ts";
import { createSupervisor } from "./supervisor.ts";

export interface MasterOptions {
  /** Absolute path of $OPHID_HOME. */
  readonly home: string;
  readonly version: string;
  /** Shown in `status`. */
  readonly configPath: string;
  readonly load: ConfigLoader;
  readonly log: Logger;
  /** Opens whatever `log` writes to anew, on SIGUSR1. */
  readonly reopenLog?: () => void;
  /** argv of a worker; this program with `__worker` unless said otherwise. */
  readonly workerCommand?: readonly string[];
}

export interface StartFailure {
  /** 1: the configuration is wrong, starting again is useless. 2: this machine cannot do it now. */
  readonly exitCode: 1 | 2;
  readonly message: string;
}

export interface Master {
  /** Addresses served, with real ports. */
  readonly listeners: readonly string[];
  readonly adminSocket: string;
  /** Begins a graceful stop. */
  readonly stop: (drainMs?: number) => void;
  /** Resolves with the exit code when everything is gone: workers, pid file, socket, shared memory. */
  readonly done: Promise<number>;
}

/** Hidden command of the worker role. */
export const WORKER_ROLE = "__worker";
const MAX_AUTO_WORKERS = 8;

/** Returns when every worker serves, or with nothing left behind. */
export async function startMaster(options: MasterOptions): Promise<Result<Master, StartFailure>> {
  const home = homeAt(options.home);
  const prepared = prepareHome(home);
  if (!prepared.ok) return err({ exitCode: 2, message: prepared.error });
  const claim = claimHome(home);
  if (!claim.ok) return err({ exitCode: 2, message: claim.error });
  const cleanup = createCleanup();
  cleanup.add(() => releaseHome(home));
  const started = await start(options, home, claim.value.tookOver, cleanup);
  if (!started.ok) await cleanup.run();
  return started;
}

async function start(
  options: MasterOptions,
  home: Home,
  tookOver: boolean,
  cleanup: Cleanup,
): Promise<Result<Master, StartFailure>> {
  const loaded = await loadSafely(options.load);
  if (!loaded.ok) return err({ exitCode: 1, message: loaded.error });
  const control = openControl(options, home, loaded.value, cleanup);
  if (!control.ok) return err({ exitCode: 2, message: control.error });
  const { supervisor } = control.value.reloader;
  const ended = Promise.withResolvers<number>();
  const orders = createOrders(control.value, cleanup, ended.resolve);
  cleanup.add(listenToSignals(orders));
  const server = await serveAdmin(home.adminSocket, createAdminApp(orders.admin).fetch);
  if (!server.ok) return err({ exitCode: 2, message: server.error });
  cleanup.add(() => server.value.close());
  const report = await runReload(control.value, tookOver ? TAKE_OVER_WAIT_MS : 0);
  if (!report.ok) {
    await stopWorkers(supervisor, 0);
    return err({ exitCode: report.kind === "config" ? 1 : 2, message: report.message });
  }
  control.value.phase = "running";
  return ok({
    listeners: (supervisor.committed?.listeners ?? []).map(formatListener),
    adminSocket: home.adminSocket,
    stop: (drainMs) => void orders.stopWithin(drainMs),
    done: ended.promise,
  });
}

function openControl(
  options: MasterOptions,
  home: Home,
  loaded: LoadedConfig,
  cleanup: Cleanup,
): Result<Control, string> {
  const file = createCellFile(home.runDir, rowsFor(Math.max(loaded.workers, workersExpected())));
  if (!file.ok) return file;
  cleanup.add(() => removeCellFile(file.value));
  cleanup.add(removeAtExit(home, file.value));
  const cells = openCells(file.value);
  if (!cells.ok) return cells;
  const supervisor = createSupervisor({
    command: options.workerCommand ?? selfCommand([WORKER_ROLE]),
    environment: process.env,
    home: home.path,
    cells: cells.value,
    cellsPath: file.value,
    log: options.log,
  });
  const reloader = createReloader(startingWith(loaded, options.load), supervisor);
  const { version, configPath, log } = options;
  const reopenOwnLog = options.reopenLog ?? (() => undefined);
  return ok(createControl({ version, home: home.path, configPath, log, reloader, reopenOwnLog }));
}

/** The file of cells cannot grow later: room for what `workers = "auto"` may ask for on this machine. */
function workersExpected(): number {
  return Math.min(navigator.hardwareConcurrency, MAX_AUTO_WORKERS);
}

/** The first reload takes what the start has read already. */
function startingWith(first: LoadedConfig, load: ConfigLoader): ConfigLoader {
  let unused: LoadedConfig | undefined = first;
  return () => {
    if (unused === undefined) return load();
    const value = ok(unused);
    unused = undefined;
    return Promise.resolve(value);
  };
}

/** For an end nobody planned, such as an uncaught exception. */
function removeAtExit(home: Home, cellFile: string): () => void {
  const onExit = () => {
    removeCellFile(cellFile);
    releaseHome(home);
  };
  process.on("exit", onExit);
  return () => process.off("exit", onExit);
}
