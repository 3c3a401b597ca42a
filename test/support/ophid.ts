/** The compiled program under test: started on a home of its own, asked, stopped, and gone after the test. */

import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { askMaster } from "../../src/master/client.ts";
import type { StatusReport } from "../../src/master/status.ts";
import { onCleanUp } from "./cleanup.ts";
import { PROGRAM } from "./cli.ts";
import { processesWith } from "./processes.ts";
import { until } from "./until.ts";

/** Another build can be tested by naming it. */
const OTHER = process.env["OPHID_TEST_BINARY"];
export const COMMAND: readonly string[] = OTHER === undefined ? PROGRAM : [OTHER];

export interface Ran {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Ophid {
  readonly home: string;
  readonly pid: number;
  /** Of the first tcp listener; 0 if there is none. */
  readonly port: number;
  /** From the spawn until it said that it serves. */
  readonly startMs: number;
  readonly exited: Promise<number>;
  /** Everything the master and its workers have printed. */
  readonly output: () => string;
  readonly run: (...args: string[]) => Promise<Ran>;
  readonly status: () => Promise<StatusReport>;
  /** Workers that serve. */
  readonly workerPids: () => Promise<number[]>;
  readonly accessLog: () => AccessLine[];
}

export interface AccessLine {
  readonly target: string;
  readonly status: number;
  readonly cause: string;
  readonly route: string;
  readonly endpoint: string;
  readonly retries: number;
}

export function makeDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), "ophid-e2e-"));
  onCleanUp(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** Everything that runs on the home ends with the test, also what a killed master has left. */
export function makeHome(): string {
  const home = makeDirectory();
  onCleanUp(() => endProcesses(home));
  mkdirSync(join(home, "proxy"));
  return home;
}

export function processesOf(home: string): number[] {
  return processesWith(`OPHID_HOME=${home}`);
}

async function endProcesses(home: string): Promise<void> {
  const killed = new Set<string>();
  await until("nothing runs on the home any more", () => {
    const pids = processesOf(home);
    for (const pid of pids) kill(pid);
    for (const pid of pids) killed.add(String(pid));
    return pids.length === 0;
  });
  // A master that is killed together with its workers leaves its shared file to the next start.
  for (const name of existsSync(SHARED_MEMORY_DIR) ? readdirSync(SHARED_MEMORY_DIR) : []) {
    const [program, , , pid = ""] = name.split("-");
    if (program === "ophid" && killed.has(pid)) rmSync(join(SHARED_MEMORY_DIR, name), { force: true });
  }
}

const SHARED_MEMORY_DIR = "/dev/shm";

export function kill(pid: number, signal: NodeJS.Signals = "SIGKILL"): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It ended by itself.
  }
}

export function configPathOf(home: string): string {
  return join(home, "proxy", "config.toml");
}

export function accessLogOf(home: string): string {
  return join(home, "access.log");
}

export interface ConfigOptions {
  readonly workers?: number;
  /** On 127.0.0.1, unless `listen` says it all. */
  readonly port?: number;
  readonly listen?: readonly string[];
  /** More keys and tables before the routes. */
  readonly extra?: string;
  readonly routes: string;
}

/** Below the range the kernel takes the ports of clients from, so that none of them gets it first. */
export function freePort(): number {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    try {
      Bun.listen({ hostname: "127.0.0.1", port, socket: { data() {} } }).stop(true);
      return port;
    } catch {
      // Taken: another one.
    }
  }
}

export function configure(home: string, options: ConfigOptions): void {
  const listen = options.listen ?? [`127.0.0.1:${options.port}`];
  writeFileSync(
    configPathOf(home),
    `[general]
listen = ${JSON.stringify(listen)}
workers = ${options.workers ?? 1}
access_log = ${JSON.stringify(accessLogOf(home))}
${options.extra ?? ""}
${options.routes}
`,
  );
}

