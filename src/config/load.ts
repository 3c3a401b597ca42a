/** Reads a configuration with everything it names: includes, referenced files and PEM files. */

import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { err, ok, type Result } from "../lib/result.ts";
import { createDiagnostic, type Diagnostic, type Document, fileDiagnostic } from "./diagnostic.ts";
import type { Path } from "./path.ts";
import { parseDocument } from "./document.ts";
import { type PathBase, resolvePath } from "./file-path.ts";
import { type Flags, flagsPart, type ProxyFlags } from "./flags.ts";
import { collectFileReferences, interpolate } from "./interpolate.ts";
import {
  type Config,
  type LogDefaults,
  type ParseInput,
  type Part,
  parseConfig,
  parseParts,
  sortByPlace,
} from "./parse.ts";
import type { Located } from "./check.ts";
import { checkCertificates, checkKey } from "./pem.ts";
import { type FileReader, systemFiles } from "./read-file.ts";
import type { Route } from "./route.ts";
import { MAX_ROUTES } from "./schema-route.ts";

export const MAX_CONFIG_BYTES = 16 * 1024 ** 2;
export const MAX_REFERENCED_BYTES = 64 * 1024;
export const MAX_PEM_BYTES = 1024 ** 2;
/** `route add` writes one file a route. */
export const MAX_INCLUDES = MAX_ROUTES;

export interface LoadOptions {
  /** As the user gave it: diagnostics show it so. */
  readonly path: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly defaults: LogDefaults;
  /** Win over the file. */
  readonly flags?: Flags;
  readonly files?: FileReader;
}

interface Context {
  readonly env: LoadOptions["env"];
  readonly files: FileReader;
  readonly paths: PathBase;
}

export async function loadConfig(options: LoadOptions): Promise<Result<Config, Diagnostic[]>> {
  const context: Context = {
    env: options.env,
    files: options.files ?? systemFiles,
    paths: { folder: dirname(resolve(options.path)), home: options.env["HOME"] ?? homedir() },
  };
  const main = await loadPart(options.path, context);
  const includes = await loadIncludes(options.path, context);
  if (!main.ok || !includes.ok) {
    return err([...(main.ok ? [] : main.error), ...(includes.ok ? [] : includes.error)]);
  }
  const input: ParseInput = {
    main: main.value,
    includes: includes.value,
    overrides: options.flags && flagsPart(options.flags),
    paths: context.paths,
    defaults: options.defaults,
  };
  const { config, routes, diagnostics } = parseParts(input);
  const files = await loadPems(routes, context);
  // A path whose reference failed is told already.
  const told = new Set(diagnostics.map(nameOf));
  const all = [...diagnostics, ...files.diagnostics.filter((each) => !told.has(nameOf(each)))];
  if (config === undefined || all.length > 0) return err(sortByPlace(all, input));
  return ok({ ...config, pems: files.pems });
}

/** `ophid proxy start --target localhost:3000 --listen :8080` without a file. */
export function configFromFlags(flags: ProxyFlags, defaults: LogDefaults): Result<Config, Diagnostic[]> {
  const paths = { folder: "/", home: "/" };
  return parseConfig({ main: flagsPart(flags), includes: [], overrides: undefined, paths, defaults });
}

async function loadPart(path: string, context: Context): Promise<Result<Part, Diagnostic[]>> {
  const text = await context.files.readText(resolve(path), MAX_CONFIG_BYTES);
  if (!text.ok) return err([fileDiagnostic(path, `Cannot read the configuration: ${text.error}`)]);
  const parsed = parseDocument(path, text.value);
  if (!parsed.ok) return err([parsed.error]);
  const document = parsed.value;
  if (!document.hasReferences) return ok({ document, tree: document.raw, flaws: [] });
  const files = new Map<string, Result<string, string>>();
  for (const reference of collectFileReferences(document.raw)) {
    const content = await context.files.readText(resolvePath(reference, context.paths), MAX_REFERENCED_BYTES);
    // Editors end files with a line end that is no part of a secret.
    files.set(reference, content.ok ? ok(content.value.replace(/\r?\n$/, "")) : content);
  }
  const { tree, flaws } = interpolate(document.raw, { env: context.env, files });
  return ok({ document, tree, flaws });
}

async function loadIncludes(path: string, context: Context): Promise<Result<Part[], Diagnostic[]>> {
  const folder = join(dirname(path), "routes.d");
  const listed = await context.files.listNames(resolve(folder));
  if (!listed.ok) return err([fileDiagnostic(folder, `Cannot read the folder: ${listed.error}`)]);
  const names = listed.value.filter((name) => name.endsWith(".toml") && !name.startsWith(".")).sort();
  if (names.length > MAX_INCLUDES) {
    return err([fileDiagnostic(folder, `Cannot read the folder: it has more than ${MAX_INCLUDES} files`)]);
  }
  const parts: Part[] = [];
  const diagnostics: Diagnostic[] = [];
  for (const name of names) {
    const part = await loadPart(join(folder, name), context);
    if (part.ok) parts.push(part.value);
    else diagnostics.push(...part.error);
  }
  return diagnostics.length === 0 ? ok(parts) : err(diagnostics);
}

function nameOf({ file, path }: Diagnostic): string {
  return `${file} ${path}`;
}

interface LoadedPems {
  readonly pems: ReadonlyMap<string, string>;
  readonly diagnostics: readonly Diagnostic[];
}

async function loadPems(routes: readonly Located<Route>[], context: Context): Promise<LoadedPems> {
  const pems = new Map<string, string>();
  const diagnostics: Diagnostic[] = [];
  for (const { value: route, document, path } of routes) {
    const tls = route.type === "proxy" ? route.backend_tls : undefined;
    if (tls === undefined) continue;
    const read = (key: "ca" | "cert" | "key") =>
      readPem({ file: tls[key], document, path: [...path, "backend_tls", key] }, context, pems);
    const [ca, cert, key] = [await read("ca"), await read("cert"), await read("key")];
    diagnostics.push(...ca.check((pem) => checkCertificates(pem)));
    diagnostics.push(...cert.check((pem) => checkCertificates(pem)));
    const chain = cert.pem === undefined ? undefined : checkCertificates(cert.pem);
    diagnostics.push(...key.check((pem) => checkKey(pem, chain?.ok ? chain.value : [])));
  }
  return { pems, diagnostics };
}

interface PemSetting {
  readonly file: string | undefined;
  readonly document: Document;
  readonly path: Path;
}

interface ReadPem {
  readonly pem: string | undefined;
  /** Why it cannot be used, by a rule for its content. */
  readonly check: (rule: (pem: string) => Result<unknown, string>) => Diagnostic[];
}

async function readPem(setting: PemSetting, context: Context, pems: Map<string, string>): Promise<ReadPem> {
  const { file, document, path } = setting;
  if (file === undefined) return { pem: undefined, check: () => [] };
  const refuse = (state: string) => [createDiagnostic(document, { kind: "file", path, state })];
  const known = pems.get(file);
  const text =
    known !== undefined
      ? ok(known)
      : await context.files.readText(resolvePath(file, context.paths), MAX_PEM_BYTES);
  if (!text.ok) return { pem: undefined, check: () => refuse(text.error) };
  pems.set(file, text.value);
  return {
    pem: text.value,
    check: (rule) => {
      const result = rule(text.value);
      return result.ok ? [] : refuse(result.error);
    },
  };
}
