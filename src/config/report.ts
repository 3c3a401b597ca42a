/** Diagnostics to terminal text. */

import type { Diagnostic } from "./diagnostic.ts";

/** More would push the first ones off the screen. */
const MAX_SHOWN = 50;

export interface ReportOptions {
  readonly color: boolean;
}

/** One block a diagnostic: `file:line:column: error: message` and what was found, expected and meant. */
export function formatDiagnostics(diagnostics: readonly Diagnostic[], { color }: ReportOptions): string {
  const paint = color ? paintAnsi : paintNothing;
  const blocks = diagnostics.slice(0, MAX_SHOWN).map((diagnostic) => formatDiagnostic(diagnostic, paint));
  const hidden = diagnostics.length - blocks.length;
  if (hidden > 0) blocks.push(`… and ${hidden} more errors`);
  return blocks.map((block) => `${block}\n`).join("");
}

type Paint = (style: "bold" | "red" | "cyan", text: string) => string;

const ANSI = { bold: 1, red: 31, cyan: 36 } as const;

function paintAnsi(style: keyof typeof ANSI, text: string): string {
  return `\u001b[${ANSI[style]}m${text}\u001b[0m`;
}

function paintNothing(_style: string, text: string): string {
  return text;
}

function formatDiagnostic(diagnostic: Diagnostic, paint: Paint): string {
  const { file, line, column, message, found, expected, hint } = diagnostic;
  const place = line === 0 ? file : `${file}:${line}:${column}`;
  const lines = [`${paint("bold", `${place}:`)} ${paint("red", "error:")} ${message}`];
  if (found !== undefined) lines.push(`  ${paint("cyan", "found:")}    ${found}`);
  if (expected !== undefined) lines.push(`  ${paint("cyan", "expected:")} ${expected}`);
  if (hint !== undefined) lines.push(`  ${paint("cyan", "hint:")}     ${hint}`);
  return lines.join("\n");
}
