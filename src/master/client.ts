/** Asks a running master over its admin socket. */

import { setTimeout as delay } from "node:timers/promises";
import { err, ok, type Result } from "../lib/result.ts";
import { isStillRunning } from "../runtime/process-identity.ts";
import { findMaster, homeAt } from "./home.ts";

export interface AdminRequest {
  readonly method: "GET" | "POST";
  /** With its query, such as "/reload?dry_run=1". */
  readonly path: string;
  readonly body?: unknown;
  readonly timeoutMs?: number;
}

export interface AdminReply {
  readonly status: number;
  readonly body: unknown;
}

export interface AdminFailure {
  /** `not-running` is exit code 3, the others are 2. */
  readonly kind: "not-running" | "failed";
  readonly message: string;
}

/** Longer than a reload behind a reload: prepare and commit have deadlines of their own. */
const DEFAULT_TIMEOUT_MS = 60_000;
/** What stopping may take beyond the drain: killing leftovers and closing files. */
const STOP_MARGIN_MS = 10_000;
const POLL_MS = 50;

export async function askMaster(
  home: string,
  request: AdminRequest,
): Promise<Result<AdminReply, AdminFailure>> {
  try {
    const response = await fetch(`http://ophid${request.path}`, {
      unix: homeAt(home).adminSocket,
      method: request.method,
      // Bun obeys HTTP_PROXY even for unix sockets; a pooled connection may lead to a master that is gone.
      proxy: false,
      keepalive: false,
      signal: AbortSignal.timeout(request.timeoutMs ?? DEFAULT_TIMEOUT_MS),
      ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }),
    });
    return ok({ status: response.status, body: await response.json() });
  } catch (error) {
    return err(explain(home, error));
  }
}

export interface StopOutcome {
  readonly pid: number;
}

/** Orders the stop and waits until the process is gone. */
export async function stopMaster(
  home: string,
  timeoutMs: number | undefined,
): Promise<Result<StopOutcome, AdminFailure>> {
  const master = findMaster(homeAt(home));
  const reply = await askMaster(home, {
    method: "POST",
    path: "/stop",
    ...(timeoutMs === undefined ? {} : { body: { timeoutMs } }),
  });
  if (!reply.ok) return reply;
  const { body, status } = reply.value;
  if (status !== 202 || typeof body !== "object" || body === null) {
    return err({ kind: "failed", message: `Cannot stop: the master answered ${status}` });
  }
  const drainMs = "drainMs" in body && typeof body.drainMs === "number" ? body.drainMs : 0;
  if (master === undefined)
    return err({ kind: "failed", message: "Cannot wait for the end: the pid file is missing" });
  const deadline = performance.now() + drainMs + STOP_MARGIN_MS;
  while (isStillRunning(master)) {
    if (performance.now() >= deadline) {
      return err({ kind: "failed", message: `Cannot stop: pid ${master.pid} is still running` });
    }
    await delay(POLL_MS);
  }
  return ok({ pid: master.pid });
}

function explain(home: string, error: unknown): AdminFailure {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  // ENOENT: no socket. ECONNREFUSED: one was left behind by a master that was killed.
  if (code === "ENOENT" || code === "ECONNREFUSED") {
    return { kind: "not-running", message: `ophid is not running on home "${home}"` };
  }
  if (code === "EACCES" || code === "EPERM") {
    return { kind: "failed", message: `Cannot reach ophid: no permission for "${homeAt(home).adminSocket}"` };
  }
  if (error instanceof Error && error.name === "TimeoutError") {
    return { kind: "failed", message: "Cannot reach ophid: it did not answer in time" };
  }
  return {
    kind: "failed",
    message: `Cannot reach ophid: ${error instanceof Error ? error.message : String(error)}`,
  };
}
