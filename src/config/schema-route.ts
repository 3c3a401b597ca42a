/** Schema of [[routes]]: one flat table; `route.ts` decides which keys belong to which type of route. */

import { POLICY_NAMES } from "../balancer/policies.ts";
import { canonicalPath } from "../http/path.ts";
import { isToken } from "../http/token.ts";
import { err, ok, type Result } from "../lib/result.ts";
import {
  ENDPOINT_EXPECTED,
  HOST_EXPECTED,
  parseEndpoint,
  parseHostField,
  parseHostPattern,
} from "./address.ts";
import { ROUTE_TYPES_LATER } from "./available.ts";
import { describeType } from "./diagnostic.ts";
import { fieldMatchers, fieldTable, nameList, parseValue, queryMatchers } from "./header-rules.ts";
import { anyText, type Complaint, duration, flag, integer, oneOf, readText, size, text } from "./scalar.ts";
import {
  anything,
  leaf,
  list,
  type Output,
  optional,
  type Refusal,
  table,
  withDefault,
} from "./schema-library.ts";

export const MAX_ROUTES = 20_000;
export const MAX_ENDPOINTS = 16_000;
export const MAX_WEIGHT = 1000;
export const MAX_RESPOND_BYTES = 64 * 1024;
const MAX_RESPONSE_BUFFER = 64 * 1024 ** 2;
const MAX_METHODS = 32;
export const MAX_MIDDLEWARE = 64;
const MAX_ENDPOINTS_PER_ROUTE = 1024;

const DAY_MS = 86_400_000;

const METHOD_EXPECTED = 'a method such as "GET", a list of methods or "*"';

/** Methods in upper case; empty stands for any. */
const methods = leaf<readonly string[]>((input) => {
  if (input === "*") return ok([]);
  const items: readonly unknown[] = Array.isArray(input) ? input : [input];
  if (items.length === 0 || items.length > MAX_METHODS) {
    return err({ state: `it has ${items.length} methods`, expected: `1 to ${MAX_METHODS} methods` });
  }
  const found = new Set<string>();
  const refusals: Refusal[] = [];
  for (const [index, item] of items.entries()) {
    const result = readText(item, METHOD_EXPECTED, parseMethod);
    if (!result.ok) refusals.push({ ...result.error, path: [index] });
    else if (found.has(result.value)) {
      refusals.push({
        state: "the same method stands here twice",
        expected: "each method once",
        path: [index],
      });
    } else found.add(result.value);
  }
  return refusals.length === 0 ? ok([...found]) : err(refusals);
});

function parseMethod(method: string): Result<string, Complaint> {
  if (!isToken(method) || method === "*") return err({ state: "it is not a method" });
  const upper = method.toUpperCase();
  if (upper === "CONNECT" || upper === "TRACE") return err({ state: "the proxy answers this method itself" });
  return ok(upper);
}

/** An exact path or "/prefix/*", canonical: what requests are compared with. */
function parseRoutePath(path: string): Result<string, Complaint> {
  const isPrefix = path.endsWith("/*");
  const base = isPrefix ? path.slice(0, -2) : path;
  if (base.includes("*")) return err({ state: 'a "*" can only stand at the end, after a slash' });
  if (isPrefix && base === "") return ok(path);
  const refusal = refusePath(base, isPrefix ? "/*" : "");
  return refusal === undefined ? ok(path) : err(refusal);
}

/** A path of at least one segment; a slash at its end is dropped. */
function parsePrefix(path: string): Result<string, Complaint> {
  const base = path.replace(/\/$/, "");
  if (base === "") return err({ state: "it names no segment" });
  if (base.endsWith("*"))
    return err({ state: 'a prefix has no "*"', hint: `Write "${base.replace(/\/?\*$/, "")}"` });
  const refusal = refusePath(base, "");
  return refusal === undefined ? ok(base) : err(refusal);
}

