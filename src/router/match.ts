/**
 * Which route takes a request. The most specific one wins and the order in the file never matters:
 *
 * 1. host: exact, then `*.suffix` (any number of labels before it, longest suffix first), then `*`;
 * 2. path: exact, then `/prefix/*` on segment boundaries, longest first;
 * 3. conditions: more of them first, see `compareSpecificity`.
 *
 * A route whose conditions fail gives way to the next, also across paths and hosts: a host without a route for
 * the path falls back to the wildcard hosts and `*`.
 *
 * Cost does not grow with the number of routes: hosts and paths are looked up by whole strings, at most once per
 * label of the host and once per length of the configured prefixes. Only routes that share host and path are
 * tried one after another.
 */

import type { MatchSpec } from "../snapshot/types.ts";
import {
  compareSpecificity,
  findFailure,
  type LazyQuery,
  type Matcher,
  type RouteRequest,
  toMatchers,
} from "./matcher.ts";

export type RouteMatch =
  | { readonly kind: "found"; readonly index: number }
  /** Another method would have found a route; `allowed` lists all that would, sorted, for the Allow field. */
  | { readonly kind: "method-not-allowed"; readonly allowed: readonly string[] }
  | { readonly kind: "not-found" };

export interface Router {
  /** An Exchange can be passed as it is. */
  match(request: RouteRequest): RouteMatch;
}

export interface RouteTable {
  readonly exact: ReadonlyMap<string, HostTable>;
  /** By suffix with its leading dot. */
  readonly wildcards: ReadonlyMap<string, HostTable>;
  /** Longest suffix in `wildcards`; no longer piece of a host is looked up. */
  readonly wildcardLengthMax: number;
  readonly any: HostTable | undefined;
}

interface HostTable {
  readonly pattern: string;
  readonly exact: ReadonlyMap<string, Candidate>;
  /** By prefix without its "/*". */
  readonly prefixes: ReadonlyMap<string, Candidate>;
  /** 1 at every length that occurs in `prefixes`: a long path costs no look-up that cannot succeed. */
  readonly prefixLengths: Uint8Array;
  /** Routes for "/*". */
  readonly all: Candidate | undefined;
}

/** One route; those with the same host and path form a list, most specific first. */
interface Candidate {
  /** A link instead of an array: with thousands of hosts every object less is a cache miss less. */
  readonly next: Candidate | undefined;
  readonly matchers: readonly Matcher[];
  /** Made once, so that a match allocates nothing. */
  readonly found: Found;
}

interface Entry {
  readonly index: number;
  readonly match: MatchSpec;
}

type Found = Extract<RouteMatch, { kind: "found" }>;

/** What `explain` wants to know. With a trail the search goes on after the winner. */
export interface SearchTrail {
  /** Host patterns with routes that fit the host, most specific first. */
  readonly hosts: string[];
  readonly steps: SearchStep[];
}

export interface SearchStep {
  readonly index: number;
  readonly failure: Matcher | undefined;
}

interface Search extends LazyQuery {
  allowed: string[] | undefined;
  trail: SearchTrail | undefined;
}

const NOT_FOUND: RouteMatch = { kind: "not-found" };
const NO_MATCHERS: readonly Matcher[] = [];
const NO_PATHS: ReadonlyMap<string, Candidate> = new Map();

export function createRouter(routes: readonly { readonly match: MatchSpec }[]): Router {
  const table = createRouteTable(routes);
  return { match: (request) => searchRoute(table, request, undefined) };
}

export function searchRoute(
  table: RouteTable,
  request: RouteRequest,
  trail: SearchTrail | undefined,
): RouteMatch {
  const search: Search = { parameters: undefined, allowed: undefined, trail };
  const found = searchHosts(table, request, search);
  if (found !== undefined) return found;
  if (search.allowed === undefined) return NOT_FOUND;
  return { kind: "method-not-allowed", allowed: [...new Set(search.allowed)].sort() };
}

function searchHosts(table: RouteTable, request: RouteRequest, search: Search): Found | undefined {
  const { host } = request;
  const own = table.exact.get(host);
  let found = own === undefined ? undefined : searchHost(own, request, search);
  if (table.wildcardLengthMax > 0) {
    for (let dot = host.indexOf(".", 1); dot !== -1; dot = host.indexOf(".", dot + 1)) {
      if (found !== undefined && search.trail === undefined) return found;
      if (host.length - dot > table.wildcardLengthMax) continue;
      const wildcard = table.wildcards.get(host.slice(dot));
      if (wildcard !== undefined) found = prefer(found, searchHost(wildcard, request, search));
    }
  }
  if (found !== undefined && search.trail === undefined) return found;
  return table.any === undefined ? found : prefer(found, searchHost(table.any, request, search));
}

