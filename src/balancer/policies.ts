/** The one list of balancing policies: configuration, snapshot and upstream take the names from here. */

import { createIpHash } from "./ip-hash.ts";
import { createLeastConn } from "./least-conn.ts";
import type { Pick, WeightedEndpoint } from "./pick.ts";
import { createRandomTwoChoices } from "./random-two-choices.ts";
import { createRoundRobin } from "./round-robin.ts";
import { createWeighted } from "./weighted.ts";

const POLICIES = {
  "round-robin": createRoundRobin,
  weighted: createWeighted,
  "least-conn": createLeastConn,
  "ip-hash": createIpHash,
  "random-two-choices": createRandomTwoChoices,
} as const satisfies Record<string, (endpoints: readonly WeightedEndpoint[]) => Pick>;

export type PolicyName = keyof typeof POLICIES;

export const POLICY_NAMES = Object.keys(POLICIES) as readonly PolicyName[];

/** Builds the tables of a policy; called once per pool when a snapshot is assembled, never per request. */
export function createPick(policy: PolicyName, endpoints: readonly WeightedEndpoint[]): Pick {
  return POLICIES[policy](endpoints);
}
