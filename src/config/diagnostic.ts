/** Diagnostic: one thing wrong with a configuration, where it stands and what was expected instead. */

import { type Path, quote, type Tree, valueAt } from "./path.ts";
import type { Position } from "./positions.ts";

export type DiagnosticKind =
  | "syntax"
  | "file"
  | "reference"
  | "unknown-key"
  | "value"
  | "conflict"
  | "unavailable";

export interface Diagnostic {
  readonly kind: DiagnosticKind;
  /** As shown to the user: the path given, or "command line". */
  readonly file: string;
  /** One-based; 0 where no line exists (the command line, an unreadable file). */
  readonly line: number;
  readonly column: number;
  /** Key path such as `routes[1].backends[0].url`, "" for the whole file. */
  readonly path: string;
  readonly message: string;
  readonly found: string | undefined;
  readonly expected: string | undefined;
  readonly hint: string | undefined;
}

/**
 * One source of settings. `raw` holds the values as written, before `${…}` is replaced: `found` quotes nothing
 * else, so a secret from the environment or from a file cannot reach a terminal.
 */
export interface Document {
  readonly file: string;
  readonly raw: Tree;
  readonly locate: (path: Path, part: "key" | "value") => Position;
  /** The name of a setting in messages: its key path, or its flag. */
  readonly describe: (path: Path) => string;
}

/** What is wrong with one value, without its place. */
export interface Flaw {
  readonly kind: DiagnosticKind;
  readonly path: Path;
  /** What the position points at; the value unless told. */
  readonly part?: "key" | "value" | undefined;
  /** Completes "Cannot read <path>: ". Must not quote the value: `found` does. */
  readonly state: string;
  readonly expected?: string | undefined;
  readonly hint?: string | undefined;
}

const MAX_FOUND_ITEMS = 8;

const VERB = {
  syntax: "read",
  file: "read",
  reference: "read",
  value: "read",
  "unknown-key": "use",
  conflict: "use",
  unavailable: "use",
} as const satisfies Record<DiagnosticKind, string>;

export function createDiagnostic(document: Document, flaw: Flaw): Diagnostic {
  const path = settlePath(document.raw, flaw.path);
  const isKey = flaw.kind === "unknown-key" || flaw.kind === "unavailable" || flaw.part === "key";
  const { line, column } = document.locate(path, isKey ? "key" : "value");
  const raw = valueAt(document.raw, path);
  // A hint may spell out the value that was read, which is a secret when a reference stands in the file.
  const isReplaced = typeof raw === "string" && raw.includes("${") && flaw.kind !== "reference";
  const name = document.describe(path);
  return {
    kind: flaw.kind,
    file: document.file,
    line,
    column,
    path: name,
    message:
      flaw.kind === "unavailable"
        ? `${name}: ${flaw.state}`
        : `Cannot ${VERB[flaw.kind]} ${name}: ${flaw.state}`,
    found: flaw.kind === "unknown-key" ? quote(String(path.at(-1))) : describeFound(raw),
    expected: flaw.expected,
    hint: isReplaced ? undefined : flaw.hint,
  };
}

/** A diagnostic about a whole file. */
export function fileDiagnostic(file: string, message: string, hint?: string): Diagnostic {
  return {
    kind: "file",
    file,
    line: 0,
    column: 0,
    path: "",
    message,
    found: undefined,
    expected: undefined,
    hint,
  };
}

/** A value in one short printable line; undefined where the message says enough. */
export function describeFound(value: unknown): string | undefined {
  if (typeof value === "string") return quote(value);
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  // No bigint: the parser has cut it to 64 bits, so its digits are not those in the file.
  return Array.isArray(value) ? describeList(value) : undefined;
}

/** "a string", "a number", …: completes "it is ". */
export function describeType(value: unknown): string {
  if (value === undefined) return "missing";
  if (typeof value === "bigint") return "a number beyond 2^53";
  if (typeof value === "number") return "a number";
  if (typeof value === "string") return "a string";
  if (typeof value === "boolean") return "true or false";
  if (value instanceof Date) return "a date or time";
  return Array.isArray(value) ? "a list" : "a table";
}

function describeList(items: readonly unknown[]): string | undefined {
  const isShort = items.length <= MAX_FOUND_ITEMS && items.every((item) => typeof item === "string");
  return isShort ? `[${items.map((item) => quote(item)).join(", ")}]` : undefined;
}

/** Where one value may stand for a list, its "[0]" exists in no file: leave it out. */
function settlePath(raw: Tree, path: Path): Path {
  const last = path.at(-1);
  if (typeof last !== "number") return path;
  const parent = path.slice(0, -1);
  return Array.isArray(valueAt(raw, parent)) ? path : parent;
}
