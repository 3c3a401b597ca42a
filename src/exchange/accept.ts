/**
 * Decides what a received request is: host, canonical path, client, upgrade; and refuses what cannot be
 * forwarded as it was meant. Every front goes through this one function.
 */

import { clientAddress, countOwnVia, VIA_LOOP_LIMIT } from "../http/forwarded.ts";
import { getHeader, type HeaderList } from "../http/headers.ts";
import { canonicalPath } from "../http/path.ts";
import { websocketHandshake } from "../http/upgrade.ts";
import { parseAuthority } from "../net/authority.ts";
import { clientError, type ProxyError, proxyError } from "./error.ts";
import type { Client, Exchange, RequestBody } from "./exchange.ts";
import type { Trace } from "./trace.ts";

/** What a front knows about a request. */
export interface Received {
  readonly method: string;
  /** Path and query, as far as the front shows them. */
  readonly target: string;
  readonly scheme: "http" | "https";
  /** Names in lower case. */
  readonly headers: HeaderList;
  /** Normalised address of the TCP peer, "" on a unix socket. */
  readonly peer: string;
  readonly localPort: number;
  readonly body: RequestBody | undefined;
  readonly onClientGone: (listener: () => void) => void;
  readonly trace: Trace;
}

export interface Accepted {
  readonly exchange: Exchange;
  /** Set if the request is refused; the exchange is then good for logging and rendering only. */
  readonly problem: ProxyError | undefined;
}

export function acceptRequest(received: Received, isTrusted: (ip: string) => boolean): Accepted {
  const { method, target, headers } = received;
  const hostField = getHeader(headers, "host");
  const host = hostField === undefined ? NO_HOST : parseAuthority(hostField);
  const queryAt = target.indexOf("?");
  const path = canonicalPath(queryAt < 0 ? target : target.slice(0, queryAt));
  const query = queryAt < 0 ? "" : target.slice(queryAt);
  const handshake = websocketHandshake({ method, headers });
  const exchange: Exchange = {
    method,
    target,
    path: path ?? "/",
    query,
    scheme: received.scheme,
    host: host?.hostname ?? "",
    authority: host === undefined ? "" : (hostField ?? ""),
    localPort: received.localPort,
    client: toClient(received, isTrusted),
    headers,
    body: received.body,
    upgrade: handshake.kind === "websocket" ? "websocket" : undefined,
    trace: received.trace,
    onClientGone: received.onClientGone,
  };
  let problem = refuseMethod(method, headers);
  if (host === undefined) problem ??= clientError("bad_request", "The Host field is invalid");
  if (path === undefined) problem ??= clientError("bad_request", "The path is invalid");
  if (NOT_IN_QUERY.test(query)) problem ??= clientError("bad_request", "The query is invalid");
  if (handshake.kind === "bad") problem ??= badHandshake(handshake.status, handshake.reason);
  problem ??= refuseHeaders(headers);
  return { exchange, problem };
}

/** A fragment is the client's own business, and endpoints disagree on where the query ends before one. */
const NOT_IN_QUERY = /[^!-~]|#/;

/** HTTP/1.0 without Host: only routes for any host can match. */
const NO_HOST = { hostname: "" };

function toClient(received: Received, isTrusted: (ip: string) => boolean): Client {
  const peer = received.peer;
  if (!isTrusted(peer)) return { ip: peer, peer, trusted: false, hops: 0 };
  const forwardedFor = getHeader(received.headers, "x-forwarded-for");
  const { ip, hops } = clientAddress({ peer, forwardedFor, isTrusted });
  return { ip, peer, trusted: true, hops };
}

function refuseMethod(method: string, headers: HeaderList): ProxyError | undefined {
  switch (method) {
    case "GET":
    case "HEAD":
      // Bun.serve drops such a body; forwarding the rest would change what was asked.
      return hasDeclaredBody(headers)
        ? clientError("bad_request", `A ${method} request with a body is not supported`)
        : undefined;
    case "CONNECT":
      return clientError("not_implemented", "CONNECT is not supported");
    case "TRACE":
      // Echoes credentials back to scripts; RFC 9110 9.3.8 lets an intermediary refuse it.
      return clientError("method_not_allowed", "TRACE is not allowed");
    default:
      return undefined;
  }
}

function hasDeclaredBody(headers: HeaderList): boolean {
  const length = getHeader(headers, "content-length");
  return (
    (length !== undefined && !/^0+$/.test(length)) || getHeader(headers, "transfer-encoding") !== undefined
  );
}

function refuseHeaders(headers: HeaderList): ProxyError | undefined {
  const expect = getHeader(headers, "expect");
  if (expect !== undefined && expect.toLowerCase() !== "100-continue") {
    return clientError("expectation_failed", "Only the expectation 100-continue is supported");
  }
  const via = getHeader(headers, "via");
  if (via !== undefined && countOwnVia(via) > VIA_LOOP_LIMIT) {
    return proxyError("loop_detected", `the request passed this proxy more than ${VIA_LOOP_LIMIT} times`);
  }
  return undefined;
}

function badHandshake(status: number, reason: string): ProxyError {
  return clientError(status === 426 ? "upgrade_required" : "bad_request", reason);
}
