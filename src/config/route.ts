/** One route table to one route: which keys belong to its type, what it needs, what contradicts. */

import { closest } from "../lib/did-you-mean.ts";
import { err, ok, type Result } from "../lib/result.ts";
import type { Field } from "./header-rules.ts";
import { isIpv4 } from "../net/ip.ts";
import type { Endpoint } from "./address.ts";
import { MIDDLEWARE_LATER } from "./available.ts";
import type { Flaw } from "./diagnostic.ts";
import { type Path, valueAt } from "./path.ts";
import { type Backend, readEndpoints } from "./route-endpoints.ts";
import {
  type BackendTlsTable,
  type HeadersMiddleware,
  headersMiddlewareSchema,
  MAX_MIDDLEWARE,
  type RouteTable,
} from "./schema-route.ts";
import { check } from "./schema-library.ts";

interface RouteBase {
  readonly name: string | undefined;
  /** `file:line`. */
  readonly source: string;
  readonly host: string;
  readonly path: string;
  /** Upper case; empty stands for any. */
  readonly method: readonly string[];
  readonly headers: readonly Field[];
  readonly query: readonly Field[];
  readonly middleware: readonly HeadersMiddleware[];
}

export interface ProxyRoute
  extends RouteBase,
    Pick<RouteTable, "add_headers" | "strip_prefix" | "add_prefix" | "websocket" | "response_buffer"> {
  readonly type: "proxy";
  readonly backends: readonly Backend[];
  readonly strategy: NonNullable<NonNullable<RouteTable["loadbalance"]>["strategy"]>;
  readonly host_header: string;
  readonly backend_tls: BackendTlsTable | undefined;
}

export interface RedirectRoute extends RouteBase {
  readonly type: "redirect";
  readonly to: string;
  readonly status: number;
}

export interface RespondRoute extends RouteBase {
  readonly type: "respond";
  readonly status: number;
  readonly body: string;
  readonly content_type: string;
}

export type Route = ProxyRoute | RedirectRoute | RespondRoute;

type RouteType = NonNullable<RouteTable["type"]>;
type Key = keyof RouteTable;

/** Keys not listed here belong to every type. */
const TYPES_BY_KEY: ReadonlyMap<string, readonly RouteType[]> = new Map<Key, readonly RouteType[]>([
  ["target", ["proxy"]],
  ["backends", ["proxy"]],
  ["loadbalance", ["proxy"]],
  ["backend_tls", ["proxy"]],
  ["strip_prefix", ["proxy", "static"]],
  ["add_prefix", ["proxy"]],
  ["add_headers", ["proxy"]],
  ["host_header", ["proxy"]],
  ["websocket", ["proxy"]],
  ["response_buffer", ["proxy"]],
  ["to", ["redirect"]],
  ["status", ["redirect", "respond"]],
  ["body", ["respond"]],
  ["content_type", ["respond"]],
  ["root", ["static"]],
  ["index", ["static"]],
  ["try_files", ["static"]],
  ["precompressed", ["static"]],
  ["listing", ["static"]],
]);

const REDIRECT_STATUSES: readonly number[] = [301, 302, 303, 307, 308];
/** RFC 9110 15.3.5, 15.3.6 and 15.4.5. */
const BODILESS_STATUSES: readonly number[] = [204, 205, 304];
const DEFAULT_CONTENT_TYPE = "text/plain; charset=utf-8";

export interface ReadRoute {
  /** Undefined if it has flaws or belongs to a later version. */
  readonly route: Route | undefined;
  readonly flaws: readonly Flaw[];
}

export interface RoutePlace {
  /** Where the table stands in its file. */
  readonly path: Path;
  /** `file:line`. */
  readonly source: string;
}

export function readRoute(
  table: RouteTable,
  middleware: readonly HeadersMiddleware[],
  { path, source }: RoutePlace,
): ReadRoute {
  const flaws: Flaw[] = [];
  const type = table.type ?? "proxy";
  const misplaced = findMisplaced(table, type, path);
  flaws.push(...misplaced);
  const base: RouteBase = {
    name: table.name,
    host: table.host ?? "*",
    path: table.path ?? "/*",
    method: table.method ?? [],
    headers: table.headers ?? [],
    query: table.query ?? [],
    source,
    middleware,
  };
  const route = readByType(type, table, base, { path, flaws, isMisplaced: misplaced.length > 0 });
  return { route: flaws.length === 0 ? route : undefined, flaws };
}

interface Context {
  readonly path: Path;
  readonly flaws: Flaw[];
  /** Keys of another type stand here: what this type lacks is not worth a second message. */
  readonly isMisplaced: boolean;
}

function readByType(
  type: RouteType,
  table: RouteTable,
  base: RouteBase,
  context: Context,
): Route | undefined {
  switch (type) {
    case "proxy":
      return readProxy(table, base, context);
    case "redirect":
      return readRedirect(table, base, context);
    case "respond":
      return readRespond(table, base, context);
    case "static":
      // Refused by name in `available.ts`.
      return undefined;
  }
}

