/** Rules between routes and between listeners: duplicates, routes nobody can reach, addresses that collide. */

import { isIpv4 } from "../net/ip.ts";
import type { Listener } from "./address.ts";
import { createDiagnostic, type Diagnostic, type Document } from "./diagnostic.ts";
import type { Path } from "./path.ts";
import type { Route } from "./route.ts";
import { formatEndpoint } from "./route-endpoints.ts";
import { MAX_ENDPOINTS, MAX_ROUTES } from "./schema-route.ts";

/** A value and where it stands. */
export interface Located<T> {
  readonly value: T;
  readonly document: Document;
  readonly path: Path;
}

/** How ":80" is opened: dual-stack. */
const ALL = "::";

export function checkRoutes(routes: readonly Located<Route>[]): Diagnostic[] {
  return [...checkNames(routes), ...checkReach(routes), ...checkCounts(routes)];
}

export function checkListeners(listeners: readonly Located<Listener>[]): Diagnostic[] {
  const found: Diagnostic[] = [];
  for (const [index, later] of listeners.entries()) {
    const earlier = listeners.slice(0, index).find(({ value }) => collides(value, later.value));
    if (earlier === undefined) continue;
    const isAll = hostnameOf(earlier.value) === ALL || hostnameOf(later.value) === ALL;
    const hint = isAll ? 'An address such as ":80" stands for all IPv4 and IPv6 addresses' : undefined;
    found.push(conflict(later, `it is the address of ${earlier.document.describe(earlier.path)} too`, hint));
  }
  return found;
}

function hostnameOf(listener: Listener): string {
  return listener.kind === "tcp" ? listener.hostname : "";
}

function collides(a: Listener, b: Listener): boolean {
  if (a.kind === "unix" || b.kind === "unix")
    return a.kind === "unix" && b.kind === "unix" && a.path === b.path;
  if (a.port !== b.port) return false;
  return covers(a.hostname, b.hostname) || covers(b.hostname, a.hostname);
}

/** `::` is opened dual-stack, so it takes IPv4 too. The kernel would not complain: sockets share ports (SO_REUSEPORT). */
function covers(wide: string, narrow: string): boolean {
  if (wide === narrow || wide === ALL) return true;
  if (wide === "0.0.0.0") return isIpv4(narrow) || narrow === "localhost";
  return wide === "localhost" && (narrow === "127.0.0.1" || narrow === "::1");
}

function checkNames(routes: readonly Located<Route>[]): Diagnostic[] {
  const found: Diagnostic[] = [];
  const seen = new Map<string, Located<Route>>();
  for (const route of routes) {
    const { name } = route.value;
    if (name === undefined) continue;
    const earlier = seen.get(name);
    if (earlier === undefined) seen.set(name, route);
    else found.push(conflict(at(route, "name"), `the route at ${earlier.value.source} has this name too`));
  }
  return found;
}

/**
 * Routes for the same host, path, headers and query are tried from the fewest methods to the most, then those
 * without a method. A route is unreachable when others before it take all its methods.
 */
function checkReach(routes: readonly Located<Route>[]): Diagnostic[] {
  const found: Diagnostic[] = [];
  const groups = new Map<string, Located<Route>[]>();
  for (const route of routes) {
    const key = conditionKey(route.value);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [route]);
    else found.push(...checkAgainst(route, group));
  }
  for (const group of groups.values()) if (group.length > 2) found.push(...checkCovered(group));
  return found;
}

/** Compares a route with the ones of its group and joins it. */
function checkAgainst(route: Located<Route>, group: Located<Route>[]): Diagnostic[] {
  const { method } = route.value;
  for (const earlier of group) {
    const other = earlier.value.method;
    const where = earlier.value.source;
    if (method.length !== other.length) continue;
    const shared = method.filter((name) => other.includes(name));
    if (shared.length === method.length) {
      return [conflict(route, `the route at ${where} matches the same requests`, "Remove one of the two")];
    }
    if (shared.length > 0) {
      const state = `the route at ${where} has some of these methods too and neither is more specific`;
      return [conflict(at(route, "method"), state, "Give each method to one of the two")];
    }
  }
  group.push(route);
  return [];
}

function checkCovered(group: readonly Located<Route>[]): Diagnostic[] {
  const found: Diagnostic[] = [];
  for (const route of group) {
    const { method } = route.value;
    if (method.length === 0) continue;
    const before = group.filter(
      ({ value }) => value.method.length > 0 && value.method.length < method.length,
    );
    const taken = new Set(before.flatMap(({ value }) => value.method));
    if (!method.every((name) => taken.has(name))) continue;
    const where = before.map(({ value }) => value.source).join(", ");
    found.push(conflict(route, `no request reaches it: the routes at ${where} take all its methods`));
  }
  return found;
}

function conditionKey({ host, path, headers, query }: Route): string {
  if (headers.length === 0 && query.length === 0) return `${host} ${path}`;
  return JSON.stringify([host, path, sortFields(headers), sortFields(query)]);
}

function sortFields(fields: readonly (readonly [string, string])[]): string[] {
  return fields.map((field) => JSON.stringify(field)).sort();
}

function checkCounts(routes: readonly Located<Route>[]): Diagnostic[] {
  const extra = routes[MAX_ROUTES];
  if (extra !== undefined) return [conflict(extra, `there are more than ${MAX_ROUTES} routes`)];
  const endpoints = new Set<string>();
  for (const route of routes) {
    if (route.value.type !== "proxy") continue;
    for (const backend of route.value.backends) endpoints.add(formatEndpoint(backend.url));
    if (endpoints.size > MAX_ENDPOINTS)
      return [conflict(route, `there are more than ${MAX_ENDPOINTS} endpoints`)];
  }
  return [];
}

function at<T>(located: Located<T>, key: string): Located<T> {
  return { ...located, path: [...located.path, key] };
}

function conflict({ document, path }: Located<unknown>, state: string, hint?: string): Diagnostic {
  return createDiagnostic(document, { kind: "conflict", path, state, hint });
}
