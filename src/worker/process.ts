/** The process side of a worker: takes orders from the master over IPC and outlives it only to drain. */

import { rmSync } from "node:fs";
import { assertNever, invariant } from "../lib/assert.ts";
import type { Logger } from "../lib/logger.ts";
import { openCells } from "../shm/cells.ts";
import type { CreateEngine, Engine, Prepared } from "./engine-types.ts";
import { type MasterMessage, parseMasterMessage, type WorkerMessage } from "./messages.ts";

/** A worker that nobody gives work to leaves by itself. */
const FIRST_SNAPSHOT_TIMEOUT_MS = 10_000;
/** Until a snapshot says otherwise. */
const DEFAULT_DRAIN_MS = 30_000;
/** What a drain may overrun its deadline before the process ends under it. */
const DRAIN_GRACE_MS = 1_000;
/** Timers hold 2^31 ms; a drain of more than a day is a mistake. */
const MAX_DRAIN_MS = 86_400_000;

interface Pending {
  readonly id: number;
  prepared: Prepared | undefined;
  discarded: boolean;
  /** Resolves once nothing of a discarded one is left. */
  readonly gone: PromiseWithResolvers<void>;
}

interface Worker {
  readonly createEngine: CreateEngine;
  readonly log: Logger;
  readonly leave: (exitCode: number) => void;
  engine: Engine | undefined;
  cellsPath: string;
  pending: Pending | undefined;
  committed: boolean;
  drainMs: number;
  drainTimer: ReturnType<typeof setTimeout> | undefined;
  drainsBy: number;
}

/** Runs until the master lets the worker go, or is gone itself. The result is the exit code. */
export function runWorker(createEngine: CreateEngine, log: Logger): Promise<number> {
  if (process.send === undefined) {
    log.error("Cannot run a worker: it is started by ophid itself, never by hand");
    return Promise.resolve(1);
  }
  return new Promise((resolve) => {
    const worker: Worker = {
      createEngine,
      log,
      leave: resolve,
      engine: undefined,
      cellsPath: "",
      pending: undefined,
      committed: false,
      drainMs: DEFAULT_DRAIN_MS,
      drainTimer: undefined,
      drainsBy: Number.POSITIVE_INFINITY,
    };
    setTimeout(() => {
      if (worker.committed || worker.drainTimer !== undefined) return;
      log.error("Cannot go on: the master sent no snapshot in time");
      resolve(2);
    }, FIRST_SNAPSHOT_TIMEOUT_MS).unref();
    process.on("message", (value) => handle(worker, value));
    process.on("disconnect", () => onMasterGone(worker));
    listenToSignals(worker);
    send({ type: "hello" });
  });
}

/** The master decides; a terminal sends Ctrl-C and hang-ups to the whole group. SIGTERM retires this one worker. */
function listenToSignals(worker: Worker): void {
  process.on("SIGINT", ignore);
  process.on("SIGHUP", ignore);
  process.on("SIGUSR1", () => worker.engine?.reopenLogs());
  process.on("SIGTERM", () => drain(worker, worker.drainMs));
}

function ignore(): void {}

function onMasterGone(worker: Worker): void {
  if (worker.drainTimer === undefined) worker.log.warn("The master is gone: draining");
  // Everyone who needs the cells has them mapped; without a master nobody would remove the file.
  if (worker.cellsPath !== "") rmSync(worker.cellsPath, { force: true });
  drain(worker, worker.drainMs);
}

function handle(worker: Worker, value: unknown): void {
  const message = parseMasterMessage(value);
  if (message === undefined) {
    worker.log.error("Cannot understand a message of the master: leaving");
    worker.leave(2);
    return;
  }
  obey(worker, message);
}

function obey(worker: Worker, message: MasterMessage): void {
  switch (message.type) {
    case "init":
      init(worker, message);
      break;
    case "prepare":
      void prepare(worker, message.id, message.snapshot);
      break;
    case "commit":
      commit(worker, message.id);
      break;
    case "discard":
      discard(worker, message.id);
      break;
    case "status":
      reportStatus(worker, message.id);
      break;
    case "drain":
      drain(worker, message.deadlineMs);
      break;
    case "reopen-logs":
      worker.engine?.reopenLogs();
      break;
    default:
      assertNever(message);
  }
}

