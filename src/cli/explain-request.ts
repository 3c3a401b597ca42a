/** What a person types for a request, as the record the router looks at. */

import { canonicalPath } from "../http/path.ts";
import { getHeader } from "../http/headers.ts";
import { isFieldValue, isToken, trimOws } from "../http/token.ts";
import { err, ok, type Result } from "../lib/result.ts";
import { parseAuthority } from "../net/authority.ts";
import type { RouteRequest } from "../router/matcher.ts";
import { type Failure, wrong } from "./failure.ts";

export interface TypedRequest {
  /** With or without "http://". */
  readonly url: string;
  readonly method: string | undefined;
  /** "Name: value" each. */
  readonly headers: readonly string[];
}

const URL_PARTS = /^(?:(?:https?|wss?):\/\/)?([^/?#]*)([^?#]*)(\?[^#]*)?(?:#.*)?$/i;

/** A Host field wins over the host of the URL, as on the wire. */
export function toRouteRequest(typed: TypedRequest): Result<RouteRequest, Failure> {
  const headers = parseHeaders(typed.headers);
  if (!headers.ok) return headers;
  const [, urlHost = "", rawPath = "", query = ""] = URL_PARTS.exec(typed.url) ?? [];
  const hostField = getHeader(headers.value, "host") ?? toAscii(urlHost);
  const authority = parseAuthority(hostField);
  if (authority === undefined) {
    return err(wrong(`Cannot read the host "${hostField}"`, 'Write a URL such as "http://example.com/path"'));
  }
  // Browsers and HTTP libraries escape the same characters before they send.
  const path = canonicalPath(escapeUnsent(rawPath === "" ? "/" : rawPath));
  if (path === undefined) {
    return err(wrong(`Cannot route the path "${rawPath}": the proxy answers it with 400`));
  }
  const method = typed.method ?? "GET";
  if (!isToken(method)) return err(wrong(`Cannot read the method "${method}"`));
  return ok({ host: authority.hostname, path, method, headers: headers.value, query: escapeUnsent(query) });
}

function parseHeaders(lines: readonly string[]): Result<string[], Failure> {
  const headers: string[] = [];
  for (const line of lines) {
    const colon = line.indexOf(":");
    const name = line.slice(0, Math.max(0, colon)).toLowerCase();
    const value = trimOws(line.slice(colon + 1));
    if (!isToken(name) || !isFieldValue(value)) {
      return err(wrong(`Cannot read the header "${line}"`, 'Write "Name: value"'));
    }
    headers.push(name, value);
  }
  return ok(headers);
}

function escapeUnsent(text: string): string {
  return text.replace(/[^!-~]+/g, (run) => encodeURIComponent(run.toWellFormed()));
}

/** Names in other scripts are sent in their ASCII form (RFC 5891). */
function toAscii(host: string): string {
  if (/^[\x21-\x7e]*$/.test(host)) return host;
  return URL.parse(`http://${host}/`)?.host ?? host;
}
