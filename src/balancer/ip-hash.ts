/**
 * Each client stays with one endpoint, chosen by weighted rendezvous hashing: every endpoint draws a number from
 * (client, endpoint key) and the best open one wins. Losing an endpoint therefore moves only its own clients,
 * spreads them over all others by weight, and the order in the configuration does not matter. Work per pick grows
 * with the pool, a few nanoseconds an endpoint, and needs no ring in memory.
 */

import { combine, hashText, mix } from "./hash.ts";
import { isOpen, type Pick, pickableIndexes, type WeightedEndpoint } from "./pick.ts";

export function createIpHash(endpoints: readonly WeightedEndpoint[]): Pick {
  const indexes = pickableIndexes(endpoints);
  const hashes = Int32Array.from(endpoints, (endpoint) => hashText(endpoint.key));
  const weights = Float64Array.from(endpoints, (endpoint) => endpoint.weight);
  const isUniform = indexes.every((index) => weights[index] === weights[indexes[0] as number]);
  return (pool, input) => {
    // A client without an address has nothing to be faithful to; one endpoint for all of them would be a hot spot.
    const client = input.key === "" ? mix(input.ticket) : hashText(input.key);
    let best = -1;
    let bestScore = 0;
    for (let at = 0; at < indexes.length; at++) {
      const index = indexes[at] as number;
      if (!isOpen(pool, input.tried, index)) continue;
      const hash = combine(client, hashes[index] as number);
      // With equal weights the arrivals come in the order of the hashes: no logarithm is needed.
      const score = isUniform ? ~hash : arrival(hash, weights[index] as number);
      if (best === -1 || score < bestScore) {
        best = index;
        bestScore = score;
      }
    }
    return best;
  };
}

/** Exponential variate with the weight as its rate: the smallest of several is the i-th with probability w(i) / sum. */
function arrival(hash: number, weight: number): number {
  return -Math.log((hash + 2 ** 31 + 0.5) / 2 ** 32) / weight;
}
