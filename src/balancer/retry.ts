/** Whether a failed attempt may be repeated (RFC 9110 9.2.2). */

import type { ProxyError } from "../exchange/error.ts";

/** Attempts after a failed connect: once, on another endpoint. */
export const MAX_CONNECT_RETRIES = 1;
/** Attempts after a reused connection died without an answer. */
export const MAX_REUSE_RETRIES = 1;

export interface Attempts {
  readonly connectRetries: number;
  readonly reuseRetries: number;
}

export interface Repeatable {
  readonly idempotent: boolean;
  /** The body is empty or still held in full. */
  readonly replayable: boolean;
}

export type RetryDecision = "stop" | "after-connect" | "after-reuse";

export function decideRetry(error: ProxyError, attempts: Attempts, request: Repeatable): RetryDecision {
  if (error.retry === "safe") return attempts.connectRetries < MAX_CONNECT_RETRIES ? "after-connect" : "stop";
  if (error.retry !== "if-reused" || !request.idempotent || !request.replayable) return "stop";
  return attempts.reuseRetries < MAX_REUSE_RETRIES ? "after-reuse" : "stop";
}
