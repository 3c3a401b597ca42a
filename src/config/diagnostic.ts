/** Diagnostic: one thing wrong with a configuration, where it stands and what was expected instead. */

import { type Path, type Tree, valueAt } from "./path.ts";
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
  /** Completes "Cannot read <path>: ". Must not quote the value: `found` does. */
  readonly state: string;
  readonly expected?: string | undefined;
  readonly hint?: string | undefined;
}

const MAX_FOUND_CHARS = 80;
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
  const isKey = flaw.kind === "unknown-key" || flaw.kind === "unavailable";
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
    found: flaw.kind === "unknown-key" ? JSON.stringify(path.at(-1)) : describeFound(raw),
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

/** A value in one short printable line; undefined where there is nothing. */
export function describeFound(value: unknown): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value === "string") return quote(value);
  if (value instanceof Date) return "a date or time";
  if (Array.isArray(value)) return describeList(value);
  if (typeof value === "object") return "a table";
  return String(value);
}

/** "a string", "a number", …: completes "it is ". */
export function describeType(value: unknown): string {
  if (value === undefined) return "missing";
  if (typeof value === "bigint" || typeof value === "number") return "a number";
  if (typeof value === "string") return "a string";
  if (typeof value === "boolean") return "true or false";
  if (value instanceof Date) return "a date or time";
  return Array.isArray(value) ? "a list" : "a table";
}

function describeList(items: readonly unknown[]): string {
  if (items.length === 0) return "an empty list";
  const isFlat = items.length <= MAX_FOUND_ITEMS && items.every((item) => typeof item === "string");
  return isFlat ? `[${items.map((item) => quote(item)).join(", ")}]` : "a list";
}

function quote(text: string): string {
  const short = text.length > MAX_FOUND_CHARS ? `${text.slice(0, MAX_FOUND_CHARS)}…` : text;
  // Control, format and bidirectional characters could rewrite the terminal line that shows them.
  return JSON.stringify(short).replace(/[\u007f-\u009f\u2028-\u202e\u2066-\u2069\u200b-\u200f]/g, escapeChar);
}

function escapeChar(char: string): string {
  return `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

/** Where one value may stand for a list, its "[0]" exists in no file: leave it out. */
function settlePath(raw: Tree, path: Path): Path {
  const last = path.at(-1);
  if (typeof last !== "number") return path;
  const parent = path.slice(0, -1);
  return Array.isArray(valueAt(raw, parent)) ? path : parent;
}
