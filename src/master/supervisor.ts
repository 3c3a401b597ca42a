/** Keeps every seat filled with a worker that runs the committed snapshot. */

import { rmSync } from "node:fs";
import type { Logger } from "../lib/logger.ts";
import { err, ok, type Result } from "../lib/result.ts";
import { temporarySocketPath } from "../runtime/unix-socket.ts";
import type { CellTable } from "../shm/cells.ts";
import type { Snapshot } from "../snapshot/types.ts";
import { type Backoff, decideRestart, FRESH_BACKOFF } from "./backoff.ts";
import { workerEnv } from "./worker-env.ts";
import { spawnWorker, type WorkerHandle } from "./worker-handle.ts";

export interface SupervisorOptions {
  /** argv of a worker. */
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  readonly cells: CellTable;
  readonly cellsPath: string;
  readonly log: Logger;
}

/** One worker process, from its spawn to its exit. */
export interface Member {
  readonly handle: WorkerHandle;
  /** Which snapshot it runs, as `desiredState` writes it; "" for none yet. */
  applied: string;
  /** Unix listeners it was ever told to prepare. */
  readonly socketPaths: Set<string>;
  /** Somebody is in the middle of prepare and commit with it. */
  isBusy: boolean;
}

/** A place for a worker; survives the processes that fill it. */
export interface Seat {
  readonly index: number;
  member: Member | undefined;
  backoff: Backoff;
  restarts: number;
  restartTimer: ReturnType<typeof setTimeout> | undefined;
}

export interface Supervisor {
  readonly options: SupervisorOptions;
  /** Every living process, seated or not. */
  readonly members: Set<Member>;
  seats: Seat[];
  committed: Snapshot | undefined;
  /** The one worker that serves the unix listeners. */
  owner: Member | undefined;
  isStopping: boolean;
}

export function createSupervisor(options: SupervisorOptions): Supervisor {
  return {
    options,
    members: new Set(),
    seats: [],
    committed: undefined,
    owner: undefined,
    isStopping: false,
  };
}

export function createSeat(index: number, member: Member | undefined): Seat {
  return { index, member, backoff: FRESH_BACKOFF, restarts: 0, restartTimer: undefined };
}

export function isReady(member: Member | undefined): member is Member {
  return member !== undefined && member.applied !== "" && member.handle.isAlive();
}

