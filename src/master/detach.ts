/** Starts the master in the background and stays until it serves or has said why it does not. */

import { closeSync, fstatSync, openSync, readSync } from "node:fs";
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
  readonly message: string;
  /** The message is what the background process printed itself: complete, hints included. */
  readonly isQuoted: boolean;
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
  if (!prepared.ok) return err(ownFailure(prepared.error));
  const logFile = join(home.logDir, "ophid.log");
  const opened = openLog(logFile);
  if (!opened.ok) return err(ownFailure(opened.error));
  const { log, offset } = opened.value;
  // A session of its own: the terminal's Ctrl-C and hang-up do not reach it.
  const child = Bun.spawn([...options.command], { detached: true, stdio: ["ignore", log, log] });
  closeSync(log);
  const deadline = performance.now() + (options.timeoutMs ?? DEFAULT_TIMEOUT_MS);
  while (performance.now() < deadline) {
    if (child.exitCode !== null || child.signalCode !== null) {
      return err(describeEnd(child.exitCode || 2, logFile, offset));
    }
    if (await isReady(options.home, child.pid)) {
      child.unref();
      return ok({ pid: child.pid, logFile });
    }
    await delay(POLL_MS);
  }
  child.kill("SIGTERM");
  child.unref();
  return err(ownFailure(`Cannot start: not ready in time, see "${logFile}"`));
}

function ownFailure(message: string): DetachFailure {
  return { exitCode: 2, message, isQuoted: false };
}

function openLog(logFile: string): Result<{ readonly log: number; readonly offset: number }, string> {
  try {
    const log = openSync(logFile, "a", 0o600);
    return ok({ log, offset: fstatSync(log).size });
  } catch (error) {
    return err(`Cannot start: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** A master that was there before may answer on the socket: only the child counts. */
async function isReady(home: string, pid: number): Promise<boolean> {
  const reply = await askMaster(home, { method: "GET", path: "/readyz", timeoutMs: 1_000 });
  if (!reply.ok || reply.value.status !== 200) return false;
  const { body } = reply.value;
  return typeof body === "object" && body !== null && "pid" in body && body.pid === pid;
}

function describeEnd(exitCode: number, logFile: string, offset: number): DetachFailure {
  const written = readSince(logFile, offset).trim();
  if (written !== "") return { exitCode, message: written, isQuoted: true };
  const message = `Cannot start: the background process ended, see "${logFile}"`;
  return { exitCode, message, isQuoted: false };
}

/** The end of what was added, never the whole file: it may have grown for years. */
function readSince(logFile: string, offset: number): string {
  const file = openSync(logFile, "r");
  try {
    const start = Math.max(offset, fstatSync(file).size - MAX_MESSAGE_BYTES);
    const bytes = Buffer.alloc(MAX_MESSAGE_BYTES);
    return bytes.toString("utf8", 0, readSync(file, bytes, 0, bytes.length, start));
  } finally {
    closeSync(file);
  }
}
