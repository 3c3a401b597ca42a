/** Fields that belong to one connection and must not be forwarded (RFC 9110 7.6.1). */

import { isIdentityHeader } from "./identity.ts";
import { isToken, trimOws } from "./token.ts";

/** Distinct names one Connection field may nominate; a message has fewer fields than that. */
const NOMINATED_LIMIT = 256;

const NONE: readonly string[] = [];

/**
 * Fields meant for every recipient. Nominating one is invalid (RFC 9110 7.6.1) and an attack: a client would
 * take away what the proxy or a proxy before it has set.
 */
const PROTECTED: ReadonlySet<string> = new Set([
  "accept",
  "age",
  "authorization",
  "cache-control",
  "cookie",
  "date",
  "early-data",
  "etag",
  "expect",
  "expires",
  "host",
  "last-modified",
  "location",
  "max-forwards",
  "origin",
  "pragma",
  "range",
  "referer",
  "retry-after",
  "server",
  "set-cookie",
  "traceparent",
  "tracestate",
  "user-agent",
  "vary",
  "via",
  "www-authenticate",
  "x-request-id",
]);

/** True for the fields every proxy removes. `lowerName` must be lower case. */
export function isHopByHop(lowerName: string): boolean {
  switch (lowerName.length) {
    case 2:
      return lowerName === "te";
    case 7:
      return lowerName === "upgrade" || lowerName === "trailer";
    case 10:
      return lowerName === "connection" || lowerName === "keep-alive";
    case 14:
      return lowerName === "http2-settings";
    case 16:
      return lowerName === "proxy-connection";
    case 17:
      return lowerName === "transfer-encoding";
    case 18:
      return lowerName === "proxy-authenticate";
    case 19:
      return lowerName === "proxy-authorization";
    default:
      return false;
  }
}

/**
 * The further fields a Connection value nominates for removal, in lower case. Names that isHopByHop knows
 * are left out, and so are names a peer must not take away.
 */
export function connectionTokens(value: string): readonly string[] {
  switch (value) {
    case "keep-alive":
    case "Keep-Alive":
    case "close":
    case "Close":
    case "upgrade":
    case "Upgrade":
    case "keep-alive, Upgrade":
    case "Keep-Alive, Upgrade":
    case "":
      return NONE;
    default:
      return nominatedNames(value);
  }
}

function nominatedNames(value: string): readonly string[] {
  const names = new Set<string>();
  for (const element of value.split(",")) {
    const name = trimOws(element).toLowerCase();
    if (!isToken(name) || isHopByHop(name) || name === "close" || isProtected(name)) continue;
    names.add(name);
    if (names.size === NOMINATED_LIMIT) break;
  }
  return names.size === 0 ? NONE : [...names];
}

function isProtected(lowerName: string): boolean {
  if (PROTECTED.has(lowerName) || isIdentityHeader(lowerName)) return true;
  return (
    lowerName.startsWith("content-") ||
    lowerName.startsWith("sec-") ||
    lowerName.startsWith("if-") ||
    lowerName.startsWith("access-control-")
  );
}
