/** Host fields: `hostname[:port]` and nothing else (RFC 9110 7.2, stricter than RFC 3986 authority). */

import { isIpv4, normalizeIp } from "./ip.ts";

export interface Authority {
  /** Lower case, without trailing dot; IPv6 in its one spelling and without brackets. */
  readonly hostname: string;
  readonly port: number | undefined;
}

const MAX_HOSTNAME_LENGTH = 253;
const MAX_LABEL_LENGTH = 63;
const MAX_PORT = 65_535;

/** A last label like these makes URL parsers read the whole name as an IPv4 number ("127.1", "0x7f.1"). */
const NUMERIC_LABEL = /(?:^|\.)(?:\d+|0x[0-9a-f]*)$/;

const INVALID = 0;
const LETTER_OR_HYPHEN = 1;
const UPPER_CASE = 2;
const DIGIT = 3;

const HOST_CHARACTERS = hostCharacters();

/**
 * Undefined for anything that two parsers could read differently: user info, paths, lists, spaces,
 * escapes, non-ASCII. Names are matched, logged and forwarded by this one reading.
 */
export function parseAuthority(text: string): Authority | undefined {
  if (text.charCodeAt(0) === 0x5b) return parseBracketed(text);
  const length = text.length;
  let labelStart = 0;
  let hasUpperCase = false;
  let hasDigitAtLabelStart = false;
  let end = 0;
  for (; end < length; end++) {
    const code = text.charCodeAt(end);
    if (code === 0x3a) break;
    if (code === 0x2e) {
      if (end === labelStart || end - labelStart > MAX_LABEL_LENGTH) return undefined;
      labelStart = end + 1;
      continue;
    }
    const kind = code < 128 ? HOST_CHARACTERS[code] : INVALID;
    if (kind === INVALID) return undefined;
    if (kind === UPPER_CASE) hasUpperCase = true;
    else if (kind === DIGIT && end === labelStart) hasDigitAtLabelStart = true;
  }
  if (end - labelStart > MAX_LABEL_LENGTH) return undefined;
  // One trailing dot names the DNS root; a name without any label is no name.
  const nameEnd = end === labelStart ? end - 1 : end;
  if (nameEnd <= 0 || nameEnd > MAX_HOSTNAME_LENGTH) return undefined;
  const name = nameEnd === length ? text : text.slice(0, nameEnd);
  const hostname = hasUpperCase ? name.toLowerCase() : name;
  if (hasDigitAtLabelStart && NUMERIC_LABEL.test(hostname) && !isIpv4(hostname)) return undefined;
  return withPort(hostname, text, end);
}

/** The text of an authority; IPv6 gets its brackets back. */
export function formatAuthority(hostname: string, port: number | undefined): string {
  const host = hostname.includes(":") ? `[${hostname}]` : hostname;
  return port === undefined ? host : `${host}:${port}`;
}

function parseBracketed(text: string): Authority | undefined {
  const closeAt = text.indexOf("]");
  const address = text.slice(1, closeAt);
  // A zone ("%eth0") means something on this host only and is not part of the Host grammar.
  if (closeAt < 0 || !address.includes(":") || address.includes("%")) return undefined;
  const hostname = normalizeIp(address);
  return hostname === undefined ? undefined : withPort(hostname, text, closeAt + 1);
}

/** Reads the rest of the text after the host: nothing, ":" (RFC 3986 allows an empty port) or ":port". */
function withPort(hostname: string, text: string, end: number): Authority | undefined {
  const digits = text.length - end - 1;
  if (digits < 0) return { hostname, port: undefined };
  if (text.charCodeAt(end) !== 0x3a || digits > 5) return undefined;
  if (digits === 0) return { hostname, port: undefined };
  let port = 0;
  for (let i = end + 1; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x30 || code > 0x39) return undefined;
    port = port * 10 + code - 0x30;
    if (port === 0) return undefined;
  }
  return port <= MAX_PORT ? { hostname, port } : undefined;
}

function hostCharacters(): Uint8Array {
  const table = new Uint8Array(128);
  for (const character of "abcdefghijklmnopqrstuvwxyz-_") table[character.charCodeAt(0)] = LETTER_OR_HYPHEN;
  for (const character of "ABCDEFGHIJKLMNOPQRSTUVWXYZ") table[character.charCodeAt(0)] = UPPER_CASE;
  for (const character of "0123456789") table[character.charCodeAt(0)] = DIGIT;
  return table;
}
