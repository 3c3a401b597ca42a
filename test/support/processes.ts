/** What /proc tells about processes: memory, who belongs to a home, which connections somebody holds. */

import { readdirSync, readFileSync, readlinkSync } from "node:fs";

const KIB = 1024;

/** Resident memory now and at its highest, in bytes; undefined if the process is gone. */
export function memoryOf(pid: number): { readonly nowBytes: number; readonly peakBytes: number } | undefined {
  const text = readText(`/proc/${pid}/status`);
  const kib = (name: string) => new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(text)?.[1];
  const now = kib("VmRSS");
  const peak = kib("VmHWM");
  if (now === undefined || peak === undefined) return undefined;
  return { nowBytes: Number(now) * KIB, peakBytes: Number(peak) * KIB };
}

/** Every process with `NAME=value` in the environment it was started with, zombies excepted. */
export function processesWith(variable: string): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => readText(`/proc/${pid}/environ`).split("\0").includes(variable));
}

/**
 * False only when all of its threads have ended: the first may be a zombie while others still hold the sockets, and a
 * listing of threads is cut short by those that end meanwhile.
 */
export function isRunning(pid: number): boolean {
  const text = readText(`/proc/${pid}/stat`);
  if (text === "") return false;
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const [state, threads] = [fields[0], Number(fields[NUM_THREADS - 3])];
  return (state !== "Z" && state !== "X") || threads > 1;
}

/** Number of the field in proc(5). */
const NUM_THREADS = 20;

/** Ports of the clients whose connections to `port` are among the open files of the process. */
export function clientPortsOf(pid: number, port: number): Set<number> {
  const inodes = new Set(socketInodes(pid));
  const ports = new Set<number>();
  for (const line of readText("/proc/net/tcp").split("\n").slice(1)) {
    const [, local = "", remote = "", , , , , , , inode = ""] = line.trim().split(/\s+/);
    if (portOf(local) === port && inodes.has(inode)) ports.add(portOf(remote));
  }
  ports.delete(0);
  return ports;
}

/** True if any socket listens on the port, IPv4 or IPv6. */
export function isListenedOn(port: number): boolean {
  return ["tcp", "tcp6"].some((table) =>
    readText(`/proc/net/${table}`)
      .split("\n")
      .some((line) => {
        const [, local = "", , state] = line.trim().split(/\s+/);
        return state === LISTEN && portOf(local) === port;
      }),
  );
}

const LISTEN = "0A";

function portOf(address: string): number {
  return Number.parseInt(address.slice(address.lastIndexOf(":") + 1), 16);
}

function socketInodes(pid: number): string[] {
  const directory = `/proc/${pid}/fd`;
  return names(directory).flatMap((name) => {
    try {
      return /^socket:\[(\d+)\]$/.exec(readlinkSync(`${directory}/${name}`))?.[1] ?? [];
    } catch {
      return [];
    }
  });
}

function names(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}
