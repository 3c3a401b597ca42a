/** Addresses as people write them: where to listen, where endpoints are, which hosts a route answers. */

import { err, ok, type Result } from "../lib/result.ts";
import { parseAuthority } from "../net/authority.ts";
import { normalizeIp } from "../net/ip.ts";
import type { Complaint } from "./scalar.ts";

export type Listener =
  | { readonly kind: "tcp"; readonly hostname: string; readonly port: number }
  | { readonly kind: "unix"; readonly path: string };

export type Endpoint =
  | {
      readonly kind: "tcp";
      readonly scheme: "http" | "https";
      readonly hostname: string;
      readonly port: number;
    }
  | { readonly kind: "unix"; readonly path: string };

export const LISTENER_EXPECTED = '"0.0.0.0:80", ":8080" (all addresses), "[::1]:8080" or "unix:/path"';
export const ENDPOINT_EXPECTED = '"localhost:3000", "http://host:port", "https://host" or "unix:/path"';
export const HOST_EXPECTED = '"example.com", "*.example.com" or "*"';

/** sun_path holds 108 bytes with its final NUL (unix(7)); the kernel cuts longer names silently on some systems. */
const MAX_UNIX_PATH_BYTES = 107;
/** A listener is bound beside its path first, under a name with a dot and a pid of up to 7 digits more. */
const MAX_LISTENER_PATH_BYTES = MAX_UNIX_PATH_BYTES - 8;

/** One dual-stack socket: IPv4 and IPv6. */
const ALL_ADDRESSES = "::";

export function parseListener(text: string): Result<Listener, Complaint> {
  if (text.startsWith("unix:")) return parseUnix(text, MAX_LISTENER_PATH_BYTES);
  const { scheme, rest } = splitScheme(text);
  if (scheme !== undefined && scheme !== "http" && scheme !== "https") return unknownScheme();
  const defaultPort = scheme === undefined ? undefined : scheme === "http" ? 80 : 443;
  const authority = scheme === undefined ? rest : rest.replace(/\/$/, "");
  if (/^:[^:]*$/.test(authority)) {
    const port = parseAuthority(`localhost${authority}`)?.port;
    return port === undefined ? badPort() : ok({ kind: "tcp", hostname: ALL_ADDRESSES, port });
  }
  const parsed = parseAuthority(authority);
  if (parsed === undefined) {
    if (/^\d{1,5}$/.test(authority)) return err({ state: "it has no colon", hint: `Write ":${authority}"` });
    if (authority.startsWith("*:")) {
      return err({ state: "it is not an address", hint: `Write "${authority.slice(1)}" for all addresses` });
    }
    return err({ state: "it is not an address", hint: bracketHint(authority) });
  }
  const port = parsed.port ?? defaultPort;
  return port === undefined ? noPort(authority) : ok({ kind: "tcp", hostname: parsed.hostname, port });
}

export function parseEndpoint(text: string): Result<Endpoint, Complaint> {
  if (text.startsWith("unix:")) return parseUnix(text, MAX_UNIX_PATH_BYTES);
  const { scheme, rest } = splitScheme(text);
  if (scheme === "ws" || scheme === "wss") {
    return err({
      state: "WebSockets use the endpoint's http address",
      hint: `Write "${scheme === "ws" ? "http" : "https"}://…"`,
    });
  }
  if (scheme !== undefined && scheme !== "http" && scheme !== "https") return unknownScheme();
  const authority = scheme === undefined ? rest : rest.replace(/\/$/, "");
  if (/[/?#]/.test(authority)) {
    return err({ state: "it has a path", hint: 'Use add_prefix = "/path" on the route' });
  }
  if (authority.includes("@")) {
    return err({ state: "it has a user name", hint: "Set the Authorization field with add_headers" });
  }
  const parsed = parseAuthority(authority);
  if (parsed === undefined) return err({ state: "it is not an address", hint: bracketHint(authority) });
  const defaultPort = scheme === undefined ? undefined : scheme === "http" ? 80 : 443;
  const port = parsed.port ?? defaultPort;
  if (port === undefined) return noPort(authority);
  return ok({ kind: "tcp", scheme: scheme ?? "http", hostname: parsed.hostname, port });
}

/** A hostname in lower case without trailing dot, "*.suffix" or "*". */
export function parseHostPattern(text: string): Result<string, Complaint> {
  if (text === "*") return ok(text);
  if (text.includes("://")) return err({ state: "it is a URL", hint: "Write the host alone" });
  const isWildcard = text.startsWith("*.");
  const name = toAscii(isWildcard ? text.slice(2) : text);
  if (name.includes("*")) return err({ state: 'a "*" can stand for the first labels only' });
  const parsed = parseAuthority(name);
  if (parsed === undefined) return err({ state: "it is not a hostname", hint: bracketHint(name) });
  if (name.replace(/^\[.*\]/, "").includes(":")) {
    return err({
      state: "it has a port",
      hint: "Routes match the host alone; ports belong to general.listen",
    });
  }
  if (!isWildcard) return ok(parsed.hostname);
  if (normalizeIp(parsed.hostname) !== undefined) return err({ state: "an address has no subdomains" });
  return ok(`*.${parsed.hostname}`);
}

/** `hostname[:port]` as it may stand in a Host field. */
export function parseHostField(text: string): Result<string, Complaint> {
  return parseAuthority(text) === undefined ? err({ state: "it is not a host" }) : ok(text);
}

function parseUnix(
  text: string,
  maxBytes: number,
): Result<{ readonly kind: "unix"; readonly path: string }, Complaint> {
  const path = text.slice("unix:".length).replace(/^\/\/(?=\/)/, "");
  if (!path.startsWith("/")) return err({ state: "the socket path is not absolute" });
  if (path.includes("\0") || path.endsWith("/")) return err({ state: "the socket path is not a file" });
  if (new TextEncoder().encode(path).length > maxBytes) {
    return err({ state: `the socket path is longer than ${maxBytes} bytes` });
  }
  return ok({ kind: "unix", path });
}

interface Split {
  readonly scheme: string | undefined;
  readonly rest: string;
}

function splitScheme(text: string): Split {
  const match = /^([A-Za-z][A-Za-z0-9+.-]*):\/\//.exec(text);
  if (match === null) return { scheme: undefined, rest: text };
  return { scheme: match[1]?.toLowerCase(), rest: text.slice(match[0].length) };
}

/** Names in other scripts are routed by the form browsers send (RFC 5891). */
function toAscii(name: string): string {
  if (/^[\x21-\x7e]*$/.test(name) || /[\x00-\x20\x7f]/.test(name)) return name;
  return URL.parse(`http://${name}/`)?.host ?? name;
}

function bracketHint(authority: string): string | undefined {
  const colons = authority.split(":").length - 1;
  return colons > 1 && !authority.startsWith("[")
    ? 'Write IPv6 addresses in brackets: "[::1]:8080"'
    : undefined;
}

function unknownScheme() {
  return err({ state: "there is no such scheme" });
}

function badPort() {
  return err({ state: "the port is not a number from 1 to 65535" });
}

function noPort(authority: string) {
  return err({ state: "it has no port", hint: `Write "${authority.replace(/:$/, "")}:80" for port 80` });
}
