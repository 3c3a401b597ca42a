/** build.ts on real executables: what is stamped in, what a hostile working directory can do, how artefacts are laid out. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildBinary, readCommit, writeChecksums } from "../../build.ts";

const rootDir = join(import.meta.dir, "..", "..");
const entry = join(rootDir, "test", "fixtures", "build", "entry.ts");

let workDir = "";
let binary = "";

beforeAll(async () => {
  workDir = await mkdtemp(join(tmpdir(), "ophid-build-"));
  binary = join(workDir, "out", "ophid");
  await buildBinary({ entry, outFile: binary, target: undefined, version: "1.2.3", commit: "abc123" });
});

afterAll(async () => {
  await rm(workDir, { recursive: true, force: true });
});

describe("buildBinary", () => {
  test("leaves nothing beside the executable", async () => {
    expect(await readdir(join(workDir, "out"))).toEqual(["ophid"]);
  });

  test("stamps version and commit in", () => {
    expect(JSON.parse(run([binary], workDir).stdout)).toMatchObject({ version: "1.2.3", commit: "abc123" });
  });

  test("reads neither .env nor bunfig.toml of the working directory", async () => {
    const hostileDir = join(workDir, "hostile");
    await Bun.write(join(hostileDir, ".env"), "FROM_DOTENV=leaked\n");
    await Bun.write(join(hostileDir, "bunfig.toml"), 'preload = ["./preload.ts"]\n');
    await Bun.write(join(hostileDir, "preload.ts"), "globalThis.preloadedByBunfig = true;\n");

    // The same program under the plain runtime takes the bait, so a pass below means something.
    const bait = JSON.parse(run([process.execPath, entry], hostileDir).stdout);
    expect(bait).toMatchObject({ dotenv: "leaked", preloaded: true });
    expect(JSON.parse(run([binary], hostileDir).stdout)).toMatchObject({ dotenv: "", preloaded: false });
  });

  test("keeps function names and source lines in stack traces", () => {
    const { exitCode, stderr } = run([binary, "throw"], workDir);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/at explode \(.*entry\.ts:6:/);
    expect(stderr).not.toContain(rootDir);
  });

  test("replaces an executable that is running", async () => {
    const running = Bun.spawn([binary, "wait"], { stdin: "pipe", stdout: "pipe", stderr: "pipe" });
    try {
      const output = running.stdout.getReader();
      expect(new TextDecoder().decode((await output.read()).value)).toBe("waiting\n");
      await buildBinary({ entry, outFile: binary, target: undefined, version: "1.2.4", commit: "abc124" });
      expect(JSON.parse(run([binary], workDir).stdout)).toMatchObject({ version: "1.2.4" });
      await running.stdin.end();
      expect(JSON.parse(new TextDecoder().decode((await output.read()).value))).toMatchObject({
        version: "1.2.3",
      });
      expect(await running.exited).toBe(0);
    } finally {
      running.kill("SIGKILL");
      await running.exited;
    }
  });

  test("reports a broken entry and leaves the old executable", async () => {
    const before = await stat(binary);
    const broken = join(workDir, "broken.ts");
    await Bun.write(broken, 'import { gone } from "./gone.ts";\nconsole.log(gone);\n');
    const input = { entry: broken, outFile: binary, target: undefined, version: "9", commit: "9" };
    await expect(buildBinary(input)).rejects.toThrow();
    expect((await stat(binary)).ino).toBe(before.ino);
  });
});

describe("build.ts", () => {
  test("--release offers exactly what SHA256SUMS lists", async () => {
    const outDir = join(workDir, "release");
    await Bun.write(join(outDir, "ophid-linux-old"), "stale");
    await Bun.write(join(outDir, "ophid"), "the local build stays");
    const name = `${process.platform}-${process.arch}`;
    const url = "https://downloads.example/ophid/v1";
    const args = [
      "build.ts",
      "--release",
      "--base-url",
      url,
      "--target",
      name,
      "--out-dir",
      outDir,
      "--entry",
      entry,
    ];
    expect(run([process.execPath, ...args], rootDir)).toMatchObject({ exitCode: 0, stderr: "" });
    const offered = ["install.sh", `ophid-${name}`];
    expect((await readdir(outDir)).sort()).toEqual(["SHA256SUMS", "ophid", ...offered].sort());

    let sums = "";
    for (const file of offered) {
      const bytes = await Bun.file(join(outDir, file)).arrayBuffer();
      sums += `${Bun.SHA256.hash(bytes, "hex")}  ${file}\n`;
    }
    expect(await Bun.file(join(outDir, "SHA256SUMS")).text()).toBe(sums);

    const installer = await Bun.file(join(outDir, "install.sh")).text();
    expect(installer).toContain(`\nrelease_base_url='${url}'\n`);

    const manifest = await Bun.file(join(rootDir, "package.json")).json();
    const printed = JSON.parse(run([join(outDir, `ophid-${name}`)], workDir).stdout);
    expect(printed).toMatchObject({ version: manifest.version, commit: readCommit(rootDir) });
  });

  test.each([
    { args: ["--target", "plan9-x64"], message: 'Unknown target "plan9-x64"' },
    { args: ["--relaese"], message: "'--relaese'" },
    { args: ["surplus"], message: "surplus" },
    { args: ["--release", "--base-url", "https://x/'; id; '"], message: "Not a web address" },
  ])("refuses $args", ({ args, message }) => {
    const { exitCode, stderr } = run([process.execPath, "build.ts", ...args], rootDir);
    expect(exitCode).toBe(1);
    expect(stderr).toContain(message);
    expect(stderr).toContain("Usage: bun build.ts");
  });
});

describe("writeChecksums", () => {
  test("sorts by name and is accepted by sha256sum or shasum", async () => {
    const dir = join(workDir, "sums");
    await Bun.write(join(dir, "ophid-b"), "b");
    await Bun.write(join(dir, "ophid-a"), "a");
    await writeChecksums(dir, ["ophid-b", "ophid-a"]);
    const text = await Bun.file(join(dir, "SHA256SUMS")).text();
    expect(text.split("\n").map((line) => line.slice(64))).toEqual(["  ophid-a", "  ophid-b", ""]);
    const tool = Bun.which("sha256sum") === null ? ["shasum", "-a", "256"] : ["sha256sum"];
    expect(run([...tool, "-c", "SHA256SUMS"], dir).exitCode).toBe(0);
  });
});

describe("readCommit", () => {
  test("tells a clean checkout, a changed one and no checkout apart", async () => {
    const dir = join(workDir, "checkout");
    await Bun.write(join(dir, "file"), "one");
    expect(readCommit(dir)).toBe("unknown");
    const identity = ["-c", "user.name=test", "-c", "user.email=test@localhost"];
    for (const args of [
      ["init", "-q"],
      ["add", "file"],
      [...identity, "commit", "-q", "-m", "one"],
    ]) {
      expect(run(["git", ...args], dir).exitCode).toBe(0);
    }
    expect(readCommit(dir)).toMatch(/^[0-9a-f]{12}$/);
    await Bun.write(join(dir, "file"), "two");
    expect(readCommit(dir)).toMatch(/^[0-9a-f]{12}-dirty$/);
  });

  test("does not take the commit of a checkout around the sources", async () => {
    const dir = join(workDir, "checkout", "unpacked");
    await Bun.write(join(dir, "file"), "one");
    expect(readCommit(dir)).toBe("unknown");
  });
});

function run(command: string[], cwd: string): { exitCode: number; stdout: string; stderr: string } {
  const result = Bun.spawnSync(command, { cwd, stdin: "ignore", timeout: 20_000 });
  return {
    exitCode: result.exitCode,
    stdout: result.stdout.toString(),
    stderr: result.stderr.toString(),
  };
}
