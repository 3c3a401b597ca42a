/** The conditions of a route beyond host and path, and which of two routes for the same path is more specific. */

import { assertNever } from "../lib/assert.ts";
import { getHeader, getHeaderValues, type HeaderList } from "../http/headers.ts";
import type { MatchSpec } from "../snapshot/types.ts";

/** What a router looks at; an Exchange is one. */
export interface RouteRequest {
  /** Lower-case hostname; "" only matches "*". */
  readonly host: string;
  /** Canonical path, starts with "/". */
  readonly path: string;
  readonly method: string;
  readonly headers: HeaderList;
  /** With or without its "?". */
  readonly query: string;
}

export type Matcher =
  | { readonly kind: "header" | "query"; readonly name: string; readonly value: string }
  | { readonly kind: "method"; readonly methods: readonly string[] };

/** A query string, parsed when the first matcher asks and then shared by the rest of one search. */
export interface LazyQuery {
  parameters: URLSearchParams | undefined;
}

/** The value of a header or query matcher that only asks for presence. */
const PRESENT = "*";

/** The method comes last: a route that fails on it alone is one the client could reach with another method. */
export function toMatchers(match: MatchSpec): readonly Matcher[] {
  const matchers: Matcher[] = [];
  for (const [name, value] of match.headers) matchers.push({ kind: "header", name, value });
  for (const [name, value] of match.query) matchers.push({ kind: "query", name, value });
  if (match.methods.length > 0) matchers.push({ kind: "method", methods: match.methods });
  return matchers;
}

/** The first matcher the request does not satisfy, or undefined if it satisfies all. */
export function findFailure(
  matchers: readonly Matcher[],
  request: RouteRequest,
  query: LazyQuery,
): Matcher | undefined {
  for (let at = 0; at < matchers.length; at++) {
    const matcher = matchers[at] as Matcher;
    if (!isSatisfied(matcher, request, query)) return matcher;
  }
  return undefined;
}

/** A repeated field or parameter satisfies a matcher if any of its values does; values compare with case. */
function isSatisfied(matcher: Matcher, request: RouteRequest, query: LazyQuery): boolean {
  switch (matcher.kind) {
    case "method":
      return matcher.methods.includes(request.method);
    case "header":
      if (matcher.value === PRESENT) return getHeader(request.headers, matcher.name) !== undefined;
      return getHeaderValues(request.headers, matcher.name).includes(matcher.value);
    case "query": {
      query.parameters ??= new URLSearchParams(request.query);
      if (matcher.value === PRESENT) return query.parameters.has(matcher.name);
      return query.parameters.getAll(matcher.name).includes(matcher.value);
    }
    default:
      return assertNever(matcher);
  }
}

/**
 * Negative if `a` is more specific: more matchers, then more exact values, then more headers, then fewer methods.
 * What is left is decided by the text of the matchers, so that the order in the file never decides.
 */
export function compareSpecificity(a: MatchSpec, b: MatchSpec): number {
  const ranksA = toRanks(a);
  const ranksB = toRanks(b);
  for (const [at, rank] of ranksA.entries()) {
    const difference = (ranksB[at] ?? 0) - rank;
    if (difference !== 0) return difference;
  }
  const textA = toText(a);
  const textB = toText(b);
  return textA === textB ? 0 : textA < textB ? -1 : 1;
}

function toRanks(match: MatchSpec): readonly number[] {
  const exact = [...match.headers, ...match.query].filter(([, value]) => value !== PRESENT).length;
  return [toMatchers(match).length, exact, match.headers.length, -match.methods.length];
}

function toText(match: MatchSpec): string {
  return JSON.stringify([
    [...match.methods].sort(),
    match.headers.map((pair) => JSON.stringify(pair)).sort(),
    match.query.map((pair) => JSON.stringify(pair)).sort(),
  ]);
}
