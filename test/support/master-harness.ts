/** Real masters with real workers for the process tests; every process ends with the test. */

import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type AdminReply, askMaster } from "../../src/master/client.ts";
import type { StatusReport } from "../../src/master/status.ts";
import { identifyProcess, isStillRunning, type ProcessIdentity } from "../../src/runtime/process-identity.ts";
import type { TestSettings } from "./test-settings.ts";
import { until } from "./until.ts";

export const MASTER_ENTRY = join(import.meta.dir, "master-entry.ts");

export interface TestAnswer {
  readonly generation: number;
  readonly pid: number;
  readonly index: number;
  readonly routes: number;
}

export interface TestMaster {
  readonly home: string;
  readonly pid: number;
  /** Of the first tcp listener. */
  readonly port: number;
  /** Everything printed so far by the master and its workers. */
  readonly output: () => string;
  readonly exited: Promise<number>;
  readonly ask: (method: "GET" | "POST", path: string, body?: unknown) => Promise<AdminReply>;
  readonly status: () => Promise<StatusReport>;
  readonly get: (path?: string) => Promise<TestAnswer>;
}

export interface Harness {
  newHome(): string;
  start(settings: TestSettings, home?: string): Promise<TestMaster>;
  /** Runs a master that is expected to give up. */
  startAndFail(settings: TestSettings, home?: string): Promise<{ exitCode: number; output: string }>;
  /** Adds a process to those that must not outlive the test. */
  track(pid: number): void;
  end(): Promise<void>;
}

export function configure(home: string, settings: TestSettings): void {
  writeFileSync(join(home, "test.json"), JSON.stringify(settings));
}

export function createHarness(): Harness {
  const homes: string[] = [];
  const processes: ProcessIdentity[] = [];
  const track = (pid: number) => void processes.push(identifyProcess(pid));
  const newHome = () => {
    const home = mkdtempSync(join(tmpdir(), "ophid-test-"));
    homes.push(home);
    return home;
  };
  const launch = (settings: TestSettings, home: string) => {
    configure(home, settings);
    const output = { text: "" };
    const subprocess = Bun.spawn([process.execPath, MASTER_ENTRY, home], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, OPHID_TEST_SECRET: "hunter2" },
    });
    track(subprocess.pid);
    void collect(subprocess.stdout, output);
    void collect(subprocess.stderr, output);
    return { subprocess, output };
  };
  return {
    newHome,
    track,
    async start(settings, home = newHome()) {
      const { subprocess, output } = launch(settings, home);
      const port = await until("the master is ready", () => {
        const match = /^ready (?:\S*:(\d+))?/m.exec(output.text);
        if (match !== null) return { number: Number(match[1] ?? 0) };
        return subprocess.exitCode === null ? undefined : { number: -1 };
      });
      if (port.number < 0) throw new Error(`The master ended: ${output.text}`);
      const master = toMaster(home, subprocess, output, port.number);
      for (const worker of (await master.status()).workers) track(worker.pid ?? 0);
      return master;
    },
    async startAndFail(settings, home = newHome()) {
      const { subprocess, output } = launch(settings, home);
      const exitCode = await subprocess.exited;
      await until("the output is read", () => output.text.includes("failed"));
      return { exitCode, output: output.text };
    },
    async end() {
      for (const identity of processes) {
        if (identity.pid > 0 && isStillRunning(identity)) process.kill(identity.pid, "SIGKILL");
      }
      await until("all processes are gone", () => processes.every((identity) => !isStillRunning(identity)));
      for (const { pid } of processes) removeCellFiles(pid);
      for (const home of homes) rmSync(home, { recursive: true, force: true });
    },
  };
}

/** A master that was killed together with its workers leaves its shared file to the next start. */
function removeCellFiles(pid: number): void {
  for (const name of existsSync("/dev/shm") ? readdirSync("/dev/shm") : []) {
    if (name.startsWith("ophid-") && name.includes(`-${pid}-`))
      rmSync(join("/dev/shm", name), { force: true });
  }
}

function toMaster(
  home: string,
  subprocess: Bun.Subprocess,
  output: { text: string },
  port: number,
): TestMaster {
  const ask: TestMaster["ask"] = async (method, path, body) => {
    const reply = await askMaster(home, { method, path, ...(body === undefined ? {} : { body }) });
    if (!reply.ok) throw new Error(reply.error.message);
    return reply.value;
  };
  return {
    home,
    pid: subprocess.pid,
    port,
    output: () => output.text,
    exited: subprocess.exited,
    ask,
    status: async () => (await ask("GET", "/status")).body as StatusReport,
    get: async (path = "/") => (await getFrom(port, path)) as TestAnswer,
  };
}

/** A new connection each time, so that the kernel may choose another worker. */
export async function getFrom(port: number, path = "/"): Promise<unknown> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    keepalive: false,
    signal: AbortSignal.timeout(5_000),
  });
  return await response.json();
}

async function collect(stream: ReadableStream<Uint8Array>, output: { text: string }): Promise<void> {
  const decoder = new TextDecoder();
  for await (const chunk of stream) output.text += decoder.decode(chunk, { stream: true });
}
