/** Documents to one Config, or everything that is wrong with them. */

import { err, ok, type Result } from "../lib/result.ts";
import type { Listener } from "./address.ts";
import { findUnavailable } from "./available.ts";
import { checkListeners, checkRoutes, type Located } from "./check.ts";
import { createDiagnostic, type Diagnostic, type Document, type Flaw, fileDiagnostic } from "./diagnostic.ts";
import { formatPath, type Path, type Tree, valueAt } from "./path.ts";
import { type PathBase, resolvePath } from "./file-path.ts";
import { type Route, readMiddleware, readRoute } from "./route.ts";
import { type GeneralTable, generalSchema, type LimitsTable, limitsSchema } from "./schema-general.ts";
import { type TimeoutsTable, timeoutsSchema } from "./schema-general.ts";
import { adminSchema, tlsSchema } from "./schema-later.ts";
import { anything, check, list, optional, type Schema, table } from "./schema-library.ts";
import { MAX_ROUTES, routeSchema } from "./schema-route.ts";

export interface Config {
  readonly general: GeneralSettings;
  readonly timeouts: TimeoutsTable;
  readonly limits: LimitsTable;
  readonly routes: readonly Route[];
  /** Content of the files that backend_tls names, by the path as written. */
  readonly pems: ReadonlyMap<string, string>;
}

export interface GeneralSettings extends Pick<GeneralTable, "listen" | "workers" | "log_format"> {
  /** Absolute path, "stdout" or "off". */
  readonly access_log: string;
  /** Absolute path or "stderr". */
  readonly error_log: string;
  readonly trusted_proxies: readonly string[];
}

/** A document whose references are replaced. */
export interface Part {
  readonly document: Document;
  readonly tree: Tree;
  readonly flaws: readonly Flaw[];
}

export interface LogDefaults {
  readonly access_log: string;
  readonly error_log: string;
}

export interface ParseInput {
  readonly main: Part;
  /** Files that hold [[routes]] only. */
  readonly includes: readonly Part[];
  /** From the command line: its `general` keys win over the file's. */
  readonly overrides: Part | undefined;
  readonly paths: PathBase;
  readonly defaults: LogDefaults;
}

export interface ParsedConfig {
  /** Undefined if anything is wrong. */
  readonly config: Config | undefined;
  /** Those that can be read, whatever is wrong elsewhere. */
  readonly routes: readonly Located<Route>[];
  readonly diagnostics: readonly Diagnostic[];
}

const ROOT = table({
  general: optional(anything()),
  tls: optional(anything()),
  timeouts: optional(anything()),
  limits: optional(anything()),
  admin: optional(anything()),
  routes: optional(list(anything(), MAX_ROUTES)),
});

const INCLUDE = table({ routes: optional(list(anything(), MAX_ROUTES)) });

const NO_PEMS: ReadonlyMap<string, string> = new Map();

export function parseConfig(input: ParseInput): Result<Config, Diagnostic[]> {
  const { config, diagnostics } = parseParts(input);
  return config === undefined ? err(sortByPlace(diagnostics, input)) : ok(config);
}

/** For a caller that has more to say about the routes; the diagnostics are in no order yet. */
export function parseParts(input: ParseInput): ParsedConfig {
  const diagnostics: Diagnostic[] = [];
  const main = createReport(input.main, diagnostics);
  main.flaws(findUnavailable(input.main.tree));
  const root = check(ROOT, input.main.tree, []);
  if (!root.ok) main.flaws(root.error.map(explainRoutes));

  const section = <S extends Schema>(schema: S, key: string, report = main, tree = input.main.tree) => {
    const result = check(schema, tree[key] ?? {}, [key]);
    if (!result.ok) report.flaws(result.error);
    return result.ok ? result.value : undefined;
  };
  section(tlsSchema, "tls");
  section(adminSchema, "admin");
  const general = section(generalSchema, "general");
  const timeouts = section(timeoutsSchema, "timeouts");
  const limits = section(limitsSchema, "limits");
  const flags = input.overrides;
  const overrides = flags && section(generalSchema, "general", createReport(flags, diagnostics), flags.tree);
  const settings = general && mergeSettings(general, overrides, input);
  if (general !== undefined) diagnostics.push(...checkListeners(locateListeners(general, overrides, input)));

  const routes = readParts(input, main, diagnostics);
  diagnostics.push(...checkRoutes(routes));
  if (diagnostics.length > 0 || !settings || !timeouts || !limits)
    return { config: undefined, routes, diagnostics };
  const config = {
    general: settings,
    timeouts,
    limits,
    routes: routes.map(({ value }) => value),
    pems: NO_PEMS,
  };
  return { config, routes, diagnostics };
}

interface Report {
  readonly document: Document;
  readonly flaws: (flaws: readonly Flaw[]) => void;
}

