/** How many workers "auto" is on this machine: as many as its container may use, not as the host has. */

import { readFileSync } from "node:fs";
import { availableParallelism, totalmem } from "node:os";

export const MAX_AUTO_WORKERS = 8;
/** What a worker may grow to under load without the machine running out. */
const MEMORY_PER_WORKER_BYTES = 128 * 1024 * 1024;

export interface Machine {
  /** May be a fraction: a container can be given half a core. */
  readonly cores: number;
  readonly memoryBytes: number;
}

export function resolveWorkers(workers: "auto" | number, machine: Machine): number {
  if (workers !== "auto") return workers;
  const byCores = Math.ceil(machine.cores);
  const byMemory = Math.floor(machine.memoryBytes / MEMORY_PER_WORKER_BYTES);
  return Math.max(1, Math.min(byCores, byMemory, MAX_AUTO_WORKERS));
}

export function readMachine(): Machine {
  const limits = readCgroupLimits(readText);
  return {
    cores: Math.min(availableParallelism(), limits.cores),
    memoryBytes: Math.min(totalmem(), limits.memoryBytes),
  };
}

/** The tightest limit on the way from this process's cgroup (v2) up to the root; infinite where there is none. */
export function readCgroupLimits(read: (path: string) => string | undefined): Machine {
  let cores = Number.POSITIVE_INFINITY;
  let memoryBytes = Number.POSITIVE_INFINITY;
  const own = /^0::(\/.*)$/m.exec(read("/proc/self/cgroup") ?? "")?.[1];
  if (own === undefined) return { cores, memoryBytes };
  const names = own.split("/").filter((name) => name !== "");
  for (let depth = names.length; depth >= 0; depth--) {
    const folder = ["/sys/fs/cgroup", ...names.slice(0, depth)].join("/");
    cores = Math.min(cores, parseCpuMax(read(`${folder}/cpu.max`)));
    memoryBytes = Math.min(memoryBytes, parseLimit(read(`${folder}/memory.max`)));
  }
  return { cores, memoryBytes };
}

/** "quota period" in microseconds, or "max period". */
function parseCpuMax(text: string | undefined): number {
  const match = /^(\d+) (\d+)\s*$/.exec(text ?? "");
  const period = Number(match?.[2] ?? 0);
  return match === null || period === 0 ? Number.POSITIVE_INFINITY : Number(match[1]) / period;
}

function parseLimit(text: string | undefined): number {
  return /^\d+\s*$/.test(text ?? "") ? Number(text) : Number.POSITIVE_INFINITY;
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
