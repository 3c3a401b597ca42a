/** The rules of ARCHITECTURE.md as functions from source files to sentences about what breaks them. */

import { posix } from "node:path";

export interface SourceFile {
  /** Below src/, with slashes: "http/path.ts". */
  readonly path: string;
  readonly text: string;
}

/** A folder imports only from folders before it. version.ts comes before all, main.ts after all. */
export const layers: readonly string[] = [
  "lib",
  "runtime",
  "net",
  "http",
  "exchange",
  "balancer",
  "config",
  "snapshot",
  "shm",
  "middleware",
  "upstream",
  "observe",
  "router",
  "listener",
  "worker",
  "master",
  "cli",
];

/** These never see each other although one comes before the other; the worker joins them. */
const strangers = ["middleware", "upstream"];

const pureFolders = ["lib", "net", "http", "exchange", "balancer", "config", "snapshot"];
const pureFiles = [/^router\/match[^/]*\.ts$/];
/** Files in pure folders whose business is an effect. */
const effectFiles = ["config/load.ts", "config/read-file.ts"];

/** What a pure file may not say; looked for after comments and types are gone. */
const effects: readonly (readonly [name: string, pattern: RegExp])[] = [
  ["the runtime", /\bBun\./],
  ["the process", /\bprocess\b/],
  ["the network", /\bfetch\(/],
  ["the clock", /\bDate\.now\b|\bnew Date\b(?!\([^)])|\bperformance\./],
  ["randomness", /\bMath\.random\b|\bcrypto\.(?:random|getRandom)/],
  ["timers", /\bset(?:Timeout|Interval|Immediate)\b|\bqueueMicrotask\b/],
  ["the console", /\bconsole\./],
  ["module state", /^(?:export )?let /m],
];

/** Modules of the platform without effects on the outside. */
const pureModules = ["node:path", "node:path/posix", "node:url", "node:util", "node:buffer", "node:crypto"];

/** Packages that more than one file may import; every other one has a single home. */
const packageHomes: Readonly<Record<string, readonly RegExp[]>> = {
  // The front's router and the control plane's; nothing below knows its Context.
  hono: [/^(?:router|listener)\/app\.ts$/, /^master\/admin\.ts$/],
};

/** Where servers are started, and how often: the front, the admin API on its own socket, the demo's backends. */
const serveSites: readonly (readonly [pattern: RegExp, calls: number])[] = [
  [/^listener\//, 1],
  [/^master\//, 1],
  [/^cli\/demo[^/]*\.ts$/, 1],
];

/** Only here may the process be ended. */
const exitSites = ["main.ts"];

const maxLines = 300;

export function findLayerBreaks(files: readonly SourceFile[]): string[] {
  const found: string[] = [];
  for (const file of files) {
    const from = layerOf(file.path);
    if (from === undefined) found.push(`${file.path}: its folder is not in the table of layers`);
    for (const target of localImports(file)) {
      const to = layerOf(target);
      if (from === undefined || to === undefined || folderOf(file.path) === folderOf(target)) continue;
      if (to > from) found.push(`${file.path} imports ${target}, which is above it`);
      else if (isStranger(file.path) && isStranger(target)) {
        found.push(`${file.path} imports ${target}, and the two must not know each other`);
      }
    }
  }
  return found;
}

/** Each circle once, as the path around it. */
export function findCycles(files: readonly SourceFile[]): string[] {
  const graph = new Map(files.map((file) => [file.path, localImports(file)]));
  const done = new Set<string>();
  const found: string[] = [];
  const visit = (path: string, trail: readonly string[]): void => {
    const at = trail.indexOf(path);
    if (at !== -1) found.push([...trail.slice(at), path].join(" -> "));
    if (at !== -1 || done.has(path)) return;
    for (const next of graph.get(path) ?? []) visit(next, [...trail, path]);
    done.add(path);
  };
  for (const path of graph.keys()) visit(path, []);
  return found;
}

export function findImpurities(files: readonly SourceFile[]): string[] {
  const found: string[] = [];
  for (const file of files.filter((candidate) => isPure(candidate.path))) {
    const code = stripTypes(file.text);
    for (const [name, pattern] of effects) {
      if (pattern.test(code)) found.push(`${file.path} touches ${name}: ${pattern.exec(code)?.[0].trim()}`);
    }
    for (const target of localImports(file)) {
      if (!isPure(target)) found.push(`${file.path} imports ${target}, which is not pure`);
    }
    for (const specifier of scanImports(code)) {
      const isPlatform = /^(?:node:|bun$|bun:)/.test(specifier);
      if (isPlatform && !pureModules.includes(specifier)) found.push(`${file.path} imports ${specifier}`);
    }
  }
  return found;
}

export function findBadShape(files: readonly SourceFile[]): string[] {
  const found: string[] = [];
  for (const { path, text } of files) {
    const lines = text.split("\n").length - (text.endsWith("\n") ? 1 : 0);
    if (lines > maxLines) found.push(`${path} has ${lines} lines, more than ${maxLines}`);
    if (!/^(?:#!.*\n)?\/\*\*[\s*]+[^\s*/]/.test(text)) {
      found.push(`${path} does not open with a doc comment`);
    }
    if (!/^(?:[a-z0-9-]+\/)*[a-z0-9-]+\.ts$/.test(path)) found.push(`${path} is not named in kebab-case`);
  }
  return found;
}

export function findHomelessPackages(files: readonly SourceFile[], declared: readonly string[]): string[] {
  const importers = new Map<string, Set<string>>();
  for (const file of files) {
    for (const specifier of scanImports(file.text)) {
      const name = packageOf(specifier);
      if (name !== undefined) importers.set(name, (importers.get(name) ?? new Set()).add(file.path));
    }
  }
  const found: string[] = [];
  for (const [name, paths] of importers) {
    const homes = packageHomes[name];
    const list = [...paths].sort();
    if (!declared.includes(name)) found.push(`${name} is not in dependencies: ${list.join(", ")}`);
    if (homes === undefined) {
      if (list.length > 1) found.push(`${name} is imported by ${list.length} files: ${list.join(", ")}`);
      continue;
    }
    for (const path of list.filter((one) => !homes.some((home) => home.test(one)))) {
      found.push(`${name} is imported by ${path}, which is not one of its homes`);
    }
  }
  return found;
}

/** One front, one place that swaps the snapshot, one place that exits. */
export function findSecondSites(files: readonly SourceFile[]): string[] {
  const found: string[] = [];
  const serveCalls = serveSites.map(() => 0);
  const currents: string[] = [];
  for (const file of files) {
    const code = stripTypes(file.text);
    const calls = code.match(/\bBun\.serve\b|\bserve\b[^;\n]*\bfrom "bun"/g)?.length ?? 0;
    const site = serveSites.findIndex(([pattern]) => pattern.test(file.path));
    if (site !== -1) serveCalls[site] = (serveCalls[site] ?? 0) + calls;
    else if (calls > 0) found.push(`${file.path} starts a server`);
    if (/\bprocess\.(?:exit|reallyExit|abort)\b/.test(code) && !exitSites.includes(file.path)) {
      found.push(`${file.path} ends the process`);
    }
    // Elsewhere a local variable may have the name, a variable of the module may not.
    const current = folderOf(file.path) === "worker" ? /\blet current\b/g : /^(?:export )?let current\b/gm;
    for (const _ of code.matchAll(current)) currents.push(file.path);
  }
  serveSites.forEach(([pattern, allowed], index) => {
    const calls = serveCalls[index] ?? 0;
    if (calls > allowed) found.push(`${calls} servers are started in ${pattern.source}, not ${allowed}`);
  });
  if (serveCalls[0] === 0) found.push("no server is started in listener/");
  if (currents.length !== 1 || !currents[0]?.startsWith("worker/")) {
    found.push(`"let current" belongs once in worker/, found in: ${currents.join(", ") || "none"}`);
  }
  return found;
}

/** Pure files with something to run that no test imports, not even through a neighbour in the same folder. */
export function findUntested(files: readonly SourceFile[], tests: readonly SourceFile[]): string[] {
  const graph = new Map(files.map((file) => [file.path, localImports(file)]));
  const reached = new Set<string>();
  const reach = (path: string): void => {
    if (reached.has(path)) return;
    reached.add(path);
    const neighbours = graph.get(path)?.filter((next) => folderOf(next) === folderOf(path)) ?? [];
    for (const next of neighbours) reach(next);
  };
  for (const { text } of tests) {
    for (const specifier of scanImports(text)) {
      const below = specifier.split("/src/")[1];
      if (below !== undefined) reach(below);
    }
  }
  return files
    .filter(({ path }) => path.includes("/") && isPure(path) && !reached.has(path))
    .filter(({ text }) => stripTypes(text).trim() !== "")
    .map(({ path }) => path);
}

function folderOf(path: string): string {
  return path.includes("/") ? path.slice(0, path.indexOf("/")) : path;
}

function layerOf(path: string): number | undefined {
  if (path === "version.ts") return -1;
  if (path === "main.ts") return layers.length;
  const index = layers.indexOf(folderOf(path));
  return index === -1 || !path.includes("/") ? undefined : index;
}

function isStranger(path: string): boolean {
  return strangers.includes(folderOf(path));
}

function isPure(path: string): boolean {
  if (path === "version.ts") return true;
  if (effectFiles.includes(path)) return false;
  return pureFolders.includes(folderOf(path)) || pureFiles.some((pattern) => pattern.test(path));
}

/** Paths below src/ of everything imported from src/, types included. */
function localImports(file: SourceFile): string[] {
  return scanImports(file.text)
    .filter((specifier) => specifier.startsWith("."))
    .map((specifier) => posix.join(posix.dirname(file.path), specifier));
}

/** Own scan, since the runtime's leaves type imports out and they count. */
function scanImports(text: string): string[] {
  const statements = /^(?:import|export)\b(?:[^"'`;]*?\bfrom)?\s*["']([^"']+)["']/gm;
  const calls = /\bimport\(\s*["']([^"']+)["']/g;
  return [...text.matchAll(statements), ...text.matchAll(calls)].map((match) => match[1] ?? "");
}

function packageOf(specifier: string): string | undefined {
  if (/^(?:\.|node:|bun:|bun$)/.test(specifier)) return undefined;
  return specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");
}

const transpiler = new Bun.Transpiler({ loader: "ts" });

function stripTypes(text: string): string {
  return transpiler.transformSync(text);
}
