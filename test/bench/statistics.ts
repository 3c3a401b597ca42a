/** Medians and ratios of interleaved rounds. */

import type { Sample } from "./measure.ts";

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  const median = sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
  return { median, min: sorted[0] ?? Number.NaN, max: sorted.at(-1) ?? Number.NaN };
}

/** Each round is a pair: both met the same machine, so the ratio of a round says more than that of two medians. */
export function ratioOf(
  samples: readonly Sample[],
  base: readonly Sample[],
  pick: (sample: Sample) => number,
): Spread {
  const ratios: number[] = [];
  for (const [round, sample] of samples.entries()) {
    const other = base[round];
    if (other !== undefined) ratios.push(pick(sample) / pick(other));
  }
  return spreadOf(ratios);
}
