/** One route as a file of routes.d: its name and its text. */

import { createHash } from "node:crypto";
import { parseHostPattern } from "../config/address.ts";

export interface RouteDraft {
  readonly host: string;
  /** "/*" is everything. */
  readonly path: string;
  /** Upper case; empty means any. */
  readonly methods: readonly string[];
  readonly targets: readonly string[];
  readonly stripPrefix: string | undefined;
  readonly strategy: string | undefined;
}

export const EVERY_PATH = "/*";

const HASH_CHARS = 8;
/** Names of files have 255 bytes; this leaves room for the rest and for temporary names. */
const MAX_SLUG_CHARS = 100;

/**
 * The same match has the same name, so that it cannot be added twice; a hash keeps apart what looks alike once
 * only harmless characters are left. Never starts with a dot: such files are not read.
 */
export function routeFileName({ host, path, methods }: RouteDraft): string {
  const sorted = [...methods].sort();
  const match = JSON.stringify([host.toLowerCase(), path, sorted]);
  const slug = [host, path, ...sorted]
    .join("-")
    .toLowerCase()
    .replaceAll("*", "any")
    .replace(/[^a-z0-9.]+/g, "-")
    .replace(/\.{2,}/g, ".")
    .replace(/^[.-]+/, "")
    .slice(0, MAX_SLUG_CHARS)
    .replace(/[.-]+$/, "");
  const hash = createHash("sha256").update(match).digest("hex").slice(0, HASH_CHARS);
  return `${slug === "" ? "route" : slug}-${hash}.toml`;
}

export function formatRouteFile(draft: RouteDraft): string {
  const { host, path, methods, targets, stripPrefix, strategy } = draft;
  const lines = [
    '# Written by "ophid proxy route add"; "ophid proxy route remove" deletes it.',
    "[[routes]]",
    `host = ${tomlString(host)}`,
  ];
  if (path !== EVERY_PATH) lines.push(`path = ${tomlString(path)}`);
  if (methods.length > 0) lines.push(`method = [${methods.map(tomlString).join(", ")}]`);
  if (stripPrefix !== undefined) lines.push(`strip_prefix = ${tomlString(stripPrefix)}`);
  const [target = ""] = targets;
  if (targets.length === 1) lines.push(`target = ${tomlString(target)}`);
  else for (const url of targets) lines.push("", "[[routes.backends]]", `url = ${tomlString(url)}`);
  if (strategy !== undefined) lines.push("", "[routes.loadbalance]", `strategy = ${tomlString(strategy)}`);
  return `${lines.join("\n")}\n`;
}

/** A basic string (TOML 1.0). What was typed is meant as it is, so "${" is no reference to anything. */
function tomlString(text: string): string {
  // A function, because "$$" in a replacement text is one dollar.
  const literal = text.replaceAll("${", () => "$${");
  return JSON.stringify(literal).replaceAll("\u007f", "\\u007f");
}

/** "api.example.com/v1/*" to its parts; without a path every path of the host is meant. */
export function splitRouteName(word: string): { readonly host: string; readonly path: string | undefined } {
  const slash = word.indexOf("/");
  const host = slash < 0 ? word : word.slice(0, slash);
  const pattern = parseHostPattern(host);
  return { host: pattern.ok ? pattern.value : host, path: slash < 0 ? undefined : word.slice(slash) };
}
