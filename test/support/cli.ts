/** The program as a person runs it: compiled if dist/ophid is up to date, else from source, on a home of its own. */

import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { findMaster, homeAt } from "../../src/master/home.ts";
import type { StatusReport } from "../../src/master/status.ts";
import { identifyProcess, isStillRunning, type ProcessIdentity } from "../../src/runtime/process-identity.ts";
import { until } from "./until.ts";

const ROOT = join(import.meta.dir, "..", "..");
const BINARY = join(ROOT, "dist", "ophid");

export const PROGRAM: readonly string[] = isUpToDate()
  ? [BINARY]
  : [process.execPath, join(ROOT, "src", "main.ts")];

/** A binary older than its sources would be tested in place of them. */
function isUpToDate(): boolean {
  if (!existsSync(BINARY)) return false;
  const builtAt = statSync(BINARY).mtimeMs;
  const sources = new Bun.Glob("**/*.ts").scanSync({ cwd: join(ROOT, "src"), absolute: true });
  return [...sources].every((path) => statSync(path).mtimeMs <= builtAt);
}

export interface CliResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliProcess {
  readonly pid: number;
  readonly stdout: () => string;
  readonly stderr: () => string;
  readonly exited: Promise<number>;
  readonly signal: (name: NodeJS.Signals) => void;
}

export interface Cli {
  readonly home: string;
  readonly configPath: string;
  configure(text: string): void;
  run(...args: readonly string[]): Promise<CliResult>;
  /** Runs a command that has to succeed and returns what it printed. */
  must(...args: readonly string[]): Promise<string>;
  spawn(args: readonly string[], env?: Readonly<Record<string, string>>): CliProcess;
  status(): Promise<StatusReport>;
  /** Ends the master, its workers and everything spawned, and removes the home. */
  end(): Promise<void>;
}

export function createCli(): Cli {
  const home = mkdtempSync(join(tmpdir(), "ophid-cli-"));
  const configPath = join(home, "proxy", "config.toml");
  const processes: ProcessIdentity[] = [];
  const spawn = (args: readonly string[], env: Readonly<Record<string, string>> = {}) => {
    const child = Bun.spawn([...PROGRAM, ...args], {
      cwd: home,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, OPHID_HOME: home, NO_COLOR: "", ...env },
    });
    processes.push(identifyProcess(child.pid));
    const [stdout, stderr] = [collect(child.stdout), collect(child.stderr)];
    return {
      pid: child.pid,
      stdout: stdout.text,
      stderr: stderr.text,
      exited: Promise.all([child.exited, stdout.done, stderr.done]).then(([exitCode]) => exitCode),
      signal: (name: NodeJS.Signals) => child.kill(name),
    };
  };
  const run = async (...args: readonly string[]) => {
    const child = spawn(args);
    const exitCode = await child.exited;
    return { exitCode, stdout: child.stdout(), stderr: child.stderr() };
  };
  const must = async (...args: readonly string[]) => {
    const result = await run(...args);
    if (result.exitCode !== 0) throw new Error(`${args.join(" ")}: ${result.exitCode} ${result.stderr}`);
    return result.stdout;
  };
  return {
    home,
    configPath,
    configure(text) {
      mkdirSync(dirname(configPath), { recursive: true });
      writeFileSync(configPath, text);
    },
    run,
    must,
    spawn,
    status: async () => JSON.parse(await must("proxy", "status", "--json")) as StatusReport,
    async end() {
      const master = findMaster(homeAt(home));
      if (master !== undefined) processes.push(master, ...childrenOf(master.pid));
      for (const identity of processes) {
        if (isStillRunning(identity)) process.kill(identity.pid, "SIGKILL");
      }
      await until("all processes are gone", () => processes.every((identity) => !isStillRunning(identity)));
      rmSync(home, { recursive: true, force: true });
    },
  };
}

/** Nobody listens there now; a test is the only one to use it. */
export function freePort(): number {
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => undefined } });
  const { port } = listener;
  listener.stop(true);
  return port;
}

export interface Backend {
  readonly address: string;
  readonly stop: () => Promise<void>;
}

/** Answers with its name and the target it was asked for. */
export function startBackend(name: string): Backend {
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: (request) => new Response(`${name} ${new URL(request.url).pathname}`),
  });
  return { address: `127.0.0.1:${server.port}`, stop: () => server.stop(true) };
}

export async function get(port: number, host: string, path = "/"): Promise<{ status: number; text: string }> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    headers: { host },
    keepalive: false,
    signal: AbortSignal.timeout(5_000),
  });
  return { status: response.status, text: await response.text() };
}

function childrenOf(pid: number): ProcessIdentity[] {
  const listed = Bun.spawnSync(["ps", "-o", "pid=", "--ppid", String(pid)]).stdout.toString();
  return listed.split("\n").flatMap((line) => (line.trim() === "" ? [] : identifyProcess(Number(line))));
}

function collect(stream: ReadableStream<Uint8Array>) {
  let text = "";
  const read = async () => {
    const decoder = new TextDecoder();
    for await (const chunk of stream) text += decoder.decode(chunk, { stream: true });
  };
  return { text: () => text, done: read() };
}