/** Starts a process that is in no seat yet. */
export function hire(supervisor: Supervisor, index: number, maxHeaderBytes: number): Result<Member, string> {
  const { options } = supervisor;
  if (supervisor.isStopping) return err("ophid is stopping");
  const row = freeRow(supervisor);
  if (row === undefined) {
    return err(
      `no room for another worker: ${supervisor.members.size} still run; try again when these have drained`,
    );
  }
  // Widened before the first request can be counted there.
  setRowLimit(supervisor, row);
  try {
    const handle = spawnWorker({
      command: options.command,
      env: workerEnv(options.environment, maxHeaderBytes),
      init: { cellsPath: options.cellsPath, row, index, home: options.home },
      onExit: (_, how) => onExit(supervisor, member, how),
      onNonsense: () => {
        options.log.error(`Worker ${index} (pid ${member.handle.pid}) sent a malformed message: ending it`);
        member.handle.kill();
      },
    });
    const member: Member = { handle, applied: "", socketPaths: new Set(), isBusy: false };
    supervisor.members.add(member);
    return ok(member);
  } catch (error) {
    return err(`cannot start a process: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Which snapshot a worker is to run, and whether with the unix listeners. */
export function desiredState(snapshot: Snapshot, isOwner: boolean): string {
  const hasUnix = isOwner && snapshot.listeners.some((listener) => listener.kind === "unix");
  return `${snapshot.generation}${hasUnix ? "+unix" : ""}`;
}

/** A path has one listening socket, so only the owner gets the unix listeners. */
export function prepareMember(
  member: Member,
  snapshot: Snapshot,
  isOwner: boolean,
): Promise<Result<void, string>> {
  if (isOwner) {
    for (const listener of snapshot.listeners) {
      if (listener.kind === "unix") member.socketPaths.add(listener.path);
    }
    return member.handle.prepare(snapshot);
  }
  const listeners = snapshot.listeners.filter((listener) => listener.kind !== "unix");
  return member.handle.prepare({ ...snapshot, listeners });
}

/** Brings every seated worker to the committed snapshot; those in other hands come by later. */
export function reconcileAll(supervisor: Supervisor): void {
  electOwner(supervisor);
  for (const { member } of supervisor.seats) {
    if (member !== undefined) void reconcile(supervisor, member);
  }
}

/** Ends a worker that left its seat; `drainMs` is a promise it is held to. */
export function retire(member: Member, drainMs: number): void {
  const { handle } = member;
  if (member.applied === "") {
    handle.kill();
    return;
  }
  handle.drain(drainMs);
  const timer = setTimeout(() => handle.kill(), Math.min(drainMs, MAX_DRAIN_MS) + KILL_GRACE_MS);
  void handle.exited.then(() => clearTimeout(timer));
}

/** Timers hold 2^31 ms. */
const MAX_DRAIN_MS = 86_400_000;
/** More than the worker grants itself, so that it usually leaves on its own. */
const KILL_GRACE_MS = 2_000;

async function reconcile(supervisor: Supervisor, member: Member): Promise<void> {
  if (member.isBusy) return;
  member.isBusy = true;
  const problem = await catchUp(supervisor, member);
  member.isBusy = false;
  if (problem === undefined || !member.handle.isAlive()) return;
  const { index, pid } = member.handle;
  supervisor.options.log.error(`Worker ${index} (pid ${pid}) cannot take the configuration: ${problem}`);
  member.handle.kill();
}

/** Repeats until nothing was committed meanwhile: the check and the order are in one turn of the loop. */
async function catchUp(supervisor: Supervisor, member: Member): Promise<string | undefined> {
  for (;;) {
    const snapshot = supervisor.committed;
    if (snapshot === undefined || !isSeated(supervisor, member)) return undefined;
    const isOwner = supervisor.owner === member;
    const desired = desiredState(snapshot, isOwner);
    if (member.applied === desired) return undefined;
    const prepared = await prepareMember(member, snapshot, isOwner);
    if (!isSeated(supervisor, member)) return undefined;
    if (!prepared.ok) return prepared.error;
    const current = supervisor.committed;
    if (current === undefined || desiredState(current, supervisor.owner === member) !== desired) {
      member.handle.discard();
      continue;
    }
    const committed = await member.handle.commit();
    if (!committed.ok) return committed.error;
    member.applied = desired;
  }
}

function isSeated(supervisor: Supervisor, member: Member): boolean {
  return !supervisor.isStopping && supervisor.seats.some((seat) => seat.member === member);
}

/** A living owner stays; else the first that serves already, so that a socket path is back soonest. */
function electOwner(supervisor: Supervisor): void {
  if (supervisor.owner?.handle.isAlive()) return;
  const members = supervisor.seats.map((seat) => seat.member).filter((member) => member !== undefined);
  supervisor.owner = members.find(isReady) ?? members[0];
}

function onExit(supervisor: Supervisor, member: Member, how: string): void {
  const { handle } = member;
  supervisor.members.delete(member);
  // Before anyone gets the row: a killed worker leaves what it had in flight behind.
  supervisor.options.cells.zeroWorker(handle.row);
  setRowLimit(supervisor, -1);
  removeLeftSockets(member);
  if (supervisor.owner === member) supervisor.owner = undefined;
  const seat = supervisor.seats.find((candidate) => candidate.member === member);
  if (seat === undefined) return;
  seat.member = undefined;
  if (supervisor.isStopping) return;
  scheduleRestart(
    supervisor,
    seat,
    Date.now() - handle.startedAt,
    `Worker ${seat.index} (pid ${handle.pid}) ${how}`,
  );
  reconcileAll(supervisor);
}

function scheduleRestart(supervisor: Supervisor, seat: Seat, lifeMs: number, what: string): void {
  const decision = decideRestart(seat.backoff, lifeMs);
  seat.backoff = decision.backoff;
  const when = decision.delayMs === 0 ? "now" : `in ${decision.delayMs / 1_000} s`;
  supervisor.options.log.warn(`${what}: starting another ${when}`);
  if (decision.delayMs === 0) fill(supervisor, seat);
  else seat.restartTimer = setTimeout(() => fill(supervisor, seat), decision.delayMs);
}

function fill(supervisor: Supervisor, seat: Seat): void {
  seat.restartTimer = undefined;
  const { committed } = supervisor;
  if (supervisor.isStopping || committed === undefined || !supervisor.seats.includes(seat)) return;
  const hired = hire(supervisor, seat.index, committed.maxHeaderBytes);
  if (!hired.ok) {
    scheduleRestart(supervisor, seat, 0, `Worker ${seat.index}: ${hired.error}`);
    return;
  }
  seat.member = hired.value;
  seat.restarts += 1;
  reconcileAll(supervisor);
}

/** A worker that was killed while it prepared leaves the sockets it had bound but not put in place. */
function removeLeftSockets(member: Member): void {
  for (const path of member.socketPaths)
    rmSync(temporarySocketPath(path, member.handle.pid), { force: true });
}

function freeRow(supervisor: Supervisor): number | undefined {
  const taken = new Set([...supervisor.members].map((member) => member.handle.row));
  for (let row = 0; row < supervisor.options.cells.rows; row++) {
    if (!taken.has(row)) return row;
  }
  return undefined;
}

/** Sums over workers stop after the last row in use; `extraRow` is about to be. */
function setRowLimit(supervisor: Supervisor, extraRow: number): void {
  let last = extraRow;
  for (const member of supervisor.members) last = Math.max(last, member.handle.row);
  supervisor.options.cells.setRowLimit(last + 1);
}
