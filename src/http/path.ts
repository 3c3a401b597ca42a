/** The canonical path everything decides on, and the rewriting of the raw path that is forwarded. */

/**
 * Finds what needs a closer look: anything but visible ASCII, characters with a meaning (# % ; ? \), and
 * segments that are empty or start with a dot. A compiled expression takes half the time of a loop over
 * character codes.
 */
const UNUSUAL = /[^!"$&-:<->@-[\]-~]|\/[/.]/;
/** Never sent by a correct client: controls, space, non-ASCII, a backslash, a fragment, a query out of place. */
const FORBIDDEN = /[^!-~]|[\\#?]/;
/** What every dot segment needs: a dot where a segment starts, or an escape. */
const DOT_HINT = /(?:^|[/\\])\.|%/;
const UNRESERVED = /^[A-Za-z0-9._~-]$/;

/**
 * The path as router, guards, cache key and log read it, or undefined if it must be answered with 400.
 * Unreserved escapes are decoded, other escapes upper-cased, "//" collapsed, dot segments resolved.
 *
 * Upstreams disagree on two readings, so paths where the reading decides are refused: "%2F" and "%5C"
 * as separators ("/public/..%2Fadmin") and parameters cut off a segment ("/public/..;x/admin").
 * A path that needs no work is returned as it is, after one scan.
 */
export function canonicalPath(rawPath: string): string | undefined {
  if (rawPath.charCodeAt(0) !== 0x2f) return undefined;
  if (!UNUSUAL.test(rawPath)) return rawPath;
  return FORBIDDEN.test(rawPath) ? undefined : canonicalize(rawPath);
}

/** True if the prefix covers the path on a segment boundary: "/api" covers "/api" and "/api/x", not "/apix". */
export function matchesPrefix(path: string, prefix: string): boolean {
  if (!path.startsWith(prefix)) return false;
  if (path.length === prefix.length || path.charCodeAt(prefix.length) === 0x2f) return true;
  return prefix.endsWith("/");
}

export interface RewriteInput {
  /** Path and query as received. */
  readonly target: string;
  /** Canonical path of the target. */
  readonly path: string;
  /** Query with its "?", or "". */
  readonly query: string;
  /** "" or a canonical path. */
  readonly stripPrefix: string;
  /** "" or a canonical path. */
  readonly addPrefix: string;
}

/**
 * The target to forward. The prefix is cut from the received bytes where they spell it out, so that
 * the rest stays as the client sent it. Undefined (400) if the result has a dot segment: what was
 * inside the prefix when the route matched could leave it at the upstream.
 */
export function rewriteTarget(input: RewriteInput): string | undefined {
  if (input.stripPrefix === "" && input.addPrefix === "") return input.target;
  const queryAt = input.target.indexOf("?");
  const rawPath = queryAt < 0 ? input.target : input.target.slice(0, queryAt);
  if (rawPath.charCodeAt(0) !== 0x2f) return undefined;
  const strip = withoutTrailingSlash(input.stripPrefix);
  const rest = cutPrefix(rawPath, strip) ?? cutPrefix(input.path, strip) ?? rawPath;
  const path = withoutTrailingSlash(input.addPrefix) + rest;
  if (hasDotSegment(path)) return undefined;
  return (path === "" ? "/" : path) + input.query;
}

/**
 * True if a segment reads as "." or ".." to anybody: escaped dots count, parameters are cut off, and
 * "%2F" and "%5C" separate. The start of the text is the start of a segment.
 */
export function hasDotSegment(text: string): boolean {
  if (!DOT_HINT.test(text)) return false;
  if (isDotSegmentAt(text, 0)) return true;
  for (let i = 0; i < text.length; i++) {
    const size = separatorLength(text, i);
    if (size > 0 && isDotSegmentAt(text, i + size)) return true;
  }
  return false;
}

function canonicalize(rawPath: string): string | undefined {
  const decoded = rawPath.includes("%") ? normalizeEscapes(rawPath) : rawPath;
  if (decoded === undefined) return undefined;
  const segments: string[] = [];
  const parts = decoded.split("/");
  let endsWithSlash = false;
  for (let i = 1; i < parts.length; i++) {
    const part = parts[i] as string;
    endsWithSlash = part === "" || part === "." || part === "..";
    if (part === "" || part === ".") continue;
    if (part === "..") {
      if (segments.pop() === undefined) return undefined;
    } else if (hasDotSegment(part)) {
      return undefined;
    } else {
      segments.push(part);
    }
  }
  const path = `/${segments.join("/")}`;
  return endsWithSlash && segments.length > 0 ? `${path}/` : path;
}

/**
 * Decodes unreserved escapes and upper-cases the others; undefined for NUL. A decoded character must not
 * complete an escape with a stray "%" before it ("%%34%31" would become "%41"), or the result would
 * mean something else on the second reading; such an escape stays.
 */
function normalizeEscapes(rawPath: string): string | undefined {
  let text = "";
  let copiedTo = 0;
  for (let at = rawPath.indexOf("%"); at >= 0; at = rawPath.indexOf("%", at + 1)) {
    const value = escapedByte(rawPath, at);
    if (value < 0) continue;
    if (value === 0) return undefined;
    text += rawPath.slice(copiedTo, at);
    const character = String.fromCharCode(value);
    const decodes = UNRESERVED.test(character) && !endsWithStrayPercent(text);
    text += decodes ? character : rawPath.slice(at, at + 3).toUpperCase();
    copiedTo = at + 3;
    at += 2;
  }
  return text + rawPath.slice(copiedTo);
}

/** True if the last one or two characters begin an escape that is not complete. */
function endsWithStrayPercent(text: string): boolean {
  const length = text.length;
  if (text.charCodeAt(length - 1) === 0x25) return true;
  return text.charCodeAt(length - 2) === 0x25 && hexDigit(text.charCodeAt(length - 1)) >= 0;
}

function isDotSegmentAt(text: string, start: number): boolean {
  let i = start;
  let dots = 0;
  for (let size = dotLength(text, i); size > 0; size = dotLength(text, i)) {
    dots += 1;
    if (dots > 2) return false;
    i += size;
  }
  if (dots === 0) return false;
  return i === text.length || text.charCodeAt(i) === 0x3b || separatorLength(text, i) > 0;
}

/** 1 for ".", 3 for "%2E", else 0. */
function dotLength(text: string, at: number): number {
  const code = text.charCodeAt(at);
  if (code === 0x2e) return 1;
  return code === 0x25 && escapedByte(text, at) === 0x2e ? 3 : 0;
}

/** 1 for "/" and "\", 3 for "%2F" and "%5C", else 0. */
function separatorLength(text: string, at: number): number {
  const code = text.charCodeAt(at);
  if (code === 0x2f || code === 0x5c) return 1;
  if (code !== 0x25) return 0;
  const value = escapedByte(text, at);
  return value === 0x2f || value === 0x5c ? 3 : 0;
}

/** The byte of the escape at "%", or -1 if it is none. */
function escapedByte(text: string, at: number): number {
  const high = hexDigit(text.charCodeAt(at + 1));
  const low = hexDigit(text.charCodeAt(at + 2));
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  if (code >= 0x41 && code <= 0x46) return code - 0x37;
  if (code >= 0x61 && code <= 0x66) return code - 0x57;
  return -1;
}

/** The path after the prefix, with exactly one slash in front if anything is left; undefined without the prefix. */
function cutPrefix(path: string, prefix: string): string | undefined {
  if (!matchesPrefix(path, prefix)) return undefined;
  let start = prefix.length;
  // "/api//host" must not become "//host", which URL parsers read as an authority.
  if (prefix !== "") while (path.charCodeAt(start + 1) === 0x2f) start += 1;
  return path.slice(start);
}

function withoutTrailingSlash(prefix: string): string {
  return prefix.endsWith("/") ? prefix.slice(0, -1) : prefix;
}
