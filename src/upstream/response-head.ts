/** Strict parser for the head of an HTTP/1.x response (RFC 9112 4 and 5). */

import { connectionTokens } from "../http/hop-by-hop.ts";
import type { MutableHeaderList } from "../http/headers.ts";

/** Bytes of a response head, status line included. */
export const MAX_RESPONSE_HEAD_BYTES = 64 * 1024;
/** Fields in a response head. */
export const MAX_RESPONSE_FIELDS = 256;

export type Framing =
  | { readonly kind: "none" }
  | { readonly kind: "length"; readonly length: number }
  | { readonly kind: "chunked" }
  | { readonly kind: "close" };

export interface ResponseHead {
  readonly status: number;
  /** End-to-end fields in order, as sent; no hop-by-hop fields and no Content-Length. */
  readonly headers: MutableHeaderList;
  /** Content-Length as sent, also where no body follows (HEAD, 304). */
  readonly length: number | undefined;
  readonly framing: Framing;
  /** The connection may carry another request after this response. */
  readonly reusable: boolean;
  /** Seconds of a `Keep-Alive: timeout=` field. */
  readonly keepAliveSeconds: number | undefined;
  /** Value of the Upgrade field of a 101. */
  readonly upgrade: string | undefined;
  readonly contentType: string | undefined;
}

export type HeadResult =
  | { readonly kind: "head"; readonly head: ResponseHead }
  | { readonly kind: "error"; readonly detail: string };

const NO_BODY: Framing = { kind: "none" };
const CHUNKED: Framing = { kind: "chunked" };
const UNTIL_CLOSE: Framing = { kind: "close" };

/** 1 for characters of a token (RFC 9110 5.6.2). */
const TOKEN = new Uint8Array(256);
for (const char of "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") {
  TOKEN[char.charCodeAt(0)] = 1;
}
/** 1 for characters allowed in a field value: HTAB, SP, VCHAR, obs-text. */
const VALUE = new Uint8Array(256).fill(1, 32);
VALUE[9] = 1;
VALUE[127] = 0;

/** Fields collected while the lines are read; what framing is decided from. */
interface Collected {
  length: number | undefined;
  chunked: boolean;
  close: boolean;
  keepAlive: boolean;
  nominated: readonly string[];
  keepAliveSeconds: number | undefined;
  upgrade: string | undefined;
  contentType: string | undefined;
  problem: string | undefined;
}

const NOTHING: readonly string[] = [];

/**
 * Parses `text`: the head as latin1 without its final CRLF CRLF. `method` is the request's, since a
 * response to HEAD has no body whatever it says.
 */
export function parseResponseHead(text: string, method: string): HeadResult {
  const minor = text.charCodeAt(7) - 48;
  const status = parseStatus(text, minor);
  if (status < 0) return fail("malformed status line");
  const seen: Collected = {
    length: undefined,
    chunked: false,
    close: false,
    keepAlive: false,
    nominated: NOTHING,
    keepAliveSeconds: undefined,
    upgrade: undefined,
    contentType: undefined,
    problem: undefined,
  };
  const headers: MutableHeaderList = [];
  let at = text.indexOf("\r\n");
  if (at < 0) at = text.length;
  for (let i = 12; i < at; i++) {
    if (VALUE[text.charCodeAt(i)] !== 1) return fail("control character in the status line");
  }
  while (at < text.length) {
    const start = at + 2;
    let end = text.indexOf("\r\n", start);
    if (end < 0) end = text.length;
    const problem = parseField(text, start, end, headers, seen);
    if (problem !== undefined) return fail(problem);
    if (headers.length > MAX_RESPONSE_FIELDS * 2) return fail("too many fields");
    at = end;
  }
  if (seen.nominated.length > 0) removeNominated(headers, seen.nominated);
  const framing = decideFraming(method, status, seen, minor);
  if (framing === undefined) return fail("Content-Length and Transfer-Encoding together");
  const persistent = minor === 1 ? !seen.close : seen.keepAlive && !seen.close;
  return {
    kind: "head",
    head: {
      status,
      headers,
      length: seen.length,
      framing,
      reusable: persistent && framing.kind !== "close",
      keepAliveSeconds: seen.keepAliveSeconds,
      upgrade: seen.upgrade,
      contentType: seen.contentType,
    },
  };
}

function fail(detail: string): HeadResult {
  return { kind: "error", detail };
}

/** `HTTP/1.x SP 3DIGIT [SP reason]`; -1 if it is anything else or a status no front can send. */
function parseStatus(text: string, minor: number): number {
  if (!text.startsWith("HTTP/1.") || (minor !== 0 && minor !== 1) || text.charCodeAt(8) !== 32) return -1;
  const a = text.charCodeAt(9) - 48;
  const b = text.charCodeAt(10) - 48;
  const c = text.charCodeAt(11) - 48;
  if (!(a >= 1 && a <= 5 && b >= 0 && b <= 9 && c >= 0 && c <= 9)) return -1;
  const after = text.charCodeAt(12);
  if (!(Number.isNaN(after) || after === 32 || after === 13)) return -1;
  return a * 100 + b * 10 + c;
}

