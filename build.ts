/**
 * Compiles the single-file executable: `bun build.ts` makes dist/ophid for this machine, `--target T` and `--all`
 * make dist/ophid-<os>-<arch>, `--release` makes them together with install.sh and a SHA256SUMS over what dist/ offers.
 */

import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { parseArgs } from "node:util";

const rootDir = import.meta.dir;

/** Name in the artefact → name of the runtime that is fetched for it from the npm registry. */
const targets = {
  "linux-x64": "bun-linux-x64",
  "linux-arm64": "bun-linux-arm64",
  "linux-x64-musl": "bun-linux-x64-musl",
  "linux-arm64-musl": "bun-linux-arm64-musl",
  "darwin-x64": "bun-darwin-x64",
  "darwin-arm64": "bun-darwin-arm64",
} as const satisfies Record<string, Bun.Build.CompileTarget>;

export type Target = keyof typeof targets;

export interface BuildInput {
  readonly entry: string;
  readonly outFile: string;
  /** Undefined means the machine that builds. */
  readonly target: Target | undefined;
  readonly version: string;
  readonly commit: string;
}

/** Compiles one executable and puts it in place with a rename, so that a running one is never written into. */
export async function buildBinary(input: BuildInput): Promise<void> {
  const outFile = resolve(input.outFile);
  const outDir = resolve(outFile, "..");
  const workDir = join(outDir, `.build-${process.pid}-${basename(outFile)}`);
  await mkdir(workDir, { recursive: true });
  try {
    const builtFile = join(workDir, basename(outFile));
    await Bun.build({
      entrypoints: [resolve(input.entry)],
      target: "bun",
      // Bytecode saves parsing and splitting keeps each verb's and role's code apart until it is used: from start
      // to the first served request it halves the time (292-323 to 78-96 ms, interleaved on a busy machine).
      format: "esm",
      bytecode: true,
      splitting: true,
      // Identifiers stay and the map is embedded, so a stack trace names the function and the source line.
      minify: { whitespace: true, syntax: true, identifiers: false },
      sourcemap: "linked",
      env: "disable",
      define: {
        OPHID_BUILD_VERSION: JSON.stringify(input.version),
        OPHID_BUILD_COMMIT: JSON.stringify(input.commit),
      },
      compile: {
        ...(input.target === undefined ? {} : { target: targets[input.target] }),
        outfile: builtFile,
        // Otherwise the binary reads ./.env and runs the `preload` of a ./bunfig.toml of whatever folder it starts in.
        autoloadDotenv: false,
        autoloadBunfig: false,
        autoloadTsconfig: false,
        autoloadPackageJson: false,
      },
      throw: true,
    });
    await rename(builtFile, outFile);
  } finally {
    await rm(workDir, { recursive: true, force: true });
  }
}

/** One line per file in the format of sha256sum(1), sorted by name. */
export async function writeChecksums(dir: string, names: readonly string[]): Promise<void> {
  const lines: string[] = [];
  for (const name of [...names].sort()) {
    const hasher = new Bun.CryptoHasher("sha256");
    for await (const chunk of Bun.file(join(dir, name)).stream()) hasher.update(chunk);
    lines.push(`${hasher.digest("hex")}  ${name}\n`);
  }
  const sumsFile = join(dir, "SHA256SUMS");
  await Bun.write(`${sumsFile}.new`, lines.join(""));
  await rename(`${sumsFile}.new`, sumsFile);
}

/** Copies install.sh, with the address it will be fetched from, so that `curl … | sh` needs no variable. */
export async function writeInstaller(dir: string, baseUrl: string): Promise<void> {
  const source = await Bun.file(join(rootDir, "install.sh")).text();
  const placeholder = "release_base_url=''";
  if (!source.includes(placeholder))
    throw new Error(`Cannot write install.sh: "${placeholder}" is not in it`);
  // The replacement is a function because a URL may hold "$&".
  const text = source.replace(placeholder, () => `release_base_url='${baseUrl}'`);
  await Bun.write(join(dir, "install.sh"), text, { mode: 0o755 });
}

