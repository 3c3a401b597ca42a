/** Config to Snapshot: final values to the plain data that workers run on. */

import { createHash } from "node:crypto";
import { formatAuthority } from "../net/authority.ts";
import type { Endpoint, Listener } from "../config/address.ts";
import type { Field } from "../config/header-rules.ts";
import type { Config } from "../config/parse.ts";
import type { ProxyRoute, Route } from "../config/route.ts";
import { formatEndpoint } from "../config/route-endpoints.ts";
import type { HeadersMiddleware } from "../config/schema-route.ts";
import type {
  ActionSpec,
  EndpointSpec,
  EndpointTls,
  HeaderRules,
  ListenerSpec,
  MatchSpec,
  MiddlewareSpec,
  RouteSpec,
  Snapshot,
} from "./types.ts";

/** The master adds the generation and the cells in shared memory. */
export type CompiledSnapshot = Omit<Snapshot, "generation" | "slots">;

const HASH_CHARS = 12;

const NO_RULES: HeaderRules = { remove: [], set: [], add: [] };

export function compile(config: Config): CompiledSnapshot {
  const { general, timeouts, limits } = config;
  return {
    listeners: general.listen.map(toListener),
    routes: config.routes.map((route) => toRoute(route, config)),
    trustedProxies: general.trusted_proxies,
    timeouts: {
      connect: timeouts.connect,
      responseHeader: timeouts.response_header,
      clientIdle: timeouts.client_idle,
      upstreamIdle: timeouts.upstream_idle,
      keepalive: timeouts.keepalive,
      drain: timeouts.drain,
    },
    log: {
      access: general.access_log === "off" ? "" : general.access_log,
      error: general.error_log,
      format: general.log_format,
    },
    maxHeaderBytes: limits.max_header_bytes,
  };
}

function toListener(listener: Listener): ListenerSpec {
  if (listener.kind === "unix") return { kind: "unix", key: `unix:${listener.path}`, path: listener.path };
  const { hostname, port } = listener;
  return { kind: "tcp", key: `http://${formatAuthority(hostname, port)}`, hostname, port };
}

function toRoute(route: Route, config: Config): RouteSpec {
  const match: MatchSpec = {
    host: route.host,
    path: route.path,
    methods: [...route.method].sort(),
    headers: sortFields(route.headers),
    query: sortFields(route.query),
  };
  const id = route.name ?? deriveId(match);
  return {
    id,
    name: id,
    source: route.source,
    match,
    middleware: toMiddleware(route),
    action: toAction(route, id, config),
  };
}

/**
 * Readable where that says it all. Values of header and query matchers may be secrets, and ids are shown in logs:
 * those become a hash.
 */
function deriveId({ host, path, methods, headers, query }: MatchSpec): string {
  const plain = `${host}${path}${methods.length === 0 ? "" : ` ${methods.join(",")}`}`;
  return headers.length + query.length === 0 ? plain : `${plain} #${shortHash([headers, query])}`;
}

function toAction(route: Route, id: string, config: Config): ActionSpec {
  switch (route.type) {
    case "redirect":
      return { kind: "redirect", status: route.status, to: route.to };
    case "respond":
      return { kind: "respond", status: route.status, body: route.body, contentType: route.content_type };
    case "proxy":
      return {
        kind: "proxy",
        proxy: {
          poolKey: id,
          policy: route.strategy,
          endpoints: route.backends.map(({ url, weight }) => toEndpoint(url, weight, route, config)),
          stripPrefix: route.strip_prefix ?? "",
          addPrefix: route.add_prefix ?? "",
          hostHeader: route.host_header,
          websocket: route.websocket ?? true,
          responseBuffer: route.response_buffer ?? 0,
        },
      };
  }
}

function toEndpoint(endpoint: Endpoint, weight: number, route: ProxyRoute, config: Config): EndpointSpec {
  const address = formatEndpoint(endpoint);
  if (endpoint.kind === "unix") {
    return {
      key: address,
      name: address,
      address: { kind: "unix", path: endpoint.path },
      weight,
      tls: undefined,
    };
  }
  const { hostname, port } = endpoint;
  const tls = endpoint.scheme === "https" ? toTls(hostname, route, config) : undefined;
  return {
    key: tls === undefined ? address : `${address}#${shortHash(tls)}`,
    name: formatAuthority(hostname, port),
    address: { kind: "tcp", hostname, port },
    weight,
    tls,
  };
}

function toTls(hostname: string, { backend_tls: options }: ProxyRoute, { pems }: Config): EndpointTls {
  const textOf = (path: string | undefined) => (path === undefined ? undefined : pems.get(path));
  return {
    serverName: options?.server_name ?? hostname,
    ca: textOf(options?.ca),
    cert: textOf(options?.cert),
    key: textOf(options?.key),
    insecure: options?.insecure ?? false,
  };
}

/** add_headers come last: nothing stands between them and the endpoint. */
function toMiddleware(route: Route): MiddlewareSpec[] {
  const specs: MiddlewareSpec[] = route.middleware.map(({ request, response }) => ({
    kind: "headers",
    request: toRules(request, lowerCase),
    response: toRules(response, asWritten),
  }));
  if (route.type === "proxy" && route.add_headers !== undefined && route.add_headers.length > 0) {
    const request = { ...NO_RULES, set: flatten(route.add_headers, lowerCase) };
    specs.push({ kind: "headers", request, response: NO_RULES });
  }
  return specs;
}

type Rules = HeadersMiddleware["request"];

function toRules(rules: Rules, rename: (name: string) => string): HeaderRules {
  return {
    // Removal compares without case, so one spelling is enough.
    remove: rules.remove.map(lowerCase),
    set: flatten(rules.set, rename),
    add: flatten(rules.add, rename),
  };
}

function flatten(fields: readonly Field[], rename: (name: string) => string): string[] {
  return fields.flatMap(([name, value]) => [rename(name), value]);
}

function sortFields(fields: readonly Field[]): readonly Field[] {
  return fields.length < 2 ? fields : [...fields].sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0));
}

function shortHash(value: unknown): string {
  return createHash("sha256").update(JSON.stringify(value)).digest("hex").slice(0, HASH_CHARS);
}

function lowerCase(name: string): string {
  return name.toLowerCase();
}

function asWritten(name: string): string {
  return name;
}