function refusePath(path: string, suffix: string): Complaint | undefined {
  if (!path.startsWith("/"))
    return { state: "it does not start with a slash", hint: `Write "/${path}${suffix}"` };
  if (/[?#]/.test(path))
    return { state: "it has a query", hint: 'Use query = { name = "value" } on the route' };
  if (/[^\x21-\x7e]/.test(path))
    return { state: "it has a blank or a character that needs percent-encoding" };
  const canonical = canonicalPath(path);
  if (canonical === undefined) return { state: "requests with such a path are refused" };
  return canonical === path
    ? undefined
    : { state: "it is not in canonical form", hint: `Write "${canonical}${suffix}"` };
}

function parseRouteName(name: string): Result<string, Complaint> {
  return /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name) ? ok(name) : err({ state: "it is not a name" });
}

/** An absolute URL or path; a "*" at its end takes what the route's own "*" matched. */
function parseRedirectTarget(to: string): Result<string, Complaint> {
  if (!/^[\x21-\x7e]+$/.test(to))
    return err({ state: "it has a blank or a character that needs percent-encoding" });
  if (to.slice(0, -1).includes("*")) return err({ state: 'a "*" can only stand at the end' });
  if (to.includes("\\")) return err({ state: "browsers read a backslash as a slash" });
  if (to.startsWith("/")) {
    // "//host" is a URL of another host (RFC 3986 4.2).
    return to.startsWith("//") ? err({ state: "two slashes name another host" }) : ok(to);
  }
  const url = URL.parse(to);
  if (url === null || !/^https?:\/\/[^/?#]/i.test(to))
    return err({ state: "it is neither a URL nor an absolute path" });
  if (url.username !== "" || url.password !== "") return err({ state: "it has a user name" });
  // "https://site.test*" and a request for "/.evil.test" would make another host of it.
  if (/^[^/]+\/\/[^/?#]*\*$/.test(to)) {
    return err({ state: 'its "*" would become part of the host', hint: `Write "${to.slice(0, -1)}/*"` });
  }
  return ok(to);
}

function parseHostHeader(value: string): Result<string, Complaint> {
  return value === "preserve" || value === "endpoint" ? ok(value) : parseHostField(value);
}

function parsePath(path: string): Result<string, Complaint> {
  return path === "" || path.includes("\0") ? err({ state: "it is not a path" }) : ok(path);
}

function parseBody(body: string): Result<string, Complaint> {
  const isSmall = new TextEncoder().encode(body).length <= MAX_RESPOND_BYTES;
  return isSmall ? ok(body) : err({ state: "it is too long" });
}

const status = leaf<number>((input) => {
  const isStatus = typeof input === "number" && Number.isInteger(input) && input >= 200 && input <= 599;
  if (isStatus) return ok(input);
  const state = typeof input === "number" ? "there is no such status" : `it is ${describeType(input)}`;
  return err({ state, expected: "a status from 200 to 599" });
});

const endpoint = text(ENDPOINT_EXPECTED, parseEndpoint);
const pemPath = text("the path of a PEM file", parsePath);

export const backendSchema = table({
  url: endpoint,
  weight: optional(integer({ min: 0, max: MAX_WEIGHT })),
  backup: optional(flag()),
});

export const loadbalanceSchema = table({
  strategy: optional(oneOf(POLICY_NAMES)),
  health_check: optional(anyText('a path such as "/health"')),
  health_interval: optional(duration({ min: 100, max: DAY_MS })),
  health_timeout: optional(duration({ min: 100, max: DAY_MS })),
  rise: optional(integer({ min: 1, max: 100 })),
  fall: optional(integer({ min: 1, max: 100 })),
  sticky: optional(anyText("the name of a cookie")),
  slow_start: optional(duration({ min: 0, max: DAY_MS })),
});

export const backendTlsSchema = table({
  ca: optional(pemPath),
  cert: optional(pemPath),
  key: optional(pemPath),
  server_name: optional(
    text("a hostname", (value) => {
      const parsed = parseHostPattern(value);
      return parsed.ok && parsed.value.startsWith("*") ? err({ state: "it is not a hostname" }) : parsed;
    }),
  ),
  insecure: withDefault(flag(), false),
});

function rulesSchema(direction: "request" | "response") {
  return table({
    remove: withDefault(nameList(direction), []),
    set: withDefault(fieldTable(direction), {}),
    add: withDefault(fieldTable(direction), {}),
  });
}

export const headersMiddlewareSchema = table({
  type: oneOf(["headers"]),
  request: withDefault(rulesSchema("request"), {}),
  response: withDefault(rulesSchema("response"), {}),
});

/** Without defaults: with ten thousand routes, reading what nobody wrote would cost more than the rest. */
export const routeSchema = table({
  name: optional(text('1 to 64 letters, digits, ".", "_" or "-"', parseRouteName)),
  host: optional(text(HOST_EXPECTED, parseHostPattern)),
  path: optional(text('an exact path such as "/login" or a prefix such as "/api/*"', parseRoutePath)),
  method: optional(methods),
  headers: optional(fieldMatchers()),
  query: optional(queryMatchers()),
  type: optional(oneOf(["proxy", "redirect", "respond", ...ROUTE_TYPES_LATER])),
  target: optional(endpoint),
  backends: optional(list(backendSchema, MAX_ENDPOINTS_PER_ROUTE)),
  loadbalance: optional(loadbalanceSchema),
  backend_tls: optional(backendTlsSchema),
  strip_prefix: optional(text('a path such as "/api"', parsePrefix)),
  add_prefix: optional(text('a path such as "/api"', parsePrefix)),
  add_headers: optional(fieldTable("request")),
  host_header: optional(text('"preserve", "endpoint" or a host', parseHostHeader)),
  websocket: optional(flag()),
  response_buffer: optional(size({ min: 0, max: MAX_RESPONSE_BUFFER })),
  to: optional(text('a URL or an absolute path such as "https://example.com/*"', parseRedirectTarget)),
  status: optional(status),
  body: optional(text(`a text of at most ${MAX_RESPOND_BYTES} bytes`, parseBody)),
  content_type: optional(text('a media type such as "text/html; charset=utf-8"', parseValue)),
  // Its shape depends on its type: `route.ts` checks each one.
  middleware: optional(list(anything(), MAX_MIDDLEWARE)),
  root: optional(pemPath),
  index: optional(list(anyText("a file name"), 16)),
  try_files: optional(list(anyText("a path"), 16)),
  precompressed: optional(flag()),
  listing: optional(flag()),
});

export type RouteTable = Output<typeof routeSchema>;
export type BackendTable = Output<typeof backendSchema>;
export type BackendTlsTable = Output<typeof backendTlsSchema>;
export type HeadersMiddleware = Output<typeof headersMiddlewareSchema>;
