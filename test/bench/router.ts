/**
 * Cost of one route match with 10 and with 10,000 routes; run with `bun test/bench/router.ts`.
 *
 * "same requests" asks both tables for the same ten sites, as live traffic mostly does. "all sites" spreads the
 * requests evenly over every route, which also measures how much of the table stays in the processor's cache.
 */

import type { MatchSpec } from "../../src/snapshot/types.ts";
import type { RouteRequest } from "../../src/router/matcher.ts";
import { createRouter, type Router } from "../../src/router/match.ts";

const ROUNDS = 15;
const MATCHES_PER_ROUND = 400_000;
const REQUEST_COUNT = 20_000;

function createSpecs(count: number): { readonly match: MatchSpec }[] {
  return Array.from({ length: count }, (_, at) => {
    const path = at % 5 === 0 ? "/api/v1/*" : at % 5 === 1 ? "/health" : "/*";
    return { match: { host: `site-${at}.example.com`, path, methods: [], headers: [], query: [] } };
  });
}

/** Fresh strings for every request: the front makes new ones too, so no hash of a string is known beforehand. */
function createRequests(sites: number): RouteRequest[] {
  return Array.from({ length: REQUEST_COUNT }, (_, at) => {
    const site = Math.floor(((at * 2_654_435_761) % 2 ** 32) / (2 ** 32 / sites));
    const path = site % 5 === 1 ? "/health" : "/api/v1/users/42";
    const [host, freshPath] = JSON.parse(JSON.stringify([`site-${site}.example.com`, path])) as [
      string,
      string,
    ];
    return { host, path: freshPath, method: "GET", headers: ["accept", "*/*"], query: "" };
  });
}

function measureNs(router: Router, requests: readonly RouteRequest[]): number {
  const start = Bun.nanoseconds();
  for (let at = 0; at < MATCHES_PER_ROUND; at++) {
    const request = requests[at % REQUEST_COUNT];
    if (request === undefined || router.match(request).kind !== "found") throw new Error("Cannot match");
  }
  return (Bun.nanoseconds() - start) / MATCHES_PER_ROUND;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

function compare(name: string, small: readonly RouteRequest[], large: readonly RouteRequest[]): void {
  const few = createRouter(createSpecs(10));
  const many = createRouter(createSpecs(10_000));
  const times: { few: number[]; many: number[] } = { few: [], many: [] };
  for (let round = 0; round < ROUNDS; round++) {
    times.few.push(measureNs(few, small));
    times.many.push(measureNs(many, large));
  }
  const fewNs = median(times.few);
  const manyNs = median(times.many);
  console.log(
    `${name}: 10 routes ${fewNs.toFixed(1)} ns, 10,000 routes ${manyNs.toFixed(1)} ns, ratio ${(manyNs / fewNs).toFixed(2)}`,
  );
}

const ten = createRequests(10);
compare("same requests", ten, ten);
compare("all sites", ten, createRequests(10_000));
