/** Smooth weighted round robin: each endpoint gets turns in proportion to its weight, spread over the cycle. */

import { invariant } from "../lib/assert.ts";
import { type Pick, pickableIndexes, type WeightedEndpoint } from "./pick.ts";
import { createSequencePick } from "./sequence.ts";

/** Longest cycle, unless there are more endpoints. Weights that need a longer one are rounded, never down to no turn. */
export const MAX_SEQUENCE = 16_384;

export function createWeighted(endpoints: readonly WeightedEndpoint[]): Pick {
  return createSequencePick(smoothSequence(endpoints), pickableIndexes(endpoints), endpoints.length);
}

/**
 * One full cycle of endpoint indexes: weights 5, 1, 1 give 0 0 1 0 2 0 0. Computed once per snapshot, because a
 * running state per worker would make N workers N separate cycles.
 */
export function smoothSequence(endpoints: readonly WeightedEndpoint[]): Int32Array {
  const indexes = pickableIndexes(endpoints);
  const weights = fitWeights(Array.from(indexes, (index) => endpoints[index]?.weight ?? 0));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  if (total === indexes.length) return indexes;
  const credit = new Int32Array(indexes.length);
  const sequence = new Int32Array(total);
  for (let at = 0; at < total; at++) {
    const winner = richest(credit, weights);
    credit[winner] = (credit[winner] as number) - total;
    sequence[at] = indexes[winner] as number;
  }
  return sequence;
}

/** Pays every weight into the credits and returns the first of the highest. */
function richest(credit: Int32Array, weights: Int32Array): number {
  let best = 0;
  for (let at = 0; at < credit.length; at++) {
    credit[at] = (credit[at] as number) + (weights[at] as number);
    if ((credit[at] as number) > (credit[best] as number)) best = at;
  }
  return best;
}

function fitWeights(weights: readonly number[]): Int32Array {
  for (const weight of weights) invariant(Number.isSafeInteger(weight), "a weight is a whole number");
  const divisor = weights.reduce(greatestCommonDivisor, 0) || 1;
  const total = weights.reduce((sum, weight) => sum + weight / divisor, 0);
  if (total <= MAX_SEQUENCE) return Int32Array.from(weights, (weight) => weight / divisor);
  const scale = Math.max(0, MAX_SEQUENCE - weights.length) / total;
  return Int32Array.from(weights, (weight) => Math.max(1, Math.round((weight / divisor) * scale)));
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
