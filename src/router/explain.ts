/** Why a request gets the route it gets, told from the router's own search so that the two cannot disagree. */

import { assertNever } from "../lib/assert.ts";
import { getHeaderValues } from "../http/headers.ts";
import type { MatchSpec, RouteSpec } from "../snapshot/types.ts";
import {
  createRouteTable,
  type RouteMatch,
  type SearchStep,
  type SearchTrail,
  searchRoute,
} from "./match.ts";
import { type Matcher, type RouteRequest, toMatchers } from "./matcher.ts";

export type ExplainableRoute = Pick<RouteSpec, "name" | "source" | "match">;

export type Verdict =
  | { readonly kind: "won" }
  /** Would have taken the request, but the winner is more specific in this respect. */
  | { readonly kind: "outranked"; readonly on: "host" | "path" | "conditions" }
  | { readonly kind: "wrong-host" }
  | { readonly kind: "wrong-path" }
  | { readonly kind: "failed"; readonly matcher: Matcher; readonly found: readonly string[] };

export interface ExplainedRoute {
  readonly index: number;
  readonly name: string;
  readonly source: string;
  readonly match: MatchSpec;
  readonly verdict: Verdict;
}

export interface Explanation {
  readonly request: RouteRequest;
  readonly result: RouteMatch;
  /** Host patterns with routes that fit the host, in the order they were searched. */
  readonly hosts: readonly string[];
  /** Every route once: first those whose host and path fit, in the order of the search, then the others. */
  readonly routes: readonly ExplainedRoute[];
}

/** Longest list of routes in the text; the rest is counted. */
const ROUTES_SHOWN_MAX = 20;

export function explain(routes: readonly ExplainableRoute[], request: RouteRequest): Explanation {
  const trail: SearchTrail = { hosts: [], steps: [] };
  const result = searchRoute(createRouteTable(routes), request, trail);
  const winner = result.kind === "found" ? routes[result.index] : undefined;
  const steps = new Map(trail.steps.map((step) => [step.index, step]));
  const toExplained = (route: ExplainableRoute, index: number): ExplainedRoute => {
    const { name, source, match } = route;
    const verdict = toVerdict(route, steps.get(index), trail, winner, request);
    return { index, name, source, match, verdict };
  };
  const explained = routes.map(toExplained);
  const considered = trail.steps.flatMap((step) => explained[step.index] ?? []);
  const others = explained.filter((route) => !steps.has(route.index));
  return { request, result, hosts: trail.hosts, routes: [...considered, ...others] };
}

function toVerdict(
  route: ExplainableRoute,
  step: SearchStep | undefined,
  trail: SearchTrail,
  winner: ExplainableRoute | undefined,
  request: RouteRequest,
): Verdict {
  const { match } = route;
  if (step === undefined) return { kind: trail.hosts.includes(match.host) ? "wrong-path" : "wrong-host" };
  if (step.failure !== undefined) {
    return { kind: "failed", matcher: step.failure, found: findValues(step.failure, request) };
  }
  if (route === winner || winner === undefined) return { kind: "won" };
  if (match.host !== winner.match.host) return { kind: "outranked", on: "host" };
  return { kind: "outranked", on: match.path === winner.match.path ? "conditions" : "path" };
}

function findValues(matcher: Matcher, request: RouteRequest): readonly string[] {
  switch (matcher.kind) {
    case "method":
      return [request.method];
    case "header":
      return getHeaderValues(request.headers, matcher.name);
    case "query":
      return new URLSearchParams(request.query).getAll(matcher.name);
    default:
      return assertNever(matcher);
  }
}

export function formatExplain(explanation: Explanation): string {
  const { request, result, routes } = explanation;
  const considered = routes.filter((route) => isConsidered(route.verdict));
  const wrongPath = routes.filter((route) => route.verdict.kind === "wrong-path");
  const wrongHost = routes.length - considered.length - wrongPath.length;
  const lines = [`${request.method} ${request.host || "(no host)"}${request.path}${request.query}`, ""];
  lines.push(...formatResult(explanation, considered));
  lines.push(...formatList("Routes whose host and path fit, most specific first:", considered));
  lines.push(...formatList("Routes for this host with another path:", wrongPath));
  if (wrongHost > 0) lines.push("", `${countRoutes(wrongHost)} for another host`);
  if (result.kind !== "found" && routes.length === 0) lines.push("", "No routes are configured");
  return lines.join("\n");
}

