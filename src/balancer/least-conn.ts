/** The endpoint with the fewest requests in flight for its weight; those that are equal take smooth weighted turns. */

import { compareShares, isOpen, type Pick, pickableIndexes, type WeightedEndpoint } from "./pick.ts";
import { pickMarked } from "./sequence.ts";
import { smoothSequence } from "./weighted.ts";

export function createLeastConn(endpoints: readonly WeightedEndpoint[]): Pick {
  const indexes = pickableIndexes(endpoints);
  const order = smoothSequence(endpoints);
  const weights = Float64Array.from(endpoints, (endpoint) => endpoint.weight);
  const equals = new Int32Array(indexes.length);
  const marks = new Uint8Array(endpoints.length);
  return (pool, input) => {
    let best = -1;
    let bestLoad = 0;
    let count = 0;
    for (let at = 0; at < indexes.length; at++) {
      const index = indexes[at] as number;
      if (!isOpen(pool, input.tried, index)) continue;
      const load = pool.load(index);
      const weight = weights[index] as number;
      const difference = best === -1 ? -1 : compareShares(load, weight, bestLoad, weights[best] as number);
      if (difference > 0) continue;
      if (difference < 0) {
        best = index;
        bestLoad = load;
        count = 0;
      }
      equals[count++] = index;
    }
    if (count < 2) return best;
    const ticket = input.ticket >>> 0;
    if (count === indexes.length) return order[ticket % order.length] as number;
    marks.fill(0);
    for (let at = 0; at < count; at++) marks[equals[at] as number] = 1;
    return pickMarked(order, marks, ticket);
  };
}
