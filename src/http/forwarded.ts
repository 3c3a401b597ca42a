/** Who the client is and what the upstream is told about it: X-Forwarded-*, Via and their impostors. */

import { parseAuthority } from "../net/authority.ts";
import { normalizeIp } from "../net/ip.ts";
import { isHopByHop } from "./hop-by-hop.ts";
import { isIdentityHeader } from "./identity.ts";
import { trimOws } from "./token.ts";

export { isIdentityHeader } from "./identity.ts";

/** Longest chain of proxies that is followed; beyond it the client is whoever the last one names. */
export const FORWARDED_HOP_LIMIT = 64;

/** Two proxies of ours in a row are normal, eleven are a loop. */
export const VIA_LOOP_LIMIT = 10;

const PSEUDONYM = "ophid";
const MAX_PORT = 65_535;

/** Names whose "_" and "." spellings reach CGI-style applications as the field itself (HTTP_AUTHORIZATION). */
const SENSITIVE: ReadonlySet<string> = new Set([
  "authorization",
  "content-length",
  "content-type",
  "cookie",
  "host",
  "origin",
  "remote-user",
  "via",
  "x-remote-user",
]);

/**
 * True for names such as "x_forwarded_for" that become a security-relevant field when "_" or "." is read
 * as "-". They are dropped from everybody. `lowerName` must be lower case.
 */
export function isIdentityAlias(lowerName: string): boolean {
  for (let i = 0; i < lowerName.length; i++) {
    const code = lowerName.charCodeAt(i);
    if (code === 0x5f || code === 0x2e) return isSensitive(lowerName.replace(/[_.]/g, "-"));
  }
  return false;
}

function isSensitive(lowerName: string): boolean {
  return isIdentityHeader(lowerName) || isHopByHop(lowerName) || SENSITIVE.has(lowerName);
}

export interface ClientAddressInput {
  /** Normalised address of the TCP peer, "" on a unix socket. */
  readonly peer: string;
  /** All X-Forwarded-For lines joined by ", ". */
  readonly forwardedFor: string | undefined;
  readonly isTrusted: (ip: string) => boolean;
}

export interface ClientAddress {
  readonly ip: string;
  /** Entries of X-Forwarded-For that were believed, counted from the right. */
  readonly hops: number;
}

/**
 * The address all features agree on. Every proxy appends the peer it saw, so entries are believed from
 * the right, as long as who wrote them is trusted; anything further left is the client's own claim.
 */
export function clientAddress({ peer, forwardedFor, isTrusted }: ClientAddressInput): ClientAddress {
  let ip = peer;
  let hops = 0;
  if (forwardedFor === undefined) return { ip, hops };
  let end = forwardedFor.length;
  while (end >= 0 && hops < FORWARDED_HOP_LIMIT && isTrusted(ip)) {
    const commaAt = end === 0 ? -1 : forwardedFor.lastIndexOf(",", end - 1);
    const entry = parseForwardedEntry(trimOws(forwardedFor.slice(commaAt + 1, end)));
    if (entry === undefined) break;
    ip = entry;
    hops += 1;
    end = commaAt;
  }
  return { ip, hops };
}

/** The address of "1.2.3.4", "1.2.3.4:567", "::1", "[::1]" or "[::1]:8"; undefined for names and obfuscated nodes. */
function parseForwardedEntry(entry: string): string | undefined {
  if (entry.charCodeAt(0) === 0x5b) {
    const closeAt = entry.indexOf("]");
    const address = entry.slice(1, closeAt);
    if (closeAt < 0 || !address.includes(":")) return undefined;
    if (closeAt + 1 === entry.length) return normalizeIp(address);
    return isPortAt(entry, closeAt + 1) ? normalizeIp(address) : undefined;
  }
  const colonAt = entry.indexOf(":");
  if (colonAt < 0 || entry.indexOf(":", colonAt + 1) >= 0) return normalizeIp(entry);
  return isPortAt(entry, colonAt) ? normalizeIp(entry.slice(0, colonAt)) : undefined;
}

function isPortAt(text: string, colonAt: number): boolean {
  return text.charCodeAt(colonAt) === 0x3a && isPort(text.slice(colonAt + 1));
}

function isPort(text: string): boolean {
  return /^[1-9]\d{0,4}$/.test(text) && Number(text) <= MAX_PORT;
}

