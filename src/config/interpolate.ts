/** Replaces `${NAME}` and `${file:PATH}` in string values; `$${` stands for a literal `${`. */

import { closest } from "../lib/did-you-mean.ts";
import type { Result } from "../lib/result.ts";
import type { Flaw } from "./diagnostic.ts";
import type { Path, Tree } from "./path.ts";

export interface Lookups {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Content, or why it cannot be read, by the path as written. */
  readonly files: ReadonlyMap<string, Result<string, string>>;
}

export interface Interpolated {
  readonly tree: Tree;
  readonly flaws: readonly Flaw[];
}

const REFERENCE = /\$\$\{|\$\{([^}]*)(\}?)/g;
const FILE_PREFIX = "file:";
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
const EXPECTED = `"\${NAME}" or "\${file:PATH}"; a literal "\${" is written "$\${"`;

/** The paths of all `${file:PATH}` in a tree, each once. */
export function collectFileReferences(tree: Tree): string[] {
  const paths = new Set<string>();
  visitStrings(tree, (text) => {
    for (const [, body, close] of text.matchAll(REFERENCE)) {
      if (close === "}" && body?.startsWith(FILE_PREFIX)) paths.add(body.slice(FILE_PREFIX.length));
    }
  });
  return [...paths];
}

/** What a reference yields is final: it is not searched for references again. */
export function interpolate(tree: Tree, lookups: Lookups): Interpolated {
  const flaws: Flaw[] = [];
  const replaced = replaceIn(tree, [], lookups, flaws);
  return { tree: replaced as Tree, flaws };
}

/** Returns the same value when nothing in it changed: most configurations have no reference at all. */
function replaceIn(value: unknown, path: Path, lookups: Lookups, flaws: Flaw[]): unknown {
  if (typeof value === "string") {
    return value.includes("${") ? replaceText(value, path, lookups, flaws) : value;
  }
  if (Array.isArray(value)) {
    let isChanged = false;
    const items = value.map((item, index) => {
      const next = replaceIn(item, needsPath(item) ? [...path, index] : path, lookups, flaws);
      isChanged ||= next !== item;
      return next;
    });
    return isChanged ? items : value;
  }
  if (!isPlainTable(value)) return value;
  let changed: [string, unknown][] | undefined;
  for (const key of Object.keys(value)) {
    const item = value[key];
    const next = replaceIn(item, needsPath(item) ? [...path, key] : path, lookups, flaws);
    if (next !== item) {
      changed ??= [];
      changed.push([key, next]);
    }
  }
  // fromEntries defines own keys, so a key named "__proto__" stays a key.
  return changed === undefined ? value : Object.fromEntries(new Map([...Object.entries(value), ...changed]));
}

function replaceText(text: string, path: Path, lookups: Lookups, flaws: Flaw[]): string {
  return text.replace(REFERENCE, (whole: string, body: string | undefined, close: string | undefined) => {
    if (body === undefined) return "${";
    const flaw = (state: string, hint?: string) => {
      flaws.push({ kind: "reference", path, state, expected: EXPECTED, hint });
      return whole;
    };
    if (close !== "}") return flaw('the reference has no closing "}"');
    if (body.startsWith(FILE_PREFIX)) {
      const content = lookups.files.get(body.slice(FILE_PREFIX.length));
      if (content === undefined) return flaw("files cannot be read here");
      return content.ok ? content.value : flaw(content.error);
    }
    if (!NAME.test(body)) return flaw("the reference is not well formed");
    const value = Object.hasOwn(lookups.env, body) ? lookups.env[body] : undefined;
    if (value !== undefined) return value;
    const near = closest(body, Object.keys(lookups.env));
    return flaw(
      `the environment variable "${body}" is not set`,
      near === undefined ? undefined : `Did you mean "\${${near}}"`,
    );
  });
}

function visitStrings(value: unknown, visit: (text: string) => void): void {
  if (typeof value === "string") {
    if (value.includes("${")) visit(value);
  } else if (Array.isArray(value)) {
    for (const item of value) visitStrings(item, visit);
  } else if (isPlainTable(value)) {
    for (const item of Object.values(value)) visitStrings(item, visit);
  }
}

function needsPath(value: unknown): boolean {
  return typeof value === "object" || (typeof value === "string" && value.includes("${"));
}

function isPlainTable(value: unknown): value is Tree {
  return typeof value === "object" && value !== null && !(value instanceof Date);
}
