/** When a dead worker is started again: at once after a first crash, ever later in a crash loop. */

export interface Backoff {
  /** Deaths in a row without a life worth the name between them. */
  readonly deaths: number;
}

export const FRESH_BACKOFF: Backoff = { deaths: 0 };

export const FIRST_DELAY_MS = 100;
export const MAX_DELAY_MS = 10_000;
/** A worker that lived this long did not die of its start. */
export const GOOD_LIFE_MS = 30_000;

export interface RestartDecision {
  readonly backoff: Backoff;
  readonly delayMs: number;
}

/** A worker died after `lifeMs`: the first time it is back at once, then 0.1 s, doubling up to 10 s. */
export function decideRestart(backoff: Backoff, lifeMs: number): RestartDecision {
  const deathsBefore = lifeMs >= GOOD_LIFE_MS ? 0 : backoff.deaths;
  const delayMs = deathsBefore === 0 ? 0 : Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** (deathsBefore - 1));
  return { backoff: { deaths: deathsBefore + 1 }, delayMs };
}
