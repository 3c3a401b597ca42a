/** Pools and inputs for balancer tests. */

import { NONE_TRIED, type PickInput, type PoolView, type WeightedEndpoint } from "../../src/balancer/pick.ts";

export function createEndpoints(weights: readonly number[]): WeightedEndpoint[] {
  return weights.map((weight, index) => ({ key: `http://10.0.0.${index + 1}:8080`, weight }));
}

export function createPool(
  size: number,
  down: readonly number[] = [],
  loads: readonly number[] = [],
): PoolView {
  return { size, isReady: (index) => !down.includes(index), load: (index) => loads[index] ?? 0 };
}

export function createInput(input: Partial<PickInput> = {}): PickInput {
  return { ticket: 0, random: () => 0.5, key: "192.0.2.1", tried: NONE_TRIED, ...input };
}

/** mulberry32: a small seeded generator, so that a failure can be repeated. */
export function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let bits = Math.imul(state ^ (state >>> 15), 1 | state);
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits;
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function countPicks(size: number, picks: Iterable<number>): number[] {
  const counts = new Array<number>(size).fill(0);
  for (const pick of picks) counts[pick] = (counts[pick] ?? 0) + 1;
  return counts;
}
