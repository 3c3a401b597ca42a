/** Key paths such as `routes[1].backends[0].url` and the values behind them. */

const MAX_QUOTED_CHARS = 80;

export type Path = readonly (string | number)[];

/** Tables of a parsed file, still of unknown shape. */
export type Tree = Readonly<Record<string, unknown>>;

/** `["routes", 1, "a b"]` → `routes[1]."a b"`. */
export function formatPath(path: Path): string {
  let text = "";
  for (const part of path) {
    if (typeof part === "number") text += `[${part}]`;
    else text += (text === "" ? "" : ".") + (/^[A-Za-z0-9_-]+$/.test(part) ? part : quote(part));
  }
  return text;
}

/** The value at a path, or undefined. */
export function valueAt(tree: unknown, path: Path): unknown {
  let value = tree;
  for (const part of path) {
    if (value === null || typeof value !== "object" || !Object.hasOwn(value, part)) return undefined;
    value = (value as Readonly<Record<string | number, unknown>>)[part];
  }
  return value;
}

/** A text in quotes, short and printable on one line. */
export function quote(text: string): string {
  const short = text.length > MAX_QUOTED_CHARS ? `${text.slice(0, MAX_QUOTED_CHARS)}…` : text;
  // Control, format and bidirectional characters could rewrite the terminal line that shows them.
  return JSON.stringify(short).replace(/[\u007f-\u009f\u2028-\u202e\u2066-\u2069\u200b-\u200f]/g, escapeChar);
}

function escapeChar(char: string): string {
  return `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
