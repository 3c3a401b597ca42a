/** Programs started for the benchmark: on their own core, with their output in a file, gone at the end whatever happens. */

import { closeSync, openSync, readFileSync } from "node:fs";
import { type ProcessStat, readStat, readTree } from "./process-tree.ts";

export interface Child {
  readonly name: string;
  readonly pid: number;
  readonly outputPath: string;
  readonly subprocess: Bun.Subprocess;
}

export interface ChildOptions {
  readonly name: string;
  readonly core: number;
  readonly command: readonly string[];
  readonly outputPath: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

const STOP_TIMEOUT_MS = 5000;
const KILL_TIMEOUT_MS = 2000;
const POLL_MS = 20;

const running = new Set<Child>();

/** taskset replaces itself by the program, so the pid is the program's. */
export function startChild({ name, core, command, outputPath, env = {}, cwd = "/" }: ChildOptions): Child {
  const output = openSync(outputPath, "a");
  try {
    const subprocess = Bun.spawn(["taskset", "-c", String(core), ...command], {
      env: { ...process.env, ...env },
      cwd,
      stdio: ["ignore", output, output],
    });
    const child = { name, pid: subprocess.pid, outputPath, subprocess };
    running.add(child);
    return child;
  } finally {
    closeSync(output);
  }
}

export function hasEnded(child: Child): boolean {
  return child.subprocess.exitCode !== null || child.subprocess.signalCode !== null;
}

/** The end of what it printed, for an error message. */
export function outputOf(child: Child): string {
  return readFileSync(child.outputPath, "utf8").slice(-2000).trim();
}

/** For programs that end by themselves; false if it had to be killed. */
export async function waitForEnd(child: Child, timeoutMs: number): Promise<boolean> {
  const ended = await waitUntil(() => hasEnded(child), timeoutMs);
  if (ended) running.delete(child);
  else await stopChild(child);
  return ended;
}

export async function stopChild(child: Child): Promise<void> {
  const members = readTree(child.pid);
  if (!hasEnded(child)) child.subprocess.kill("SIGTERM");
  if (!(await waitUntil(() => !members.some(isAlive), STOP_TIMEOUT_MS))) killAll(members);
  await waitUntil(() => !members.some(isAlive), KILL_TIMEOUT_MS);
  running.delete(child);
}

export async function stopAllChildren(): Promise<void> {
  await Promise.all([...running].map(stopChild));
}

/** For an end without time to wait. */
export function killAllChildren(): void {
  for (const child of running) killAll(readTree(child.pid));
}

function killAll(members: readonly ProcessStat[]): void {
  for (const member of members) {
    if (isAlive(member)) process.kill(member.pid, "SIGKILL");
  }
}

/** A pid alone may have passed on to somebody else. */
function isAlive(member: ProcessStat): boolean {
  return readStat(member.pid)?.startTicks === member.startTicks;
}

/** False if the condition did not come true in time. */
export async function waitUntil(condition: () => boolean, timeoutMs: number): Promise<boolean> {
  const deadline = performance.now() + timeoutMs;
  while (!condition()) {
    if (performance.now() > deadline) return false;
    await Bun.sleep(POLL_MS);
  }
  return true;
}
