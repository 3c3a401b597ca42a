/** One TOML file as values with positions. */

import { err, ok, type Result } from "../lib/result.ts";
import type { Diagnostic, Document } from "./diagnostic.ts";
import { formatPath } from "./path.ts";
import { locate, scanPositions } from "./positions.ts";
import { parseToml } from "./toml.ts";

export interface TomlDocument extends Document {
  /** False spares looking through every value of a large file. */
  readonly hasReferences: boolean;
}

export function parseDocument(file: string, text: string): Result<TomlDocument, Diagnostic> {
  const parsed = parseToml(text);
  if (!parsed.ok) {
    const { line, column, state } = parsed.error;
    return err({
      kind: "syntax",
      file,
      line,
      column,
      path: "",
      message: `Cannot read the file: ${state}`,
      found: undefined,
      expected: undefined,
      hint: undefined,
    });
  }
  const positions = scanPositions(text);
  return ok({
    file,
    raw: parsed.value,
    locate: (path, part) => locate(positions, path, part),
    describe: formatPath,
    // The text of a value may be escaped ("\\u0024{"): only a file without the character is sure.
    hasReferences: text.includes("$") || text.includes("\\"),
  });
}