function searchHost(table: HostTable, request: RouteRequest, search: Search): Found | undefined {
  search.trail?.hosts.push(table.pattern);
  const { path } = request;
  const { prefixes, prefixLengths } = table;
  let found = searchCandidates(table.exact.get(path), request, search);
  const longest = prefixLengths.length - 1;
  let end = path.length <= longest ? path.length : path.lastIndexOf("/", longest);
  for (; end > 0; end = path.lastIndexOf("/", end - 1)) {
    if (found !== undefined && search.trail === undefined) return found;
    if (prefixLengths[end] !== 1) continue;
    found = prefer(found, searchCandidates(prefixes.get(path.slice(0, end)), request, search));
  }
  if (found !== undefined && search.trail === undefined) return found;
  return prefer(found, searchCandidates(table.all, request, search));
}

function searchCandidates(
  first: Candidate | undefined,
  request: RouteRequest,
  search: Search,
): Found | undefined {
  let found: Found | undefined;
  for (let candidate = first; candidate !== undefined; candidate = candidate.next) {
    const failure = findFailure(candidate.matchers, request, search);
    search.trail?.steps.push({ index: candidate.found.index, failure });
    if (failure === undefined) {
      if (search.trail === undefined) return candidate.found;
      found ??= candidate.found;
    } else if (failure.kind === "method") {
      search.allowed ??= [];
      search.allowed.push(...failure.methods);
    }
  }
  return found;
}

function prefer(earlier: Found | undefined, later: Found | undefined): Found | undefined {
  return earlier === undefined ? later : earlier;
}

export function createRouteTable(routes: readonly { readonly match: MatchSpec }[]): RouteTable {
  const byHost = new Map<string, Entry[]>();
  for (const [index, { match }] of routes.entries()) append(byHost, match.host, { index, match });
  const exact = new Map<string, HostTable>();
  const wildcards = new Map<string, HostTable>();
  const sharedLengths = new Map<string, Uint8Array>();
  let any: HostTable | undefined;
  for (const [pattern, entries] of byHost) {
    const table = createHostTable(pattern, entries, sharedLengths);
    if (pattern === "*") any = table;
    else if (pattern.startsWith("*.")) wildcards.set(pattern.slice(1), table);
    else exact.set(pattern, table);
  }
  return { exact, wildcards, wildcardLengthMax: lengthsOf(wildcards).at(-1) ?? 0, any };
}

/** `sharedLengths` lets hosts with the same shape of prefixes share one array, for the cache again. */
function createHostTable(
  pattern: string,
  entries: readonly Entry[],
  sharedLengths: Map<string, Uint8Array>,
): HostTable {
  const exact = new Map<string, Entry[]>();
  const prefixes = new Map<string, Entry[]>();
  for (const entry of entries) {
    const { path } = entry.match;
    if (path.endsWith("/*")) append(prefixes, path.slice(0, -2), entry);
    else append(exact, path, entry);
  }
  const all = toCandidates(prefixes.get("") ?? []);
  prefixes.delete("");
  const lengths = lengthsOf(prefixes);
  const key = lengths.join();
  const prefixLengths = sharedLengths.get(key) ?? toFlags(lengths);
  sharedLengths.set(key, prefixLengths);
  return { pattern, exact: toPaths(exact), prefixes: toPaths(prefixes), prefixLengths, all };
}

function toPaths(groups: ReadonlyMap<string, Entry[]>): ReadonlyMap<string, Candidate> {
  if (groups.size === 0) return NO_PATHS;
  const paths = new Map<string, Candidate>();
  for (const [path, entries] of groups) {
    const first = toCandidates(entries);
    if (first !== undefined) paths.set(path, first);
  }
  return paths;
}

function toCandidates(entries: readonly Entry[]): Candidate | undefined {
  const sorted = [...entries].sort((a, b) => compareSpecificity(a.match, b.match));
  return sorted.reduceRight<Candidate | undefined>((next, { index, match }) => {
    const matchers = toMatchers(match);
    const shared = matchers.length === 0 ? NO_MATCHERS : matchers;
    return { next, matchers: shared, found: { kind: "found", index } };
  }, undefined);
}

function append(groups: Map<string, Entry[]>, key: string, entry: Entry): void {
  const group = groups.get(key);
  if (group === undefined) groups.set(key, [entry]);
  else group.push(entry);
}

/** Distinct lengths of the keys, ascending. */
function lengthsOf(map: ReadonlyMap<string, unknown>): readonly number[] {
  const lengths = new Set<number>();
  for (const key of map.keys()) lengths.add(key.length);
  return [...lengths].sort((a, b) => a - b);
}

function toFlags(lengths: readonly number[]): Uint8Array {
  const flags = new Uint8Array((lengths.at(-1) ?? 0) + 1);
  for (const length of lengths) flags[length] = 1;
  return flags;
}
