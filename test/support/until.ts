/** Waiting on conditions with a deadline. */

import { setTimeout as delay } from "node:timers/promises";

const POLL_MS = 10;

/** The first value of `probe` that is neither undefined nor false. A throwing probe counts as "not yet". */
export async function until<T>(
  what: string,
  probe: () => T | undefined | false | Promise<T | undefined | false>,
  timeoutMs = 10_000,
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  let lastError: unknown;
  for (;;) {
    try {
      const value = await probe();
      if (value !== undefined && value !== false) return value;
    } catch (error) {
      lastError = error;
    }
    if (performance.now() >= deadline) {
      throw new Error(`Waited ${timeoutMs} ms in vain until ${what}`, { cause: lastError });
    }
    await delay(POLL_MS);
  }
}
