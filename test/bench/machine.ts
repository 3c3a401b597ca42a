/** The machine of a run: which core does what, free ports, and nobody else who measures at the same time. */

import { existsSync, readFileSync } from "node:fs";
import { createServer, type Server } from "node:net";

export interface Cores {
  readonly proxy: number;
  readonly load: number;
  readonly backend: number;
}

/** One core for the proxy, the others for who loads it and who answers. */
export function chooseCores(): Cores {
  const [proxy, load, backend] = allowedCores();
  if (proxy === undefined || load === undefined) {
    throw new Error("Cannot measure: two processor cores are needed, one of them for the proxy alone");
  }
  return { proxy, load, backend: backend ?? load };
}

function allowedCores(): number[] {
  const match = /^Cpus_allowed_list:\s*(.+)$/m.exec(readFileSync("/proc/self/status", "latin1"));
  const cores: number[] = [];
  for (const range of (match?.[1] ?? "").split(",")) {
    const [first = Number.NaN, last = first] = range.split("-").map(Number);
    for (let core = first; core <= last; core++) cores.push(core);
  }
  return cores;
}

/** Reading logs and waiting must not happen on the core of the proxy. */
export function moveTo(core: number): void {
  const moved = Bun.spawnSync(["taskset", "-a", "-p", "-c", String(core), String(process.pid)]);
  if (!moved.success) throw new Error(`Cannot move to core ${core}: ${moved.stderr.toString().trim()}`);
}

/** Seconds a core was busy since boot, time the hypervisor gave to another machine included. */
export function busySeconds(core: number): number {
  const line = new RegExp(`^cpu${core} (.+)$`, "m").exec(readFileSync("/proc/stat", "latin1"))?.[1] ?? "";
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = line.split(" ").map(Number);
  return (user + nice + system + irq + softirq + steal) / 100;
}

/** Ports the kernel calls free now; asked for together, so that they differ. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(Array.from({ length: count }, listenSomewhere));
  const ports = servers.map((server) => {
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("Cannot find a free port");
    return address.port;
  });
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

function listenSomewhere(): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => resolve(server));
  });
}

/** Two benchmarks on one machine measure each other. The name is free again when this process ends, however it ends. */
export function lockMachine(): void {
  try {
    Bun.listen({ unix: "\0ophid-bench", socket: { data() {} } }).unref();
  } catch {
    throw new Error("Cannot measure: another benchmark is running on this machine");
  }
}

export function checkPlatform(): void {
  if (process.platform !== "linux" || !existsSync("/proc/self/stat")) {
    throw new Error("Cannot measure: this needs Linux (/proc, taskset, strace)");
  }
}