export interface ForwardedInput {
  /** Normalised address of the TCP peer, "" on a unix socket. */
  readonly peer: string;
  /** True if the peer's own claims count. */
  readonly trusted: boolean;
  /** X-Forwarded-* as received. */
  readonly forwardedFor?: string | undefined;
  readonly proto?: string | undefined;
  readonly host?: string | undefined;
  readonly port?: string | undefined;
  readonly scheme: "http" | "https";
  /** Validated Host field, "" without one. */
  readonly authority: string;
  /** Port of the listener, 0 on a unix socket. */
  readonly localPort: number;
  /** From clientAddress. */
  readonly hops: number;
}

/** Values to send; "" means the field is not sent. */
export interface ForwardedFields {
  readonly forwardedFor: string;
  readonly proto: string;
  readonly host: string;
  readonly port: string;
}

/**
 * What the upstream is told. A trusted peer's values are kept if they are well-formed; of its
 * X-Forwarded-For only the believed entries, so that an upstream that reads the leftmost one is right too.
 *
 * Caller must remove the received fields first.
 */
export function forwardedFields(input: ForwardedInput): ForwardedFields {
  if (!input.trusted) {
    return {
      forwardedFor: input.peer,
      proto: input.scheme,
      host: input.authority,
      port: ownPort(input),
    };
  }
  const proto = validProto(input.proto);
  const claimedHost = input.host === undefined ? undefined : parseAuthority(input.host);
  return {
    forwardedFor: appendPeer(believedEntries(input.forwardedFor, input.hops), input.peer),
    proto: proto ?? input.scheme,
    host: claimedHost === undefined || input.host === undefined ? input.authority : input.host,
    port: trustedPort(input, proto, claimedHost?.port),
  };
}

function believedEntries(forwardedFor: string | undefined, hops: number): string {
  if (forwardedFor === undefined || hops === 0) return "";
  let start = forwardedFor.length;
  for (let i = 0; i < hops && start >= 0; i++) {
    start = start === 0 ? -1 : forwardedFor.lastIndexOf(",", start - 1);
  }
  return trimOws(forwardedFor.slice(start + 1));
}

function appendPeer(entries: string, peer: string): string {
  if (entries === "") return peer;
  return peer === "" ? entries : `${entries}, ${peer}`;
}

function validProto(proto: string | undefined): string | undefined {
  if (proto === undefined) return undefined;
  const lower = proto.toLowerCase();
  switch (lower) {
    case "http":
    case "https":
    case "ws":
    case "wss":
      return lower;
    default:
      return undefined;
  }
}

/**
 * Without X-Forwarded-Port the port belongs to the scheme and host the peer named: our own listener's
 * port beside its "https" would send clients to https://host:8080.
 */
function trustedPort(input: ForwardedInput, proto: string | undefined, hostPort: number | undefined): string {
  if (input.port !== undefined && isPort(input.port)) return input.port;
  if (hostPort !== undefined) return String(hostPort);
  return proto === undefined ? ownPort(input) : defaultPort(proto);
}

function ownPort({ localPort, authority, scheme }: ForwardedInput): string {
  if (localPort > 0) return String(localPort);
  const port = parseAuthority(authority)?.port;
  return port === undefined ? defaultPort(scheme) : String(port);
}

function defaultPort(proto: string): string {
  return proto === "https" || proto === "wss" ? "443" : "80";
}

/** The Via field to send: what was received, then the protocol version it came with and our pseudonym. */
export function viaValue(received: string | undefined, version: "1.1" | "1.0"): string {
  const own = version === "1.1" ? "1.1 ophid" : "1.0 ophid";
  return received === undefined || received === "" ? own : `${received}, ${own}`;
}

/**
 * How often a message has passed a proxy of this name. Quotes and comments are not interpreted: an
 * unclosed one sent by a client would hide our entries to the right of it and with them the loop.
 */
export function countOwnVia(value: string | undefined, pseudonym: string = PSEUDONYM): number {
  if (value === undefined || value === "") return 0;
  let count = 0;
  for (const element of value.split(",")) {
    const received = trimOws(element);
    const nameAt = received.search(/[ \t]/);
    if (nameAt < 0) continue;
    const [name = ""] = trimOws(received.slice(nameAt)).split(/[ \t(]/, 1);
    if (name.toLowerCase() === pseudonym) count += 1;
  }
  return count;
}
