/** The compiled configuration: plain, frozen, serialisable data that every worker prepares and swaps in. */

import type { PolicyName } from "../balancer/policies.ts";
import type { HeaderList } from "../http/headers.ts";

export type { PolicyName };

export interface Snapshot {
  /** Counts up with every accepted configuration; given by the master. */
  readonly generation: number;
  readonly listeners: readonly ListenerSpec[];
  readonly routes: readonly RouteSpec[];
  /** Canonical CIDRs of the peers whose X-Forwarded-* fields are believed. */
  readonly trustedProxies: readonly string[];
  readonly timeouts: TimeoutSpec;
  readonly log: LogSpec;
  /** Request head limit in bytes; fixed for the life of a worker (a start option of the runtime). */
  readonly maxHeaderBytes: number;
  /** Cell number in shared memory by endpoint key and by pool key; given by the master, stable across reloads. */
  readonly slots: Readonly<Record<string, number>>;
}

/** `key` is the identity across reloads: an unchanged listener keeps its socket. */
export type ListenerSpec =
  | { readonly kind: "tcp"; readonly key: string; readonly hostname: string; readonly port: number }
  | { readonly kind: "unix"; readonly key: string; readonly path: string };

/** All in milliseconds. */
export interface TimeoutSpec {
  readonly connect: number;
  readonly responseHeader: number;
  /** Longest silence inside a body, in either direction; off for text/event-stream and WebSockets. */
  readonly clientIdle: number;
  /** How long an unused upstream connection is kept. */
  readonly upstreamIdle: number;
  /** How long an unused client connection is kept. */
  readonly keepalive: number;
  readonly drain: number;
}

export interface LogSpec {
  /** Absolute path, "stdout", or "" for off. */
  readonly access: string;
  /** Absolute path or "stderr". */
  readonly error: string;
  readonly format: "json" | "combined" | "common";
}

export interface RouteSpec {
  /** Identity across reloads: `name` if given, else derived from the match. */
  readonly id: string;
  /** Shown in logs and status; same as id unless named. */
  readonly name: string;
  /** `file:line` of the route in the configuration. */
  readonly source: string;
  readonly match: MatchSpec;
  readonly middleware: readonly MiddlewareSpec[];
  readonly action: ActionSpec;
}

export interface MatchSpec {
  /** Lower-case hostname, "*.suffix" or "*". */
  readonly host: string;
  /** Canonical path, exact or "/prefix/*" ("/*" is everything). */
  readonly path: string;
  /** Upper-case methods; empty means any. */
  readonly methods: readonly string[];
  /** Lower-case name and exact value; "*" means present. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Query parameter and exact value after decoding; "*" means present. */
  readonly query: readonly (readonly [name: string, value: string])[];
}

export type MiddlewareSpec = {
  readonly kind: "headers";
  readonly request: HeaderRules;
  readonly response: HeaderRules;
};

/** Applied in this order: remove, set, add. Names in lower case for requests, as written for responses. */
export interface HeaderRules {
  readonly remove: readonly string[];
  readonly set: HeaderList;
  readonly add: HeaderList;
}

export type ActionSpec =
  | { readonly kind: "proxy"; readonly proxy: ProxySpec }
  | { readonly kind: "redirect"; readonly status: number; readonly to: string }
  | {
      readonly kind: "respond";
      readonly status: number;
      readonly body: string;
      readonly contentType: string;
    };

export interface ProxySpec {
  /** Identity of the shared cursor across reloads. */
  readonly poolKey: string;
  readonly policy: PolicyName;
  readonly endpoints: readonly EndpointSpec[];
  readonly stripPrefix: string;
  readonly addPrefix: string;
  /** "preserve" passes the client's Host; "endpoint" sends the endpoint's own; anything else is sent as is. */
  readonly hostHeader: string;
  readonly websocket: boolean;
  /** Bodies up to this many bytes are buffered to keep their Content-Length; 0 is off. */
  readonly responseBuffer: number;
}

export interface EndpointSpec {
  /** Identity across routes and reloads: state and connections are shared by key. */
  readonly key: string;
  /** For logs and status: "host:port" or "unix:/path". */
  readonly name: string;
  readonly address:
    | { readonly kind: "tcp"; readonly hostname: string; readonly port: number }
    | { readonly kind: "unix"; readonly path: string };
  readonly weight: number;
  /** Undefined means plain HTTP. */
  readonly tls: EndpointTls | undefined;
}

export interface EndpointTls {
  /** Name sent as SNI and verified. */
  readonly serverName: string;
  /** PEM texts, read when the configuration is compiled. */
  readonly ca: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
  readonly insecure: boolean;
}