function init(worker: Worker, message: Extract<MasterMessage, { type: "init" }>): void {
  const cells = openCells(message.cellsPath);
  if (!cells.ok) {
    worker.log.error(cells.error);
    worker.leave(2);
    return;
  }
  worker.cellsPath = message.cellsPath;
  worker.engine = worker.createEngine({
    cells: cells.value,
    row: message.row,
    index: message.index,
    home: message.home,
    log: worker.log,
  });
}

async function prepare(worker: Worker, id: number, snapshot: Prepared["snapshot"]): Promise<void> {
  const { engine, pending: earlier } = worker;
  const obstacle = prepareObstacle(worker);
  if (engine === undefined || obstacle !== undefined) {
    send({ type: "refused", id, message: obstacle ?? "the worker was not initialised" });
    return;
  }
  const pending: Pending = { id, prepared: undefined, discarded: false, gone: Promise.withResolvers() };
  worker.pending = pending;
  // Orders that arrive in one piece are read in one go: what was taken back before this one is still being undone.
  await earlier?.gone.promise;
  if (pending.discarded) {
    forget(worker, pending);
    return;
  }
  try {
    pending.prepared = await engine.prepare(snapshot);
  } catch (error) {
    forget(worker, pending);
    send({ type: "refused", id, message: error instanceof Error ? error.message : String(error) });
    return;
  }
  // The order to discard may have come while the engine was still binding.
  if (pending.discarded) await release(worker, pending);
  else send({ type: "done", id });
}

function prepareObstacle(worker: Worker): string | undefined {
  if (worker.drainTimer !== undefined) return "the worker is draining";
  if (worker.pending?.discarded === false) return "the worker is still busy with another snapshot";
  return undefined;
}

/** An exception out of the engine is meant to end the process: half a swap is worse than a restart. */
function commit(worker: Worker, id: number): void {
  const { engine, pending } = worker;
  const prepared = pending?.prepared;
  invariant(engine !== undefined && pending?.id === id && prepared !== undefined, "commit follows prepare");
  engine.commit(prepared);
  worker.pending = undefined;
  worker.committed = true;
  worker.drainMs = prepared.snapshot.timeouts.drain;
  send({ type: "done", id });
}

function discard(worker: Worker, id: number): void {
  const { pending } = worker;
  if (pending?.id !== id) return;
  pending.discarded = true;
  if (pending.prepared !== undefined) void release(worker, pending);
}

async function release(worker: Worker, pending: Pending): Promise<void> {
  const { engine } = worker;
  const { prepared } = pending;
  if (engine !== undefined && prepared !== undefined) await engine.discard(prepared);
  forget(worker, pending);
}

function forget(worker: Worker, pending: Pending): void {
  pending.gone.resolve();
  if (worker.pending === pending) worker.pending = undefined;
}

function reportStatus(worker: Worker, id: number): void {
  if (worker.engine === undefined) {
    send({ type: "refused", id, message: "the worker was not initialised" });
    return;
  }
  send({ type: "status", id, status: worker.engine.status() });
}

/** May be called again with less time; never gains time. */
function drain(worker: Worker, wantedMs: number): void {
  const { engine } = worker;
  const deadlineMs = Math.min(wantedMs, MAX_DRAIN_MS);
  const first = worker.drainTimer === undefined;
  const drainsBy = performance.now() + deadlineMs;
  if (!first && drainsBy >= worker.drainsBy) return;
  worker.drainsBy = drainsBy;
  clearTimeout(worker.drainTimer);
  worker.drainTimer = setTimeout(() => worker.leave(0), deadlineMs + DRAIN_GRACE_MS);
  if (!first) return;
  if (engine === undefined) {
    worker.leave(0);
    return;
  }
  engine.drain(deadlineMs).then(
    () => worker.leave(0),
    (error: unknown) => {
      worker.log.error(`Cannot drain: ${error instanceof Error ? error.message : String(error)}`);
      worker.leave(2);
    },
  );
}

function send(message: WorkerMessage): void {
  try {
    process.send?.(message);
  } catch {
    // The channel closed under us: the disconnect handler takes it from here.
  }
}