/** Checks one line and files it; returns what is wrong with it, if anything. */
function parseField(
  text: string,
  start: number,
  end: number,
  headers: MutableHeaderList,
  seen: Collected,
): string | undefined {
  let colon = start;
  while (colon < end && TOKEN[text.charCodeAt(colon)] === 1) colon++;
  if (colon === start) return isBlank(text.charCodeAt(start)) ? "folded field line" : "empty field name";
  if (text.charCodeAt(colon) !== 58) return "malformed field name";
  let from = colon + 1;
  while (from < end && isBlank(text.charCodeAt(from))) from++;
  let to = end;
  while (to > from && isBlank(text.charCodeAt(to - 1))) to--;
  for (let i = from; i < to; i++) {
    // Beyond 255 cannot occur: the text was decoded as latin1.
    if (VALUE[text.charCodeAt(i)] !== 1) return "control character in a field value";
  }
  const value = text.substring(from, to);
  const special = specialName(text, start, colon);
  if (special !== undefined && isFiled(special, value, seen)) return seen.problem;
  headers.push(text.substring(start, colon), value);
  return undefined;
}

/** Names that are not simply passed on. */
const SPECIAL_NAMES = [
  "content-length",
  "content-type",
  "transfer-encoding",
  "connection",
  "keep-alive",
  "upgrade",
  "proxy-connection",
  "proxy-authenticate",
  "proxy-authorization",
  "te",
  "trailer",
  "http2-settings",
] as const;

/** By first letter the lengths of the special names, as bits. */
const SPECIAL_LENGTHS = new Int32Array(32);
for (const name of SPECIAL_NAMES) {
  const letter = name.charCodeAt(0) & 31;
  SPECIAL_LENGTHS[letter] = (SPECIAL_LENGTHS[letter] ?? 0) | (1 << name.length);
}

/** Compares in place: a lower-case copy of every name cost more than the rest of the parser (350 ns each). */
function specialName(text: string, start: number, colon: number): string | undefined {
  const length = colon - start;
  const lengths = SPECIAL_LENGTHS[text.charCodeAt(start) & 31] ?? 0;
  if (length > 31 || (lengths & (1 << length)) === 0) return undefined;
  for (const name of SPECIAL_NAMES) {
    if (name.length === length && isNamed(text, start, name)) return name;
  }
  return undefined;
}

function isNamed(text: string, start: number, lowerName: string): boolean {
  for (let i = 0; i < lowerName.length; i++) {
    // Setting the bit folds capitals; no other token character becomes a letter, a digit or "-" by it.
    if ((text.charCodeAt(start + i) | 32) !== lowerName.charCodeAt(i)) return false;
  }
  return true;
}

/** Deals with framing and hop-by-hop fields; true if the field goes no further. */
function isFiled(name: string, value: string, seen: Collected): boolean {
  switch (name) {
    case "content-length":
      seen.problem = fileLength(value, seen);
      return true;
    case "transfer-encoding":
      seen.problem = fileTransferEncoding(value, seen);
      return true;
    case "connection":
      fileConnection(value, seen);
      return true;
    case "keep-alive":
      seen.keepAliveSeconds = parseKeepAlive(value);
      return true;
    case "upgrade":
      seen.upgrade = value;
      return true;
    case "content-type":
      seen.contentType = value;
      return false;
    default:
      return true;
  }
}

function isBlank(code: number): boolean {
  return code === 32 || code === 9;
}

/** RFC 9110 8.6: digits only; a repeated identical value is folded, anything else is a framing error. */
function fileLength(value: string, seen: Collected): string | undefined {
  if (value.length === 0 || value.length > 15) return "invalid Content-Length";
  let length = 0;
  for (let i = 0; i < value.length; i++) {
    const digit = value.charCodeAt(i) - 48;
    if (digit < 0 || digit > 9) return "invalid Content-Length";
    length = length * 10 + digit;
  }
  if (seen.length !== undefined && seen.length !== length) return "contradicting Content-Length fields";
  seen.length = length;
  return undefined;
}

function fileTransferEncoding(value: string, seen: Collected): string | undefined {
  if (seen.chunked || value.toLowerCase() !== "chunked") return "unsupported Transfer-Encoding";
  seen.chunked = true;
  return undefined;
}

function fileConnection(value: string, seen: Collected): void {
  if (value === "keep-alive") {
    seen.keepAlive = true;
    return;
  }
  for (const part of value.toLowerCase().split(",")) {
    const option = part.trim();
    if (option === "close") seen.close = true;
    else if (option === "keep-alive") seen.keepAlive = true;
  }
  const nominated = connectionTokens(value);
  if (nominated.length > 0) seen.nominated = seen.nominated.concat(nominated);
}

function parseKeepAlive(value: string): number | undefined {
  const match = /(?:^|[,\s])timeout=(\d{1,9})/i.exec(value);
  return match?.[1] === undefined ? undefined : Number(match[1]);
}

function removeNominated(headers: MutableHeaderList, nominated: readonly string[]): void {
  let kept = 0;
  for (let i = 0; i < headers.length; i += 2) {
    if (nominated.includes((headers[i] as string).toLowerCase())) continue;
    headers[kept] = headers[i] as string;
    headers[kept + 1] = headers[i + 1] as string;
    kept += 2;
  }
  headers.length = kept;
}

/** RFC 9112 6.3. Undefined when both framings are present: which one holds is what smuggling is made of. */
function decideFraming(method: string, status: number, seen: Collected, minor: number): Framing | undefined {
  if (seen.chunked && (seen.length !== undefined || minor === 0)) return undefined;
  if (method === "HEAD" || status < 200 || status === 204 || status === 304) return NO_BODY;
  if (seen.chunked) return CHUNKED;
  if (seen.length !== undefined) return seen.length === 0 ? NO_BODY : { kind: "length", length: seen.length };
  return UNTIL_CLOSE;
}
