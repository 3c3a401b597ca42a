/** Header names and values in rules and matchers: what a configuration may touch. */

import { isHopByHop } from "../http/hop-by-hop.ts";
import { isFieldValue, isToken, trimOws } from "../http/token.ts";
import { err, ok, type Result } from "../lib/result.ts";
import { describeType } from "./diagnostic.ts";
import type { Tree } from "./path.ts";
import { type Complaint, readText } from "./scalar.ts";
import { leaf, type Refusal } from "./schema-library.ts";

/** A name as written and its value. */
export type Field = readonly [name: string, value: string];

export const MAX_FIELDS = 64;
const MAX_NAME_CHARS = 128;
const MAX_VALUE_CHARS = 8192;

const NAME_EXPECTED = 'a field name such as "X-Frame-Options"';
const VALUE_EXPECTED = `a field value of at most ${MAX_VALUE_CHARS} printable characters`;

type Direction = "request" | "response";

/**
 * Written by the proxy itself after all rules. A rule on them would either be undone or, worse, break framing
 * (request smuggling, RFC 9112 11.2) or forge the client's identity.
 */
const OWNED: ReadonlyMap<string, string> = new Map([
  ["content-length", "the length follows from the body"],
  ["via", "the proxy sets it"],
  ["forwarded", "the proxy sets it from trusted_proxies"],
  ["sec-websocket-accept", "it belongs to the WebSocket handshake"],
  ["sec-websocket-key", "it belongs to the WebSocket handshake"],
  ["sec-websocket-version", "it belongs to the WebSocket handshake"],
  ["sec-websocket-extensions", "it belongs to the WebSocket handshake"],
]);

/** `{ "X-Name" = "value" }` for `set`, `add` and `add_headers`. */
export function fieldTable(direction: Direction) {
  return leaf<readonly Field[]>((input) =>
    readEntries(input, (name, value) => {
      const refused = refuseName(name, direction);
      if (refused !== undefined) return err({ ...refused, part: "key" });
      const parsedValue = readText(value, VALUE_EXPECTED, parseValue);
      return parsedValue.ok ? ok([name, parsedValue.value]) : parsedValue;
    }),
  );
}

/** `["X-Name"]` for `remove`. */
export function nameList(direction: Direction) {
  return leaf<readonly string[]>((input) => {
    if (!Array.isArray(input)) {
      return err({ state: `it is ${describeType(input)}`, expected: "a list of field names" });
    }
    const names: string[] = [];
    const refusals: Refusal[] = [];
    for (const [index, item] of input.slice(0, MAX_FIELDS).entries()) {
      const refused =
        typeof item === "string"
          ? refuseName(item, direction)
          : { state: `it is ${describeType(item)}`, expected: NAME_EXPECTED };
      if (refused === undefined) names.push(item);
      else refusals.push({ ...refused, path: [index] });
    }
    if (input.length > MAX_FIELDS) refusals.push(tooMany());
    return refusals.length === 0 ? ok(names) : err(refusals);
  });
}

/** `{ "X-Name" = "value" }` as a matcher: names in lower case, "*" for any value. */
export function fieldMatchers() {
  return leaf<readonly Field[]>((input) =>
    readEntries(input, (name, value) => {
      if (!isToken(name))
        return err({ state: "it is not a field name", expected: NAME_EXPECTED, part: "key" });
      if (name.toLowerCase() === "host") {
        return err({
          state: "the host has its own matcher",
          expected: "another field",
          hint: 'Use host = "…"',
        });
      }
      const parsed = readText(value, VALUE_EXPECTED, parseValue);
      return parsed.ok ? ok([name.toLowerCase(), parsed.value]) : parsed;
    }),
  );
}

/** `{ parameter = "value" }` as a matcher, "*" for any value. */
export function queryMatchers() {
  return leaf<readonly Field[]>((input) =>
    readEntries(input, (name, value) => {
      if (name === "") return err({ state: "the name is empty", expected: "the name of a query parameter" });
      const parsed = readText(value, `a text of at most ${MAX_VALUE_CHARS} characters`, (text) =>
        text.length > MAX_VALUE_CHARS ? err({ state: "it is too long" }) : ok(text),
      );
      return parsed.ok ? ok([name, parsed.value]) : parsed;
    }),
  );
}

export function parseValue(value: string): Result<string, Complaint> {
  if (value.length > MAX_VALUE_CHARS) return err({ state: "it is too long" });
  const isClean = isFieldValue(value) && trimOws(value) === value;
  return isClean ? ok(value) : err({ state: "a field cannot carry it" });
}

function refuseName(name: string, direction: Direction): Refusal | undefined {
  if (!isToken(name) || name.length > MAX_NAME_CHARS) {
    return { state: "it is not a field name", expected: NAME_EXPECTED };
  }
  const owner = ownerOf(name.toLowerCase(), direction);
  if (owner === undefined) return undefined;
  const hint = owner === HOST ? 'Use host_header = "…" on the route' : undefined;
  return { state: `rules cannot change this field: ${owner}`, expected: "another field", hint };
}

const HOST = "the endpoint needs exactly one";

/** Why a field is not for rules to change. */
function ownerOf(lower: string, direction: Direction): string | undefined {
  if (isHopByHop(lower)) return "it belongs to one connection";
  if (lower.startsWith("x-forwarded-")) return "the proxy sets it from trusted_proxies";
  if (direction === "request" && lower === "host") return HOST;
  if (direction === "request" && lower === "expect") return "the proxy answers it";
  return OWNED.get(lower);
}

type Entry = (name: string, value: unknown) => Result<Field, Refusal>;

function readEntries(input: unknown, read: Entry): Result<readonly Field[], readonly Refusal[]> {
  const isTable =
    typeof input === "object" && input !== null && !Array.isArray(input) && !(input instanceof Date);
  if (!isTable)
    return err([{ state: `it is ${describeType(input)}`, expected: 'a table such as { name = "value" }' }]);
  const fields: Field[] = [];
  const refusals: Refusal[] = [];
  const seen = new Set<string>();
  const entries = Object.entries(input as Tree);
  for (const [name, value] of entries.slice(0, MAX_FIELDS)) {
    const result = read(name, value);
    if (!result.ok) refusals.push({ ...result.error, path: [name, ...(result.error.path ?? [])] });
    else if (seen.has(result.value[0].toLowerCase())) {
      refusals.push({
        state: "the same name stands here twice",
        expected: "each name once",
        path: [name],
        part: "key",
      });
    } else {
      seen.add(result.value[0].toLowerCase());
      fields.push(result.value);
    }
  }
  if (entries.length > MAX_FIELDS) refusals.push(tooMany());
  return refusals.length === 0 ? ok(fields) : err(refusals);
}

function tooMany(): Refusal {
  return { state: "it has too many entries", expected: `at most ${MAX_FIELDS}` };
}
