/** A web server with releases and machines with chosen tools, for the tests of install.sh. */

import { chmod, mkdir, mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const rootDir = join(import.meta.dir, "..", "..");

/** What install.sh may use; the tests leave out or replace single ones. */
const tools = [
  "awk",
  "cat",
  "chmod",
  "cmp",
  "cp",
  "curl",
  "cut",
  "dirname",
  "getconf",
  "grep",
  "ldd",
  "mkdir",
];
tools.push("mktemp", "mv", "rm", "sed", "sh", "sha256sum", "shasum", "uname", "wget");

/** A getconf(1) on glibc. */
export const glibc = `[ "$1" = LONG_BIT ] && echo 64 || echo 'glibc 2.36'`;

export interface Lab {
  readonly dir: string;
  readonly script: string;
  readonly baseUrl: string;
  /** What the web server offers, by path. */
  readonly files: Map<string, string>;
  /** Paths asked for so far. */
  readonly requests: string[];
  readonly server: Bun.Server<undefined>;
  caseCount: number;
}

export async function createLab(): Promise<Lab> {
  const dir = await mkdtemp(join(tmpdir(), "ophid-install-"));
  // Another user goes through it in one test.
  await chmod(dir, 0o755);
  const files = new Map<string, string>();
  const requests: string[] = [];
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch(request) {
      const path = new URL(request.url).pathname;
      requests.push(path);
      const text = files.get(path);
      return text === undefined ? new Response("not here", { status: 404 }) : new Response(text);
    },
  });
  const script = await Bun.file(join(rootDir, "install.sh")).text();
  const baseUrl = `http://127.0.0.1:${server.port}/release`;
  return { dir, script, baseUrl, files, requests, server, caseCount: 0 };
}

export function resetLab(lab: Lab): void {
  lab.files.clear();
  lab.requests.length = 0;
}

export async function closeLab(lab: Lab): Promise<void> {
  await lab.server.stop(true);
  await rm(lab.dir, { recursive: true, force: true });
}

export interface Place {
  readonly dir: string;
  readonly installDir: string;
  readonly target: string;
  readonly path: string;
}

export interface Machine {
  readonly without?: readonly string[];
  readonly stubs?: Readonly<Record<string, string>>;
}

/** A folder to install into and a PATH with only the tools that the machine is said to have. */
export async function makePlace(lab: Lab, machine: Machine = {}): Promise<Place> {
  lab.caseCount += 1;
  const dir = join(lab.dir, `case-${lab.caseCount}`);
  const installDir = join(dir, "installed");
  await mkdir(join(dir, "bin"), { recursive: true });
  await mkdir(installDir);
  const stubs = machine.stubs ?? {};
  for (const tool of tools) {
    const found = Bun.which(tool);
    if (found === null || tool in stubs || machine.without?.includes(tool)) continue;
    await symlink(found, join(dir, "bin", tool));
  }
  for (const [name, body] of Object.entries(stubs)) await writeTool(join(dir, "bin", name), body);
  return { dir, installDir, target: join(installDir, "ophid"), path: `${join(dir, "bin")}:${installDir}` };
}

export async function makeCheckout(lab: Lab): Promise<{ place: Place; checkout: string }> {
  const place = await makePlace(lab);
  const checkout = join(place.dir, "checkout");
  await Bun.write(join(checkout, "package.json"), await Bun.file(join(rootDir, "package.json")).text());
  await Bun.write(join(checkout, "build.ts"), "");
  await Bun.write(join(checkout, "install.sh"), lab.script);
  return { place, checkout };
}

export async function writeTool(file: string, body: string): Promise<void> {
  await Bun.write(file, `#!/bin/sh\n${body}\n`);
  await chmod(file, 0o755);
}

export function fakeBinary(version: string): string {
  return `#!/bin/sh\n[ "$1" = version ] && echo "ophid ${version} (abc)"\n`;
}

export function fakeUname([system, machine]: readonly string[]): string {
  return `[ "$1" = -s ] && echo ${system} || echo ${machine}`;
}

export function hostPlatform(): string {
  return `${process.platform}-${process.arch}`;
}

export function publish(lab: Lab, version: string): void {
  publishText(lab, fakeBinary(version));
}

export function publishText(lab: Lab, text: string, platform = hostPlatform()): void {
  lab.files.set(`/release/ophid-${platform}`, text);
  lab.files.set("/release/SHA256SUMS", `${Bun.SHA256.hash(text, "hex")}  ophid-${platform}\n`);
}

type Output = { exitCode: number; stdout: string; stderr: string };
type Environment = Readonly<Record<string, string>>;

interface PipeOptions {
  readonly env?: Environment;
  /** Instead of the whole script. */
  readonly text?: string;
  /** Put before the shell, to become another user. */
  readonly prefix?: readonly string[];
}

/** As `curl … | sh` does it: the script is the standard input. */
export function runPiped(lab: Lab, place: Place, options: PipeOptions = {}): Promise<Output> {
  const env = { OPHID_BASE_URL: lab.baseUrl, ...options.env };
  return run(place, [...(options.prefix ?? []), "sh"], env, new Blob([options.text ?? lab.script]));
}

export function runFile(place: Place, checkout: string): Promise<Output> {
  return run(place, ["sh", join(checkout, "install.sh")], {}, new Blob([]));
}

async function run(place: Place, command: string[], env: Environment, stdin: Blob): Promise<Output> {
  const [name = "", ...args] = command;
  const child = Bun.spawn([Bun.which(name) ?? name, ...args], {
    cwd: place.dir,
    env: { PATH: place.path, HOME: place.dir, OPHID_INSTALL_DIR: place.installDir, ...env },
    stdin,
    stdout: "pipe",
    stderr: "pipe",
    timeout: 20_000,
  });
  const [stdout, stderr, exitCode] = await Promise.all([
    child.stdout.text(),
    child.stderr.text(),
    child.exited,
  ]);
  return { exitCode, stdout, stderr };
}

export async function readVersion(place: Place): Promise<string> {
  return (await run(place, [place.target, "version"], {}, new Blob([]))).stdout;
}
