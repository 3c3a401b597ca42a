/** Every endpoint in turn, whatever its weight; weight 0 still takes an endpoint out. */

import { type Pick, pickableIndexes, type WeightedEndpoint } from "./pick.ts";
import { createSequencePick } from "./sequence.ts";

export function createRoundRobin(endpoints: readonly WeightedEndpoint[]): Pick {
  const indexes = pickableIndexes(endpoints);
  return createSequencePick(indexes, indexes, endpoints.length);
}
