/** The endpoints of a proxy route: from `target` or [[routes.backends]], with what contradicts. */

import { formatAuthority } from "../net/authority.ts";
import type { Endpoint } from "./address.ts";
import type { Flaw } from "./diagnostic.ts";
import type { Path } from "./path.ts";
import type { BackendTable, RouteTable } from "./schema-route.ts";

export interface Backend {
  readonly url: Endpoint;
  readonly weight: number;
}

export interface ReadEndpoints {
  readonly backends: readonly Backend[];
  readonly flaws: readonly Flaw[];
}

export function readEndpoints(table: RouteTable, path: Path, isMisplaced: boolean): ReadEndpoints {
  const { target, backends } = table;
  if (target !== undefined && backends !== undefined) {
    return refuse([...path, "target"], "the route has [[routes.backends]] too", "one of the two");
  }
  if (target !== undefined) {
    const single = [{ url: target, weight: 1 }];
    return { backends: single, flaws: checkTls(table, single, path) };
  }
  if (backends === undefined || backends.length === 0) {
    if (isMisplaced) return { backends: [], flaws: [] };
    return refuse(path, "the route has no endpoint", 'target = "host:port" or [[routes.backends]]');
  }
  const weighted = backends.map(toBackend);
  const flaws = [
    ...checkWeights(weighted, path),
    ...checkTwice(weighted, path),
    ...checkTls(table, weighted, path),
  ];
  return { backends: weighted, flaws };
}

/** Identity of an address: "http://host:port" or "unix:/path". */
export function formatEndpoint(endpoint: Endpoint): string {
  return endpoint.kind === "unix"
    ? `unix:${endpoint.path}`
    : `${endpoint.scheme}://${formatAuthority(endpoint.hostname, endpoint.port)}`;
}

function toBackend({ url, weight = 1 }: BackendTable): Backend {
  return { url, weight };
}

function checkWeights(backends: readonly Backend[], path: Path): Flaw[] {
  if (backends.some((backend) => backend.weight > 0)) return [];
  return [{ kind: "conflict", path: [...path, "backends"], state: "no endpoint has a weight above 0" }];
}

function checkTwice(backends: readonly Backend[], path: Path): Flaw[] {
  if (backends.length === 1) return [];
  const seen = new Set<string>();
  const flaws: Flaw[] = [];
  for (const [index, backend] of backends.entries()) {
    const address = formatEndpoint(backend.url);
    if (seen.has(address)) {
      flaws.push({
        kind: "conflict",
        path: [...path, "backends", index, "url"],
        state: "the route has this endpoint twice",
        hint: "Give it a larger weight instead",
      });
    }
    seen.add(address);
  }
  return flaws;
}

function checkTls(table: RouteTable, backends: readonly Backend[], path: Path): Flaw[] {
  const tls = table.backend_tls;
  if (tls === undefined) return [];
  const at = [...path, "backend_tls"];
  const flaws: Flaw[] = [];
  if (!backends.some(({ url }) => url.kind === "tcp" && url.scheme === "https")) {
    flaws.push({ kind: "conflict", path: at, state: "no endpoint of the route is https://" });
  }
  if (tls.cert !== undefined && tls.key === undefined) {
    flaws.push({
      kind: "conflict",
      path: [...at, "cert"],
      state: "the certificate has no key",
      expected: 'key = "…"',
    });
  }
  if (tls.key !== undefined && tls.cert === undefined) {
    flaws.push({
      kind: "conflict",
      path: [...at, "key"],
      state: "the key has no certificate",
      expected: 'cert = "…"',
    });
  }
  if (tls.insecure && tls.ca !== undefined) {
    flaws.push({
      kind: "conflict",
      path: [...at, "insecure"],
      state: "certificates are not verified then, so ca has no use",
      expected: "one of the two",
    });
  }
  return flaws;
}

function refuse(path: Path, state: string, expected: string): ReadEndpoints {
  return { backends: [], flaws: [{ kind: "conflict", path, state, expected }] };
}
