/** Key paths such as `routes[1].backends[0].url` and the values behind them. */

export type Path = readonly (string | number)[];

/** Tables of a parsed file, still of unknown shape. */
export type Tree = Readonly<Record<string, unknown>>;

/** `["routes", 1, "a b"]` → `routes[1]."a b"`. */
export function formatPath(path: Path): string {
  let text = "";
  for (const part of path) {
    if (typeof part === "number") text += `[${part}]`;
    else text += (text === "" ? "" : ".") + (/^[A-Za-z0-9_-]+$/.test(part) ? part : JSON.stringify(part));
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