/** A route that leads everything below `path` to the ports on the loopback. */
export function routeTo(path: string, ...ports: number[]): string {
  const target = (port: number) => `http://127.0.0.1:${port}`;
  const [only] = ports;
  const endpoints =
    ports.length === 1 && only !== undefined
      ? `target = "${target(only)}"\n`
      : ports.map((port) => `[[routes.backends]]\nurl = "${target(port)}"\n`).join("");
  return `[[routes]]\nhost = "*"\npath = "${path}"\n${endpoints}`;
}

/** Runs the program to its end. */
export async function runOphid(home: string, ...args: string[]): Promise<Ran> {
  const subprocess = spawnOphid(home, args);
  const [stdout, stderr, exitCode] = await Promise.all([
    new Response(subprocess.stdout).text(),
    new Response(subprocess.stderr).text(),
    subprocess.exited,
  ]);
  return { exitCode, stdout, stderr };
}

export function spawnOphid(home: string, args: readonly string[]) {
  return Bun.spawn([...COMMAND, ...args], {
    cwd: home,
    env: { ...process.env, OPHID_HOME: home, NO_COLOR: "1" },
    stdio: ["ignore", "pipe", "pipe"],
  });
}

/** Resolves once it says that it serves; the configuration of the home must be there. */
export async function startOphid(home: string, ...flags: string[]): Promise<Ophid> {
  const startedAt = performance.now();
  const subprocess = spawnOphid(home, ["proxy", "start", ...flags]);
  const output = { text: "" };
  void collect(subprocess.stdout, output);
  void collect(subprocess.stderr, output);
  await until(
    "ophid serves or has given up",
    () => output.text.includes("serves on") || subprocess.exitCode !== null,
    15_000,
  );
  if (subprocess.exitCode !== null) throw new Error(`ophid ended: ${output.text}`);
  const startMs = performance.now() - startedAt;
  const status = () => statusOf(home);
  const { listeners } = await status();
  const port = listeners.map(({ address }) => /^(?!unix:).*:(\d+)$/.exec(address)?.[1]).find(Boolean);
  return {
    home,
    pid: subprocess.pid,
    port: Number(port ?? 0),
    startMs,
    exited: subprocess.exited,
    output: () => output.text,
    run: (...args) => runOphid(home, ...args),
    status,
    workerPids: async () =>
      (await status()).workers.flatMap((worker) =>
        worker.state === "ready" && worker.pid !== undefined ? [worker.pid] : [],
      ),
    accessLog: () => readAccessLog(accessLogOf(home)),
  };
}

export function readAccessLog(path: string): AccessLine[] {
  const text = existsSync(path) ? readFileSync(path, "utf8") : "";
  // A worker may be in the middle of its batch.
  const lines = text.slice(0, text.lastIndexOf("\n") + 1).split("\n");
  return lines.filter((line) => line !== "").map((line) => JSON.parse(line) as AccessLine);
}

export async function statusOf(home: string): Promise<StatusReport> {
  const reply = await askMaster(home, { method: "GET", path: "/status" });
  if (!reply.ok) throw new Error(reply.error.message);
  return reply.value.body as StatusReport;
}

async function collect(stream: ReadableStream<Uint8Array>, output: { text: string }): Promise<void> {
  const decoder = new TextDecoder();
  for await (const chunk of stream) output.text += decoder.decode(chunk, { stream: true });
}

/** A helper script of the tests in a process of its own; `ready` is the number it printed first, its port. */
export async function startScript(
  name: string,
  ...args: string[]
): Promise<{ readonly pid: number; readonly ready: number; readonly output: () => string }> {
  const subprocess = Bun.spawn([process.execPath, join(import.meta.dir, name), ...args], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  onCleanUp(async () => {
    kill(subprocess.pid);
    await subprocess.exited;
  });
  const output = { text: "" };
  void collect(subprocess.stdout, output);
  const ready = await until(`${name} is ready`, () => /^(\d+)\n/.exec(output.text)?.[1]);
  return { pid: subprocess.pid, ready: Number(ready), output: () => output.text };
}
