/** Rows of text in aligned columns. */

import { escapeText } from "../observe/escape.ts";

export interface Column<Row> {
  readonly title: string;
  readonly align?: "right";
  readonly value: (row: Row) => string | number | undefined;
}

/** What is not known. */
const UNKNOWN = "-";

/** A line of titles and one line a row; columns that say nothing in any row are left out. */
export function formatTable<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string[] {
  const cells = columns.map((column) => ({
    column,
    texts: rows.map((row) => toText(column.value(row))),
  }));
  const shown = cells.filter(({ texts }) => texts.some((text) => text !== ""));
  const widths = shown.map(({ column, texts }) =>
    texts.reduce((width, text) => Math.max(width, Bun.stringWidth(text)), column.title.length),
  );
  const line = (textOf: (index: number) => string) =>
    shown
      .map(({ column }, index) => pad(textOf(index), widths[index] ?? 0, column.align))
      .join("  ")
      .trimEnd();
  const lines = [line((index) => shown[index]?.column.title ?? "")];
  for (const at of rows.keys()) lines.push(line((index) => shown[index]?.texts[at] || UNKNOWN));
  return lines;
}

/** Names come from files and from the network: none may move the cursor. */
function toText(value: string | number | undefined): string {
  return value === undefined ? "" : escapeText(String(value));
}

function pad(text: string, width: number, align: "right" | undefined): string {
  const space = " ".repeat(Math.max(0, width - Bun.stringWidth(text)));
  return align === "right" ? space + text : text + space;
}
