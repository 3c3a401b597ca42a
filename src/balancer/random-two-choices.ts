/** Draws two different endpoints by weight and takes the one with fewer requests in flight for its weight. */

import {
  compareShares,
  isOpen,
  type Pick,
  type PickInput,
  type PoolView,
  pickableIndexes,
  type WeightedEndpoint,
} from "./pick.ts";
import { smoothSequence } from "./weighted.ts";

/** Blind draws before a draw looks at the whole pool; the result is distributed the same either way. */
const BLIND_DRAWS_MAX = 4;

interface Urn {
  readonly indexes: Int32Array;
  /** Each endpoint as often as its weight says, so that a uniform draw is a weighted one. */
  readonly table: Int32Array;
  readonly weights: Float64Array;
}

export function createRandomTwoChoices(endpoints: readonly WeightedEndpoint[]): Pick {
  const urn: Urn = {
    indexes: pickableIndexes(endpoints),
    table: smoothSequence(endpoints),
    weights: Float64Array.from(endpoints, (endpoint) => endpoint.weight),
  };
  return (pool, input) => {
    const first = draw(urn, pool, input, -1);
    const second = first === -1 ? -1 : draw(urn, pool, input, first);
    if (second === -1) return first;
    const weightFirst = urn.weights[first] as number;
    const weightSecond = urn.weights[second] as number;
    const difference = compareShares(pool.load(second), weightSecond, pool.load(first), weightFirst);
    return difference < 0 ? second : first;
  };
}

/** An open endpoint other than `except` (-1 for none), or -1. */
function draw(urn: Urn, pool: PoolView, input: PickInput, except: number): number {
  const { table } = urn;
  if (urn.indexes.length <= (except === -1 ? 0 : 1)) return -1;
  for (let attempt = 0; attempt < BLIND_DRAWS_MAX; attempt++) {
    const index = table[Math.floor(input.random() * table.length)] as number;
    if (index !== except && isOpen(pool, input.tried, index)) return index;
  }
  return drawLooking(urn, pool, input, except);
}

function drawLooking(urn: Urn, pool: PoolView, input: PickInput, except: number): number {
  const { indexes, weights } = urn;
  let total = 0;
  for (let at = 0; at < indexes.length; at++) {
    const index = indexes[at] as number;
    if (index !== except && isOpen(pool, input.tried, index)) total += weights[index] as number;
  }
  let left = input.random() * total;
  let last = -1;
  for (let at = 0; at < indexes.length; at++) {
    const index = indexes[at] as number;
    if (index === except || !isOpen(pool, input.tried, index)) continue;
    last = index;
    left -= weights[index] as number;
    if (left < 0) break;
  }
  return last;
}