function isConsidered(verdict: Verdict): boolean {
  return verdict.kind === "won" || verdict.kind === "outranked" || verdict.kind === "failed";
}

function formatResult(explanation: Explanation, considered: readonly ExplainedRoute[]): string[] {
  const { request, result, hosts } = explanation;
  switch (result.kind) {
    case "found": {
      const winner = considered.find((route) => route.verdict.kind === "won");
      if (winner === undefined) return [];
      const reasons = [explainHost(winner.match.host, request.host), explainPath(winner.match.path)];
      const conditions = formatConditions(winner.match);
      if (conditions !== "") reasons.push(`conditions hold: ${conditions}`);
      return [`Route "${winner.name}" (${winner.source}) takes it`, ...reasons.map((text) => `  ${text}`)];
    }
    case "method-not-allowed":
      return [`No route takes it: answer 405, allowed ${result.allowed.join(", ")}`];
    case "not-found":
      if (hosts.length === 0) return [`No route takes it: answer 404, no route fits host "${request.host}"`];
      if (considered.length === 0) {
        return [`No route takes it: answer 404, no route of ${quoteAll(hosts)} fits path "${request.path}"`];
      }
      return ["No route takes it: answer 404, a condition of every fitting route fails"];
    default:
      return assertNever(result);
  }
}

function explainHost(pattern: string, host: string): string {
  if (pattern === "*")
    return `host "*" takes every host, no route of a more specific host takes this request`;
  if (pattern.startsWith("*."))
    return `host "${pattern}" is the most specific wildcard with a route for "${host}"`;
  return `host "${pattern}" is exact`;
}

function explainPath(pattern: string): string {
  if (pattern === "/*") return `path "/*" takes every path`;
  if (pattern.endsWith("/*")) return `path "${pattern}" is the longest prefix that takes it`;
  return `path "${pattern}" is exact`;
}

function formatList(title: string, routes: readonly ExplainedRoute[]): string[] {
  if (routes.length === 0) return [];
  const lines = routes.slice(0, ROUTES_SHOWN_MAX).map((route) => {
    const conditions = formatConditions(route.match);
    const what = `${route.match.host}${route.match.path}${conditions === "" ? "" : ` [${conditions}]`}`;
    return `  ${route.name}  ${what}  (${route.source}): ${formatVerdict(route.verdict)}`;
  });
  if (routes.length > ROUTES_SHOWN_MAX) lines.push(`  and ${routes.length - ROUTES_SHOWN_MAX} more`);
  return ["", title, ...lines];
}

function formatVerdict(verdict: Verdict): string {
  switch (verdict.kind) {
    case "won":
      return "takes it";
    case "outranked":
      return OUTRANKED[verdict.on];
    case "wrong-host":
      return "another host";
    case "wrong-path":
      return "another path";
    case "failed":
      return `${formatMatcher(verdict.matcher)} fails, found ${quoteAll(verdict.found) || "none"}`;
    default:
      return assertNever(verdict);
  }
}

const OUTRANKED = {
  host: "fits, but its host is less specific",
  path: "fits, but its path is less specific",
  conditions: "fits, but it has fewer or weaker conditions",
} as const satisfies Record<Extract<Verdict, { kind: "outranked" }>["on"], string>;

function formatMatcher(matcher: Matcher): string {
  if (matcher.kind === "method") return `method ${matcher.methods.join(" or ")}`;
  return matcher.value === "*"
    ? `${matcher.kind} "${matcher.name}"`
    : `${matcher.kind} "${matcher.name}" = "${matcher.value}"`;
}

function formatConditions(match: MatchSpec): string {
  return toMatchers(match).map(formatMatcher).join(", ");
}

function quoteAll(values: readonly string[]): string {
  return values.map((value) => JSON.stringify(value)).join(", ");
}

function countRoutes(count: number): string {
  return count === 1 ? "1 route is" : `${count} routes are`;
}
