/** Text to plain values: the only place that knows the TOML package. */

import toml from "@iarna/toml";
import { err, ok, type Result } from "../lib/result.ts";
import type { Tree } from "./path.ts";

export interface SyntaxFlaw {
  /** One-based. */
  readonly line: number;
  readonly column: number;
  readonly state: string;
}

/** Values may be bigint (integers beyond 2^53) and Date: the schema refuses both by type. */
export function parseToml(text: string): Result<Tree, SyntaxFlaw> {
  try {
    return ok(toml.parse(text));
  } catch (error) {
    return err(toFlaw(error, text));
  }
}

function toFlaw(error: unknown, text: string): SyntaxFlaw {
  // The package counts lines and columns from zero, but the columns of the first line from one, runs past the end
  // of a line by one or two and appends an excerpt of the file to its message.
  const { line, col, message } = error as { line?: unknown; col?: unknown; message?: unknown };
  if (typeof line !== "number" || typeof col !== "number") {
    return { line: 1, column: 1, state: `the TOML parser failed: ${firstLine(String(message ?? error))}` };
  }
  const source = (text.split("\n", line + 1)[line] ?? "").replace(/\r$/, "");
  const state = toSentence(String(message));
  const isTwice = state.includes("defined twice");
  const column = isTwice
    ? source.length - source.trimStart().length
    : Math.min(line === 0 ? col - 1 : col, source.length);
  return { line: line + 1, column: column + 1, state };
}

const SENTENCES: readonly (readonly [RegExp, string])[] = [
  [/^Can't redefine/, "this key is defined twice"],
  [/^Can't extend an inline array/, "a list in [ ] cannot be continued with [[ ]]"],
  [/^Can't extend an inline table/, "a table in { } cannot be continued"],
  [/^Unterminated string/, "the string does not end on its line"],
  [/^Unterminated multi-line string/, "the string does not end"],
  [/^Unterminated inline array/, "the list or inline table does not end on its line"],
  [/^Unexpected character, expecting string/, "a value is missing or not quoted"],
  [/^Unexpected character, expected only whitespace/, "there is more text after the value"],
  [/^Unexpected character, expected whitespace, \. or \]/, "the table header does not end with a bracket"],
  [/^Unknown character/, "a key cannot start with this character"],
  [/^Invalid character, expected "="/, "the key is not followed by an equals sign"],
  [/^Key ended without value|^Key without value/, "the key has no value"],
];

function toSentence(message: string): string {
  for (const [pattern, sentence] of SENTENCES) if (pattern.test(message)) return sentence;
  const short = firstLine(message).replace(/ at row \d+, col \d+, pos \d+:?$/, "");
  return short.charAt(0).toLowerCase() + short.slice(1);
}

function firstLine(text: string): string {
  return text.split("\n", 1)[0] ?? "";
}
