/** `npm run bench`: ophid beside nginx and Caddy on one core each, by processor time per request. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { runBench } from "./bench.ts";
import { killAllChildren, stopAllChildren } from "./children.ts";
import { checkPlatform, chooseCores, lockMachine, moveTo } from "./machine.ts";
import { type Options, readOptions, USAGE } from "./options.ts";
import { formatReport } from "./report.ts";

const ROOT = resolve(import.meta.dir, "../..");
const PACKAGES = ["nginx", "wrk", "caddy", "strace", "nghttp2-client"];
/** Debian's nginx is in sbin, which is not on every user's PATH. */
const SYSTEM_FOLDERS = "/usr/local/sbin:/usr/sbin:/sbin";

const INTERRUPTED = 130;

function say(line: string): void {
  console.error(`bench: ${line}`);
}

function runOrFail(command: readonly string[], what: string): void {
  // Its standard output is progress; ours is the report.
  const run = Bun.spawnSync([...command], { cwd: ROOT, stdio: ["ignore", 2, 2] });
  if (!run.success) throw new Error(`${what} failed`);
}

function prepareBinary({ ophid }: Options): string {
  if (ophid !== undefined) return ophid;
  // A stale binary is the classic mistake of benchmarks.
  runOrFail([process.execPath, "build.ts"], "The build of dist/ophid");
  return join(ROOT, "dist", "ophid");
}

let interrupted = false;

async function main(args: readonly string[]): Promise<number> {
  const options = readOptions(args);
  checkPlatform();
  lockMachine();
  process.env["PATH"] = `${process.env["PATH"] ?? ""}:${SYSTEM_FOLDERS}`;
  runOrFail(["bash", "test/support/setup.sh", ...PACKAGES], "Setting up what the benchmark needs");
  const binary = prepareBinary(options);
  const cores = chooseCores();
  moveTo(cores.load);
  const dir = mkdtempSync(join(tmpdir(), "ophid-bench-"));
  process.on("exit", () => {
    killAllChildren();
    rmSync(dir, { recursive: true, force: true });
  });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => {
      interrupted = true;
      void stopAllChildren().finally(() => process.exit(INTERRUPTED));
    });
  }
  try {
    const report = await runBench({ options, dir, cores, binary, say });
    if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(report, null, 2)}\n`);
    console.log(formatReport(report));
    return options.check && report.limits.some(({ met }) => !met) ? 1 : 0;
  } finally {
    await stopAllChildren();
  }
}

try {
  process.exit(await main(process.argv.slice(2)));
} catch (error) {
  // Programs that are stopped under a run make it fail; that is no news then.
  if (interrupted) process.exit(INTERRUPTED);
  console.error(error instanceof Error ? error.message : error);
  if (error instanceof TypeError) console.error(USAGE);
  process.exit(2);
}
