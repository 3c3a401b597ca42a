/** Whether a process id still means the process it was written down for. */

import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";

export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks since boot from /proc; "" where there is no /proc, so that only the pid counts. */
  readonly startTime: string;
}

export function identifyProcess(pid: number): ProcessIdentity {
  return { pid, startTime: readStat(pid)?.startTime ?? "" };
}

/** False for a reused pid and for a zombie, which keeps its pid until its parent has fetched the exit code. */
export function isStillRunning(identity: ProcessIdentity): boolean {
  if (!answersSignals(identity.pid)) return false;
  const stat = readStat(identity.pid);
  if (stat === undefined) return true;
  if (stat.state === "Z" || stat.state === "X") return false;
  return identity.startTime === "" || stat.startTime === identity.startTime;
}

/** Names the set of process ids this process lives in: the same pid means nothing in another container. */
export function pidNamespace(): string {
  try {
    return readlinkSync("/proc/self/ns/pid").replace(/[^0-9]/g, "");
  } catch {
    return hostname().replace(/[^A-Za-z0-9]/g, "");
  }
}

function answersSignals(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it exists and belongs to somebody else.
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

function readStat(pid: number): { state: string; startTime: string } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The command name is in parentheses and may hold anything, so fields count from the last one (proc(5)).
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    const state = fields[0];
    const startTime = fields[19];
    return state === undefined || startTime === undefined ? undefined : { state, startTime };
  } catch {
    return undefined;
  }
}
