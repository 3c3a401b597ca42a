/** The files of one running ophid: where they are, who may see them, who owns them. */

import { chmodSync, linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { err, ok, type Result } from "../lib/result.ts";
import { identifyProcess, isStillRunning, type ProcessIdentity } from "../runtime/process-identity.ts";
import { MAX_UNIX_PATH_BYTES } from "../runtime/unix-socket.ts";

export interface Home {
  readonly path: string;
  readonly runDir: string;
  readonly logDir: string;
  readonly pidFile: string;
  readonly adminSocket: string;
}

export function homeAt(path: string): Home {
  const runDir = join(path, "run");
  return {
    path,
    runDir,
    logDir: join(path, "log"),
    pidFile: join(runDir, "proxy.pid"),
    adminSocket: join(runDir, "proxy.sock"),
  };
}

/** Creates what is missing. run/ is closed to others even where an older start left it open. */
export function prepareHome(home: Home): Result<void, string> {
  if (Buffer.byteLength(home.adminSocket) > MAX_UNIX_PATH_BYTES) {
    return err(
      `Cannot use home "${home.path}": "${home.adminSocket}" is longer than ${MAX_UNIX_PATH_BYTES} bytes; ` +
        "set OPHID_HOME to a shorter path",
    );
  }
  try {
    for (const directory of [home.path, home.runDir, home.logDir]) {
      mkdirSync(directory, { recursive: true, mode: 0o700 });
    }
    chmodSync(home.runDir, 0o700);
    return ok(undefined);
  } catch (error) {
    return err(`Cannot use home "${home.path}": ${error instanceof Error ? error.message : String(error)}`);
  }
}

export interface Claim {
  /** True if the last master of this home was killed: its workers may still be letting go of the ports. */
  readonly tookOver: boolean;
}

/** Attempts to replace a stale pid file; more are only lost against other starts at the same moment. */
const CLAIM_ATTEMPTS = 5;

/** Makes this process the only master of the home. */
export function claimHome(home: Home): Result<Claim, string> {
  const draft = `${home.pidFile}.${process.pid}`;
  try {
    writeFileSync(draft, formatPidFile(identifyProcess(process.pid)), { mode: 0o600 });
    let tookOver = false;
    for (let attempt = 0; attempt < CLAIM_ATTEMPTS; attempt++) {
      if (linkExclusively(draft, home.pidFile)) return ok({ tookOver });
      const owner = readPidFile(home);
      if (owner !== undefined && isStillRunning(owner)) return err(alreadyRunning(owner.pid));
      tookOver = true;
      moveAside(home, owner);
    }
    return err("Cannot start: another start on this home is under way");
  } catch (error) {
    return err(`Cannot write "${home.pidFile}": ${error instanceof Error ? error.message : String(error)}`);
  } finally {
    rmSync(draft, { force: true });
  }
}

const PID_FILE = /^(\d{1,10})\n(?:start=(\d*)\n)?$/;

/** The pid alone on its line for scripts, then what tells it from a later process with the same number. */
function formatPidFile({ pid, startTime }: ProcessIdentity): string {
  return `${pid}\nstart=${startTime}\n`;
}

/** Undefined if there is none or it cannot be understood. */
export function readPidFile(home: Home): ProcessIdentity | undefined {
  try {
    const match = PID_FILE.exec(readFileSync(home.pidFile, "utf8"));
    const pid = Number(match?.[1] ?? 0);
    return pid > 0 ? { pid, startTime: match?.[2] ?? "" } : undefined;
  } catch {
    return undefined;
  }
}

/** The running master of a home, if there is one. */
export function findMaster(home: Home): ProcessIdentity | undefined {
  const owner = readPidFile(home);
  return owner !== undefined && isStillRunning(owner) ? owner : undefined;
}

/** Removes the pid file if it is still ours. */
export function releaseHome(home: Home): void {
  if (readPidFile(home)?.pid === process.pid) rmSync(home.pidFile, { force: true });
}

export function alreadyRunning(pid: number): string {
  return `Cannot start: ophid is already running on this home with pid ${pid}`;
}

/** A hard link appears whole or not at all, and never over an existing name: no half-written pid file. */
function linkExclusively(draft: string, target: string): boolean {
  try {
    linkSync(draft, target);
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return false;
    throw error;
  }
}

/** Two starts may find the same stale file: whoever moved away something fresh puts it back. */
function moveAside(home: Home, stale: ProcessIdentity | undefined): void {
  const aside = `${home.pidFile}.stale.${process.pid}`;
  try {
    renameSync(home.pidFile, aside);
  } catch {
    return;
  }
  const moved = readPidFile({ ...home, pidFile: aside });
  const isFresh = moved !== undefined && moved.pid !== stale?.pid && isStillRunning(moved);
  if (isFresh) linkExclusively(aside, home.pidFile);
  rmSync(aside, { force: true });
}