/** "unknown" outside git, also when the sources were unpacked inside somebody else's checkout. */
export function readCommit(dir: string): string {
  if (git(dir, "rev-parse", "--show-prefix") !== "") return "unknown";
  const id = git(dir, "rev-parse", "--short=12", "HEAD");
  if (id === undefined) return "unknown";
  return git(dir, "status", "--porcelain", "--untracked-files=no") === "" ? id : `${id}-dirty`;
}

function git(dir: string, ...args: readonly string[]): string | undefined {
  if (Bun.which("git") === null) return undefined;
  const run = Bun.spawnSync(["git", "-C", dir, ...args], { stdin: "ignore", stderr: "ignore" });
  return run.success ? run.stdout.toString().trim() : undefined;
}

interface Options {
  readonly targets: readonly Target[];
  readonly release: boolean;
  readonly baseUrl: string;
  readonly outDir: string;
  readonly entry: string;
}

const usage = `Usage: bun build.ts [--target T]... [--all] [--release [--base-url URL]] [--out-dir DIR] [--entry FILE]
Targets: ${Object.keys(targets).join(", ")}`;

function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      target: { type: "string", multiple: true, default: [] },
      all: { type: "boolean", default: false },
      release: { type: "boolean", default: false },
      "base-url": { type: "string", default: "" },
      "out-dir": { type: "string", default: join(rootDir, "dist") },
      entry: { type: "string", default: join(rootDir, "src", "main.ts") },
    },
  });
  const chosen: Target[] = [];
  for (const name of values.target) {
    if (!isTarget(name)) throw new Error(`Unknown target "${name}"`);
    if (!chosen.includes(name)) chosen.push(name);
  }
  const baseUrl = values["base-url"];
  // Ends up between single quotes in a shell script.
  if (baseUrl !== "" && !/^https?:\/\/[^\s'\\]+$/.test(baseUrl))
    throw new Error(`Not a web address "${baseUrl}"`);
  const everything = values.all || (values.release && chosen.length === 0);
  return {
    targets: everything ? Object.keys(targets).filter(isTarget) : chosen,
    release: values.release,
    baseUrl,
    outDir: resolve(values["out-dir"]),
    entry: values.entry,
  };
}

function isTarget(name: string): name is Target {
  return Object.hasOwn(targets, name);
}

async function build(options: Options): Promise<void> {
  const manifest: { readonly version: string } = await Bun.file(join(rootDir, "package.json")).json();
  const stamp = { entry: options.entry, version: manifest.version, commit: readCommit(rootDir) };
  await mkdir(options.outDir, { recursive: true });
  if (options.release) await removeArtefacts(options.outDir);
  const names: string[] = [];
  const wanted = options.targets.length === 0 ? [undefined] : options.targets;
  for (const target of wanted) {
    const name = target === undefined ? "ophid" : `ophid-${target}`;
    const startedAt = performance.now();
    await buildBinary({ ...stamp, target, outFile: join(options.outDir, name) });
    names.push(name);
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
    console.log(`${join(options.outDir, name)}  ${stamp.version} (${stamp.commit})  ${seconds} s`);
  }
  if (options.release) {
    await writeInstaller(options.outDir, options.baseUrl);
    await writeChecksums(options.outDir, [...names, "install.sh"]);
    console.log(join(options.outDir, "SHA256SUMS"));
  }
}

/** A release folder offers only what was built together. */
async function removeArtefacts(dir: string): Promise<void> {
  for (const name of await readdir(dir)) {
    if (name === "SHA256SUMS" || name === "install.sh" || name.startsWith("ophid-"))
      await rm(join(dir, name));
  }
}

if (import.meta.main) {
  const args = Bun.argv.slice(2);
  try {
    if (args.includes("--help") || args.includes("-h")) console.log(usage);
    else await build(readOptions(args));
  } catch (error) {
    // The bundler reports what it found as an AggregateError of messages with file and line.
    const causes = error instanceof AggregateError ? error.errors : [error];
    for (const cause of causes) console.error(cause instanceof Error ? cause.message : cause);
    if (!(error instanceof AggregateError)) console.error(usage);
    process.exitCode = 1;
  }
}