function readProxy(table: RouteTable, base: RouteBase, context: Context): ProxyRoute | undefined {
  const { path, flaws } = context;
  const endpoints = readEndpoints(table, path, context.isMisplaced);
  flaws.push(...endpoints.flaws);
  const strip = table.strip_prefix;
  if (strip !== undefined && !`${base.path.replace(/\/\*$/, "")}/`.startsWith(`${strip}/`)) {
    flaws.push({
      kind: "conflict",
      path: [...path, "strip_prefix"],
      state: "it is not a prefix of the route's path",
      hint: "Requests of this route do not all start with it",
    });
  }
  const hostHeader = table.host_header ?? chooseHostHeader(endpoints.backends);
  if (hostHeader === undefined) {
    flaws.push({
      kind: "conflict",
      path,
      state: "its endpoints do not agree on the Host field",
      expected: 'host_header = "preserve", "endpoint" or a host',
      hint: "https:// hostnames get their own name, all others the client's",
    });
  }
  return {
    ...base,
    type: "proxy",
    backends: endpoints.backends,
    strategy: table.loadbalance?.strategy ?? chooseStrategy(endpoints.backends),
    host_header: hostHeader ?? "preserve",
    backend_tls: table.backend_tls,
    add_headers: table.add_headers,
    strip_prefix: strip,
    add_prefix: table.add_prefix,
    websocket: table.websocket,
    response_buffer: table.response_buffer,
  };
}

/** Undefined if the endpoints differ. A hostname behind TLS is chosen by its own name (RFC 9110 7.2). */
function chooseHostHeader(backends: readonly Backend[]): string | undefined {
  const named = backends.filter(({ url }) => isTlsName(url)).length;
  if (named === 0) return "preserve";
  return named === backends.length ? "endpoint" : undefined;
}

function chooseStrategy(backends: readonly Backend[]): ProxyRoute["strategy"] {
  const first = backends[0]?.weight;
  return backends.every((backend) => backend.weight === first) ? "round-robin" : "weighted";
}

function isTlsName(url: Endpoint): boolean {
  return url.kind === "tcp" && url.scheme === "https" && !url.hostname.includes(":") && !isIpv4(url.hostname);
}

function readRedirect(table: RouteTable, base: RouteBase, context: Context): RedirectRoute | undefined {
  const { path, flaws } = context;
  const { to, status = 308 } = table;
  if (to === undefined) {
    flaws.push({ kind: "conflict", path, state: "the redirect has no destination", expected: 'to = "…"' });
    return undefined;
  }
  const refuse = (key: string, state: string, expected?: string) => {
    flaws.push({ kind: "conflict", path: [...path, key], state, expected });
  };
  if (!REDIRECT_STATUSES.includes(status)) {
    refuse("status", "it is not the status of a redirect", `one of ${REDIRECT_STATUSES.join(", ")}`);
  }
  if (to.endsWith("*") && !base.path.endsWith("/*")) {
    refuse("to", 'its "*" has nothing to stand for', 'a path of the route that ends in "/*"');
  }
  if (to === base.path) refuse("to", "the route redirects to itself");
  return { ...base, type: "redirect", to, status };
}

function readRespond(table: RouteTable, base: RouteBase, context: Context): RespondRoute {
  const { status = 200, body = "", content_type = DEFAULT_CONTENT_TYPE } = table;
  if (BODILESS_STATUSES.includes(status) && body !== "") {
    context.flaws.push({
      kind: "conflict",
      path: [...context.path, "body"],
      state: "answers with this status have no body",
    });
  }
  return { ...base, type: "respond", status, body, content_type };
}

function findMisplaced(table: RouteTable, type: RouteType, path: Path): Flaw[] {
  const flaws: Flaw[] = [];
  for (const key in table) {
    const types = TYPES_BY_KEY.get(key);
    if (types === undefined || types.includes(type)) continue;
    const named = types.map((each) => `type = "${each}"`).join(" or ");
    flaws.push({ kind: "conflict", path: [...path, key], state: `it belongs to routes with ${named}` });
  }
  return flaws;
}

/** Apart from the route's other keys, so that both report what is wrong with them. */
export function readMiddleware(items: unknown, path: Path): Result<readonly HeadersMiddleware[], Flaw[]> {
  if (!Array.isArray(items)) return ok([]);
  const found: HeadersMiddleware[] = [];
  const flaws: Flaw[] = [];
  for (const [index, item] of items.slice(0, MAX_MIDDLEWARE).entries()) {
    const itemPath = [...path, "middleware", index];
    const type: unknown = valueAt(item, ["type"]);
    if (typeof type === "string" && MIDDLEWARE_LATER.includes(type)) continue;
    if (typeof type === "string" && type !== "headers") {
      flaws.push(unknownMiddleware(type, itemPath));
      continue;
    }
    const result = check(headersMiddlewareSchema, item, itemPath);
    if (result.ok) found.push(result.value);
    else flaws.push(...result.error);
  }
  return flaws.length === 0 ? ok(found) : err(flaws);
}

function unknownMiddleware(type: string, path: Path): Flaw {
  const near = closest(type, ["headers", ...MIDDLEWARE_LATER]);
  return {
    kind: "value",
    path: [...path, "type"],
    state: "there is no such middleware",
    expected: '"headers"',
    hint: near === undefined ? undefined : `Did you mean "${near}"`,
  };
}
