/** What the schema knows but this version cannot do: refused by name, never ignored. A later version deletes lines here. */

import type { Flaw } from "./diagnostic.ts";
import { type Path, type Tree, valueAt } from "./path.ts";

/** Key paths with "[]" for every entry of a list; the clause completes "… not available in this version". */
const KEYS: readonly (readonly [path: string, clause: string])[] = [
  ["tls.acme_provider", "certificates by ACME are"],
  ["tls.acme_directory", "certificates by ACME are"],
  ["tls.acme_ca", "certificates by ACME are"],
  ["tls.acme_email", "certificates by ACME are"],
  ["tls.eab_kid", "certificates by ACME are"],
  ["tls.eab_hmac", "certificates by ACME are"],
  ["tls.challenge", "certificates by ACME are"],
  ["tls.dns_hook", "certificates by ACME are"],
  ["tls.domains", "certificates by ACME are"],
  ["tls.cache_dir", "certificates by ACME are"],
  ["tls.auto_redirect", "redirects to HTTPS are"],
  ["tls.min_version", "TLS listeners are"],
  ["tls.http3", "HTTP/3 listeners are"],
  ["tls.certificates", "TLS listeners are"],
  ["limits.max_body", "body limits are"],
  ["limits.max_requests", "request limits are"],
  ["limits.max_requests_per_client", "request limits are"],
  ["limits.write_buffer", "write buffer limits are"],
  ["admin.listen", "the admin API on TCP is"],
  ["admin.token", "the admin API on TCP is"],
  ["routes.[].backends.[].backup", "backup endpoints are"],
  ["routes.[].loadbalance.health_check", "active health checks are"],
  ["routes.[].loadbalance.health_interval", "active health checks are"],
  ["routes.[].loadbalance.health_timeout", "active health checks are"],
  ["routes.[].loadbalance.rise", "active health checks are"],
  ["routes.[].loadbalance.fall", "active health checks are"],
  ["routes.[].loadbalance.sticky", "sticky sessions are"],
  ["routes.[].loadbalance.slow_start", "slow start is"],
];

export const ROUTE_TYPES_LATER = ["static"] as const;

export const MIDDLEWARE_LATER: readonly string[] = [
  "basicauth",
  "bodylimit",
  "cache",
  "compress",
  "cors",
  "errorpage",
  "forwardauth",
  "inflight",
  "ipfilter",
  "jwt",
  "maintenance",
  "mirror",
  "oidc",
  "ratelimit",
  "requestid",
  "timeout",
];

interface Node {
  readonly children: Map<string, Node>;
  clause: string | undefined;
}

const ROOT = plant();

/** Everything in a tree that asks for a feature of a later version. */
export function findUnavailable(tree: Tree): Flaw[] {
  const flaws: Flaw[] = [];
  walk(ROOT, tree, [], flaws);
  checkTls(tree, flaws);
  checkListeners(tree, flaws);
  checkClientHeader(tree, flaws);
  for (const [index, route] of entries(valueAt(tree, ["routes"]))) checkRoute(route, index, flaws);
  return flaws;
}

function plant(): Node {
  const root: Node = { children: new Map(), clause: undefined };
  for (const [path, clause] of KEYS) {
    let node = root;
    for (const part of path.split(".")) {
      const next = node.children.get(part) ?? { children: new Map(), clause: undefined };
      node.children.set(part, next);
      node = next;
    }
    node.clause = clause;
  }
  return root;
}

/** `path` is one list that grows and shrinks: most walks find nothing. */
function walk(node: Node, value: unknown, path: (string | number)[], flaws: Flaw[]): void {
  if (node.clause !== undefined) {
    flaws.push(unavailable([...path], node.clause));
    return;
  }
  if (typeof value !== "object" || value === null) return;
  for (const [part, child] of node.children) {
    if (part === "[]") {
      for (const [index, item] of entries(value)) step(child, item, index, path, flaws);
    } else if (Object.hasOwn(value, part)) {
      step(child, (value as Tree)[part], part, path, flaws);
    }
  }
}

function step(
  node: Node,
  value: unknown,
  part: string | number,
  path: (string | number)[],
  flaws: Flaw[],
): void {
  path.push(part);
  walk(node, value, path, flaws);
  path.pop();
}

/** `enabled = false` asks for what this version does anyway. */
function checkTls(tree: Tree, flaws: Flaw[]): void {
  if (valueAt(tree, ["tls", "enabled"]) === true) {
    flaws.push(unavailable(["tls", "enabled"], "TLS listeners are"));
  }
}

function checkListeners(tree: Tree, flaws: Flaw[]): void {
  const isTls = valueAt(tree, ["tls", "enabled"]) === true;
  for (const [index, address] of entries(valueAt(tree, ["general", "listen"]))) {
    if (typeof address !== "string") continue;
    const isHttps =
      /^https:\/\//i.test(address) || (isTls && /:443$/.test(address) && !address.includes("//"));
    if (isHttps) flaws.push(unavailable(["general", "listen", index], "HTTPS listeners are"));
  }
}

function checkClientHeader(tree: Tree, flaws: Flaw[]): void {
  const path = ["timeouts", "client_header"];
  if (valueAt(tree, path) === undefined) return;
  flaws.push({
    kind: "unavailable",
    path,
    state: "the time for a request head cannot be set in this version",
    hint: "The runtime closes a connection whose request head takes more than 12 seconds",
  });
}

function checkRoute(route: unknown, position: number, flaws: Flaw[]): void {
  const path = ["routes", position];
  const type = ownValue(route, "type");
  if (ROUTE_TYPES_LATER.some((later) => later === type)) {
    flaws.push(unavailable([...path, "type"], "static files are"));
  }
  for (const [index, item] of entries(ownValue(route, "middleware"))) {
    const kind = ownValue(item, "type");
    if (typeof kind !== "string" || !MIDDLEWARE_LATER.includes(kind)) continue;
    flaws.push(unavailable([...path, "middleware", index, "type"], `the "${kind}" middleware is`));
  }
}

function unavailable(path: Path, clause: string): Flaw {
  return { kind: "unavailable", path, state: `${clause} not available in this version` };
}

function ownValue(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, key)
    ? (value as Tree)[key]
    : undefined;
}

function entries(value: unknown): Iterable<[number, unknown]> {
  return Array.isArray(value) ? value.entries() : [];
}