/** A value whose reference failed is not worth a second message. */
function createReport(part: Part, diagnostics: Diagnostic[]): Report {
  const unread = new Set(part.flaws.map((flaw) => formatPath(flaw.path)));
  for (const flaw of part.flaws) diagnostics.push(createDiagnostic(part.document, flaw));
  return {
    document: part.document,
    flaws: (flaws) => {
      for (const flaw of flaws) {
        if (unread.size > 0 && unread.has(formatPath(flaw.path))) continue;
        diagnostics.push(createDiagnostic(part.document, flaw));
      }
    },
  };
}

function mergeSettings(
  general: GeneralTable,
  overrides: GeneralTable | undefined,
  { paths, defaults, overrides: flags }: ParseInput,
): GeneralSettings {
  const toTarget = (value: string | undefined, fallback: string, words: readonly string[]) =>
    value === undefined ? fallback : words.includes(value) ? value : resolvePath(value, paths);
  const given = new Set(Object.keys((flags?.tree["general"] as Tree | undefined) ?? {}));
  return {
    listen: overrides && given.has("listen") ? overrides.listen : general.listen,
    workers: overrides && given.has("workers") ? overrides.workers : general.workers,
    access_log: toTarget(general.access_log, defaults.access_log, ["stdout", "off"]),
    error_log: toTarget(general.error_log, defaults.error_log, ["stderr"]),
    log_format: general.log_format,
    trusted_proxies: [...new Set(general.trusted_proxies.flat())],
  };
}

function locateListeners(
  general: GeneralTable,
  overrides: GeneralTable | undefined,
  input: ParseInput,
): Located<Listener>[] {
  const flagListen = (input.overrides?.tree["general"] as Tree | undefined)?.["listen"];
  const isOverridden = overrides !== undefined && flagListen !== undefined;
  const document = isOverridden && input.overrides ? input.overrides.document : input.main.document;
  const listeners = isOverridden ? overrides.listen : general.listen;
  return listeners.map((value, index) => ({ value, document, path: ["general", "listen", index] }));
}

function readParts(input: ParseInput, main: Report, diagnostics: Diagnostic[]): Located<Route>[] {
  const routes = readRoutes(input.main.tree, main);
  let count = countRoutes(input.main.tree);
  for (const part of input.includes) {
    const report = createReport(part, diagnostics);
    const shape = check(INCLUDE, part.tree, []);
    if (!shape.ok) report.flaws(shape.error.map(explainInclude).map(explainRoutes));
    report.flaws(findUnavailable({ routes: part.tree["routes"] }));
    routes.push(...readRoutes(part.tree, report));
    count += countRoutes(part.tree);
  }
  const own = input.main.tree["routes"] ?? [];
  if (count === 0 && Array.isArray(own)) {
    const hint = 'Add a [[routes]] table with target = "localhost:3000"';
    diagnostics.push(
      fileDiagnostic(input.main.document.file, "Cannot use the configuration: it has no routes", hint),
    );
  }
  return routes;
}

function readRoutes(tree: Tree, report: Report): Located<Route>[] {
  const tables = tree["routes"];
  if (!Array.isArray(tables)) return [];
  const { document } = report;
  const routes: Located<Route>[] = [];
  for (const [index, value] of tables.slice(0, MAX_ROUTES).entries()) {
    const path: Path = ["routes", index];
    const result = check(routeSchema, value, path);
    const middleware = readMiddleware(valueAt(value, ["middleware"]), path);
    if (!result.ok) report.flaws(result.error);
    if (!middleware.ok) report.flaws(middleware.error);
    if (!result.ok) continue;
    const { line } = document.locate(path, "value");
    const source = line === 0 ? document.file : `${document.file}:${line}`;
    const { route, flaws } = readRoute(result.value, middleware.ok ? middleware.value : [], { path, source });
    report.flaws(flaws);
    if (route !== undefined) routes.push({ value: route, document, path });
  }
  return routes;
}

function countRoutes(tree: Tree): number {
  const tables = tree["routes"];
  return Array.isArray(tables) ? tables.length : 0;
}

function explainInclude(flaw: Flaw): Flaw {
  if (flaw.kind !== "unknown-key" || !(String(flaw.path[0]) in ROOT_KEYS)) return flaw;
  return { ...flaw, state: "files in routes.d hold [[routes]] only", expected: undefined, hint: undefined };
}

/** One pair of brackets too few is the commonest slip. */
function explainRoutes(flaw: Flaw): Flaw {
  const isRoutes = flaw.kind === "value" && flaw.path.length === 1 && flaw.path[0] === "routes";
  return isRoutes && flaw.hint === undefined ? { ...flaw, hint: "Begin each route with [[routes]]" } : flaw;
}

const ROOT_KEYS = { general: true, tls: true, timeouts: true, limits: true, admin: true } as const;

/** By file in the order they were read, then by line. */
export function sortByPlace(diagnostics: readonly Diagnostic[], input: ParseInput): Diagnostic[] {
  const parts = [input.overrides, input.main, ...input.includes];
  const order = new Map(parts.map((part, index) => [part?.document.file, index]));
  return [...diagnostics].sort((a, b) => {
    const byFile = (order.get(a.file) ?? 0) - (order.get(b.file) ?? 0);
    return byFile || a.line - b.line || a.column - b.column;
  });
}
