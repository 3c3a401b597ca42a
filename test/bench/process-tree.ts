/** Processor time and memory of a process with all its descendants, from /proc. */

import { readdirSync, readFileSync } from "node:fs";

export interface ProcessStat {
  readonly pid: number;
  readonly parent: number;
  /** Ticks after boot: with the pid the identity of a process. */
  readonly startTicks: number;
  /** User and kernel time of all threads, those that ended included. */
  readonly cpuTicks: number;
}

const TICKS_PER_SECOND = Number(Bun.spawnSync(["getconf", "CLK_TCK"]).stdout.toString()) || 100;

/** The process and its descendants, itself first; empty if it is gone. */
export function readTree(root: number): ProcessStat[] {
  const all: ProcessStat[] = [];
  for (const name of readdirSync("/proc")) {
    const stat = /^\d+$/.test(name) ? readStat(Number(name)) : undefined;
    if (stat !== undefined) all.push(stat);
  }
  const tree = all.filter((stat) => stat.pid === root);
  for (const member of tree) {
    for (const stat of all) if (stat.parent === member.pid) tree.push(stat);
  }
  return tree;
}

/** Undefined if there is no such process, or only its zombie. */
export function readStat(pid: number): ProcessStat | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, "latin1");
  } catch {
    return undefined;
  }
  // The name of the program stands in parentheses and may hold anything, parentheses included.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const field = (number: number) => Number(fields[number - 3]);
  if (fields[0] === "Z" || fields[0] === "X") return undefined;
  return { pid, parent: field(4), startTicks: field(22), cpuTicks: field(14) + field(15) };
}

export function cpuSeconds(tree: readonly ProcessStat[]): number {
  return tree.reduce((sum, stat) => sum + stat.cpuTicks, 0) / TICKS_PER_SECOND;
}

/** Resident memory in MiB. */
export function residentMib(tree: readonly ProcessStat[]): number {
  let kib = 0;
  for (const { pid } of tree) {
    const match = /^VmRSS:\s+(\d+) kB$/m.exec(readText(`/proc/${pid}/status`));
    kib += Number(match?.[1] ?? 0);
  }
  return kib / 1024;
}

function readText(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}
