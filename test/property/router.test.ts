import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { explain } from "../../src/router/explain.ts";
import { createRouter } from "../../src/router/match.ts";
import type { RouteRequest } from "../../src/router/matcher.ts";
import type { MatchSpec } from "../../src/snapshot/types.ts";

interface Route {
  readonly name: string;
  readonly source: string;
  readonly match: MatchSpec;
}

const METHODS = ["GET", "POST", "PUT"];
const label = fc.constantFrom("a", "b", "ab");
const hostname = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join("."));
const hostPattern = fc.oneof(
  hostname,
  hostname.map((name) => `*.${name}`),
  fc.constant("*"),
);
const path = fc
  .array(fc.constantFrom("x", "y", "xy", ""), { maxLength: 4 })
  .map((parts) => `/${parts.join("/")}`);
const pathPattern = fc.oneof(
  path,
  path.map((prefix) => (prefix === "/" ? "/*" : `${prefix}/*`)),
);
const pair = fc.tuple(fc.constantFrom("p", "q"), fc.constantFrom("1", "2 +", "*"));

const match: fc.Arbitrary<MatchSpec> = fc.record({
  host: hostPattern,
  path: pathPattern,
  methods: fc.subarray(METHODS),
  headers: fc.array(pair, { maxLength: 2 }),
  query: fc.array(pair, { maxLength: 2 }),
});
const routes: fc.Arbitrary<Route[]> = fc
  .array(match, { maxLength: 30 })
  .map((specs) => specs.map((spec, at) => ({ name: `r${at}`, source: `config.toml:${at}`, match: spec })));
const request: fc.Arbitrary<RouteRequest> = fc.record({
  host: fc.oneof(hostname, fc.constant("")),
  path,
  method: fc.constantFrom(...METHODS),
  headers: fc
    .array(fc.tuple(fc.constantFrom("p", "q", "r"), fc.constantFrom("1", "2 +", "3")))
    .map((all) => all.flat()),
  query: fc
    .array(fc.tuple(fc.constantFrom("p", "q", "r"), fc.constantFrom("1", "2+%2B", "2 +", "%31", "")))
    .map((all) => (all.length === 0 ? "" : `?${all.map(([name, value]) => `${name}=${value}`).join("&")}`)),
});

/** Ranks by the documented rules, straight from their words; undefined if the pattern does not fit. */
function rankHost(pattern: string, host: string): number | undefined {
  if (pattern === "*") return 0;
  if (pattern.startsWith("*.")) return host.endsWith(pattern.slice(1)) ? pattern.length : undefined;
  return pattern === host ? Number.POSITIVE_INFINITY : undefined;
}

function rankPath(pattern: string, path: string): number | undefined {
  if (!pattern.endsWith("/*")) return pattern === path ? Number.POSITIVE_INFINITY : undefined;
  const prefix = pattern.slice(0, -2);
  return path === prefix || path.startsWith(`${prefix}/`) ? prefix.length : undefined;
}

function holds(spec: MatchSpec, { method, headers, query }: RouteRequest): boolean {
  const sent = (name: string): string[] =>
    headers.filter((_, at) => at % 2 === 1 && headers[at - 1] === name);
  const asked = (name: string): string[] =>
    (query === "" ? [] : query.slice(1).split("&"))
      .map((pair) => pair.split("=").map((text) => decodeURIComponent(text.replaceAll("+", " "))))
      .flatMap(([key, value = ""]) => (key === name ? [value] : []));
  const fits = (values: string[], value: string): boolean =>
    value === "*" ? values.length > 0 : values.includes(value);
  return (
    (spec.methods.length === 0 || spec.methods.includes(method)) &&
    spec.headers.every(([name, value]) => fits(sent(name), value)) &&
    spec.query.every(([name, value]) => fits(asked(name), value))
  );
}

