/** Settings from the command line as a document of their own, so that they pass the same checks as a file. */

import type { Document } from "./diagnostic.ts";
import type { Path, Tree } from "./path.ts";
import type { Part } from "./parse.ts";

export interface Flags {
  readonly listen?: readonly string[];
  /** "auto" or a number as typed. */
  readonly workers?: string;
}

export interface ProxyFlags extends Flags {
  readonly target: readonly string[];
}

const FILE = "command line";

/** References are not replaced: that is what the shell is for. */
export function flagsPart(flags: Flags & { readonly target?: readonly string[] }): Part {
  const general: Record<string, unknown> = {};
  if (flags.listen !== undefined && flags.listen.length > 0) general["listen"] = flags.listen;
  if (flags.workers !== undefined) general["workers"] = toWorkers(flags.workers);
  const tree: Record<string, unknown> = { general };
  if (flags.target !== undefined) tree["routes"] = [{ backends: flags.target.map((url) => ({ url })) }];
  return { document: toDocument(tree), tree, flaws: [] };
}

function toDocument(raw: Tree): Document {
  return { file: FILE, raw, locate: () => ({ line: 0, column: 0 }), describe: describeFlag };
}

function describeFlag(path: Path): string {
  if (path[0] === "routes") return "--target";
  return path[1] === "workers" ? "--workers" : "--listen";
}

function toWorkers(text: string): string | number {
  return /^\d{1,6}$/.test(text) ? Number(text) : text;
}
