/** When a dead worker is started again: at once after a lone crash, ever later in a crash loop. */

export interface Backoff {
  /** Deaths not yet forgiven. */
  readonly deaths: number;
}

export const FRESH_BACKOFF: Backoff = { deaths: 0 };

export const FIRST_DELAY_MS = 100;
export const MAX_DELAY_MS = 10_000;
/** So much life forgives one death: a worker killed now and then is no crash loop and is back at once. */
export const FORGIVE_MS = 3_000;
/** With this many the delay is at its maximum; a life of 30 s forgives them all. */
export const MAX_DEATHS = 10;

export interface RestartDecision {
  readonly backoff: Backoff;
  readonly delayMs: number;
}

/** A worker died after `lifeMs`: the first time it is back at once, then 0.1 s, doubling up to 10 s. */
export function decideRestart(backoff: Backoff, lifeMs: number): RestartDecision {
  const before = Math.max(0, backoff.deaths - Math.floor(Math.max(0, lifeMs) / FORGIVE_MS));
  const delayMs = before === 0 ? 0 : Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** (before - 1));
  return { backoff: { deaths: Math.min(MAX_DEATHS, before + 1) }, delayMs };
}