/** The routes that no other fitting route outranks. */
function findBest(all: readonly Route[], wanted: RouteRequest): Route[] {
  let best: { ranks: number[]; routes: Route[] } = { ranks: [], routes: [] };
  for (const route of all) {
    const { host, path, methods, headers, query } = route.match;
    const hostRank = rankHost(host, wanted.host);
    const pathRank = rankPath(path, wanted.path);
    if (hostRank === undefined || pathRank === undefined || !holds(route.match, wanted)) continue;
    const exact = [...headers, ...query].filter(([, value]) => value !== "*").length;
    const conditions = headers.length + query.length + (methods.length > 0 ? 1 : 0);
    const ranks = [hostRank, pathRank, conditions, exact, headers.length, -methods.length];
    const at = ranks.findIndex((rank, index) => rank !== best.ranks[index]);
    if (at === -1) best.routes.push(route);
    else if ((ranks[at] ?? 0) > (best.ranks[at] ?? Number.NEGATIVE_INFINITY))
      best = { ranks, routes: [route] };
  }
  return best.routes;
}

describe("match", () => {
  test("agrees with a naive search over all routes", () => {
    fc.assert(
      fc.property(routes, request, (all, wanted) => {
        const result = createRouter(all).match(wanted);
        const best = findBest(all, wanted);
        if (result.kind === "found") expect(best).toContain(all[result.index] as Route);
        else expect(best).toEqual([]);
      }),
      { numRuns: 3000 },
    );
  });

  test("does not depend on the order of the routes", () => {
    fc.assert(
      fc.property(
        routes.chain((all) =>
          fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length })),
        ),
        request,
        ([all, shuffled], wanted) => {
          const specOf = (list: readonly Route[]): unknown => {
            const result = createRouter(list).match(wanted);
            if (result.kind !== "found") return result;
            const { headers = [], query = [], methods = [], ...rest } = list[result.index]?.match ?? {};
            return [rest, [...methods].sort(), headers.map(String).sort(), query.map(String).sort()];
          };
          expect(specOf(shuffled)).toEqual(specOf(all));
        },
      ),
      { numRuns: 1000 },
    );
  });

  test("allows exactly the methods that would find a route", () => {
    fc.assert(
      fc.property(routes, request, (all, wanted) => {
        const router = createRouter(all);
        const result = router.match(wanted);
        const others = METHODS.filter((method) => router.match({ ...wanted, method }).kind === "found");
        if (result.kind === "method-not-allowed") expect([...result.allowed]).toEqual(others);
        if (result.kind === "not-found") expect(others).toEqual([]);
      }),
      { numRuns: 2000 },
    );
  });

  test("gives the same answer when asked again after any other request", () => {
    fc.assert(
      fc.property(routes, fc.array(request, { minLength: 2, maxLength: 6 }), (all, requests) => {
        const router = createRouter(all);
        const first = requests.map((wanted) => router.match(wanted));
        expect(requests.map((wanted) => router.match(wanted))).toEqual(first);
        expect(requests.map((wanted) => createRouter(all).match(wanted))).toEqual(first);
      }),
    );
  });
});

describe("explain", () => {
  test("names the winner of match and judges every other route as the rules do", () => {
    fc.assert(
      fc.property(routes, request, (all, wanted) => {
        const explanation = explain(all, wanted);
        const result = createRouter(all).match(wanted);
        expect(explanation.result).toEqual(result);
        const winners = explanation.routes.filter((route) => route.verdict.kind === "won");
        expect(winners.map((route) => route.index)).toEqual(result.kind === "found" ? [result.index] : []);
        expect(explanation.routes.map((route) => route.index).sort((a, b) => a - b)).toEqual([...all.keys()]);
        for (const { match, verdict } of explanation.routes) {
          const fitsHost = rankHost(match.host, wanted.host) !== undefined;
          const fitsPath = rankPath(match.path, wanted.path) !== undefined;
          expect(verdict.kind === "wrong-host").toBe(!fitsHost);
          expect(verdict.kind === "wrong-path").toBe(fitsHost && !fitsPath);
          expect(verdict.kind === "failed").toBe(fitsHost && fitsPath && !holds(match, wanted));
        }
      }),
      { numRuns: 1000 },
    );
  });
});
