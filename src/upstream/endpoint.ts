/** Run-time state of one endpoint in this worker: its idle connections, shared by all routes and snapshots. */

import { formatAuthority } from "../net/authority.ts";
import type { EndpointSpec } from "../snapshot/types.ts";
import { type Connection, destroyConnection } from "./connection.ts";

/** Idle connections kept per endpoint and worker; more are closed. */
export const MAX_IDLE_CONNECTIONS = 512;
/** Connections per endpoint and worker, dials under way included. */
export const MAX_CONNECTIONS = 8192;
/** A request that must not be repeated only uses a connection that was busy this recently. */
export const FRESH_IDLE_MS = 2000;

export interface Endpoint {
  spec: EndpointSpec;
  /** Cell of this endpoint in shared memory. */
  readonly slot: number;
  /** The endpoint's own name for a Host field. */
  readonly host: string;
  /** Most recently used last. */
  readonly idle: Connection[];
  /** Connections in use by calls and tunnels, and dials under way. */
  busy: number;
  /** False once no snapshot uses the endpoint: connections are closed when they become free. */
  wanted: boolean;
}

export function createEndpoint(spec: EndpointSpec, slot: number): Endpoint {
  return { spec, slot, host: hostOf(spec), idle: [], busy: 0, wanted: true };
}

function hostOf(spec: EndpointSpec): string {
  const address = spec.address;
  if (address.kind === "unix") return spec.tls?.serverName ?? "localhost";
  const isDefaultPort = address.port === (spec.tls === undefined ? 80 : 443);
  return formatAuthority(address.hostname, isDefaultPort ? undefined : address.port);
}

/** The most recently used live connection that has been idle for at most `maxIdleMs`. */
export function takeIdle(endpoint: Endpoint, maxIdleMs: number, now: number): Connection | undefined {
  for (;;) {
    const connection = endpoint.idle.at(-1);
    if (connection === undefined) return undefined;
    const idleMs = now - connection.idleSince;
    // The last one is the freshest: if it is too old for this request, so are all others.
    if (!connection.closed && idleMs <= connection.idleLimitMs && idleMs > maxIdleMs) return undefined;
    endpoint.idle.pop();
    if (connection.closed) continue;
    if (idleMs <= connection.idleLimitMs) return connection;
    destroyConnection(connection);
  }
}

/** Keeps a free connection for `idleLimitMs`, or closes it if there are enough. */
export function putIdle(endpoint: Endpoint, connection: Connection, idleLimitMs: number, now: number): void {
  if (connection.closed) return;
  if (!endpoint.wanted || idleLimitMs <= 0 || endpoint.idle.length >= MAX_IDLE_CONNECTIONS) {
    destroyConnection(connection);
    return;
  }
  connection.idleSince = now;
  connection.idleLimitMs = idleLimitMs;
  endpoint.idle.push(connection);
}

/** Closes what has been idle for too long; called about once a second. */
export function expireIdle(endpoint: Endpoint, now: number): void {
  let kept = 0;
  for (const connection of endpoint.idle) {
    if (connection.closed) continue;
    if (endpoint.wanted && now - connection.idleSince <= connection.idleLimitMs)
      endpoint.idle[kept++] = connection;
    else destroyConnection(connection);
  }
  endpoint.idle.length = kept;
}

export function closeIdle(endpoint: Endpoint): void {
  for (const connection of endpoint.idle) destroyConnection(connection);
  endpoint.idle.length = 0;
}
