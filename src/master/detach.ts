/** Starts the master in the background and stays until it serves or has said why it does not. */

import { closeSync, openSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { err, ok, type Result } from "../lib/result.ts";
import { askMaster } from "./client.ts";
import { homeAt, prepareHome } from "./home.ts";

export interface DetachOptions {
  readonly home: string;
  /** argv of the master in the foreground. */
  readonly command: readonly string[];
  readonly timeoutMs?: number;
}

export interface DetachFailure {
  readonly exitCode: number;
  /** What the background process itself had to say. */
  readonly message: string;
}

export interface Detached {
  readonly pid: number;
  readonly logFile: string;
}

const DEFAULT_TIMEOUT_MS = 30_000;
const POLL_MS = 25;
const MAX_MESSAGE_BYTES = 8_192;

export async function startDetached(options: DetachOptions): Promise<Result<Detached, DetachFailure>> {
  const home = homeAt(options.home);
  const prepared = prepareHome(home);
  if (!prepared.ok) return err({ exitCode: 2, message: prepared.error });
  const logFile = join(home.logDir, "ophid.log");
  const log = openSync(logFile, "a", 0o600);
  const offset = statSync(logFile).size;
  // A session of its own: the terminal's Ctrl-C and hang-up do not reach it.
  const child = Bun.spawn([...options.command], { detached: true, stdio: ["ignore", log, log] });
  closeSync(log);
  const deadline = performance.now() + (options.timeoutMs ?? DEFAULT_TIMEOUT_MS);
  while (performance.now() < deadline) {
    if (child.exitCode !== null || child.signalCode !== null) {
      return err({ exitCode: child.exitCode || 2, message: readSince(logFile, offset) });
    }
    if (await isReady(options.home, child.pid)) {
      child.unref();
      return ok({ pid: child.pid, logFile });
    }
    await delay(POLL_MS);
  }
  child.kill("SIGTERM");
  child.unref();
  return err({ exitCode: 2, message: `Cannot start: not ready in time, see "${logFile}"` });
}

/** A master that was there before may answer on the socket: only the child counts. */
async function isReady(home: string, pid: number): Promise<boolean> {
  const reply = await askMaster(home, { method: "GET", path: "/readyz", timeoutMs: 1_000 });
  if (!reply.ok || reply.value.status !== 200) return false;
  const { body } = reply.value;
  return typeof body === "object" && body !== null && "pid" in body && body.pid === pid;
}

function readSince(logFile: string, offset: number): string {
  const written = readFileSync(logFile).subarray(offset).subarray(-MAX_MESSAGE_BYTES).toString().trim();
  return written === "" ? `Cannot start: the background process ended, see "${logFile}"` : written;
}
