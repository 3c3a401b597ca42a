/** install.sh on different machines, target folders and in a checkout. */

import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { chown, mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import {
  type Lab,
  closeLab,
  createLab,
  fakeBinary,
  fakeUname,
  glibc,
  makeCheckout,
  makePlace,
  publish,
  publishText,
  readVersion,
  resetLab,
  runFile,
  runPiped,
  writeTool,
} from "../support/install-lab.ts";

let lab: Lab;

beforeAll(async () => {
  lab = await createLab();
});

afterAll(async () => {
  await closeLab(lab);
});

beforeEach(() => {
  resetLab(lab);
});

const nobody = 65534;

describe("install.sh and the machine", () => {
  test.each([
    { uname: ["Linux", "x86_64"], stubs: { getconf: glibc }, want: "linux-x64" },
    { uname: ["Linux", "aarch64"], stubs: { getconf: glibc }, want: "linux-arm64" },
    {
      uname: ["Linux", "x86_64"],
      stubs: { getconf: "exit 1", ldd: "echo 'musl libc (x86_64)' >&2; exit 1" },
      want: "linux-x64-musl",
    },
    {
      uname: ["Linux", "aarch64"],
      stubs: { getconf: "exit 1", ldd: "echo 'musl libc (aarch64)' >&2; exit 1" },
      want: "linux-arm64-musl",
    },
    {
      uname: ["Linux", "x86_64"],
      stubs: { getconf: "exit 1", ldd: "echo 'ldd (Debian GLIBC 2.36) 2.36'" },
      want: "linux-x64",
    },
    { uname: ["Darwin", "arm64"], stubs: {}, want: "darwin-arm64" },
    { uname: ["Darwin", "x86_64"], stubs: { sysctl: "echo 1" }, want: "darwin-arm64" },
    { uname: ["Darwin", "x86_64"], stubs: { sysctl: "echo 0" }, want: "darwin-x64" },
  ])("asks for $want on $uname", async ({ uname, stubs, want }) => {
    const place = await makePlace(lab, { stubs: { ...stubs, uname: fakeUname(uname) } });
    publishText(lab, fakeBinary("1.0.0"), want);
    expect(await runPiped(lab, place)).toMatchObject({ exitCode: 0 });
    expect(lab.requests).toEqual(["/release/SHA256SUMS", `/release/ophid-${want}`]);
  });

  test.each([
    { uname: ["FreeBSD", "amd64"], stubs: {}, message: "runs on Linux and macOS, this is FreeBSD" },
    { uname: ["Linux", "riscv64"], stubs: {}, message: "this machine is riscv64" },
    { uname: ["Linux", "aarch64"], stubs: { getconf: "echo 32" }, message: "This system is 32-bit" },
  ])("refuses $uname", async ({ uname, stubs, message }) => {
    const place = await makePlace(lab, { stubs: { ...stubs, uname: fakeUname(uname) } });
    const { exitCode, stderr } = await runPiped(lab, place);
    expect(exitCode).toBe(1);
    expect(stderr).toContain(message);
    expect(lab.requests).toEqual([]);
  });

  test("falls back to ~/.local/bin, makes it, and says how to put it on PATH", async () => {
    const place = await makePlace(lab);
    publish(lab, "1.0.0");
    const home = join(place.dir, "home");
    await mkdir(home);
    // Root may write to /usr/local/bin, so it has to become somebody who may not.
    const isRoot = process.getuid?.() === 0;
    if (isRoot) await chown(home, nobody, nobody);
    const user = isRoot ? ["setpriv", `--reuid=${nobody}`, `--regid=${nobody}`, "--clear-groups"] : [];
    const env = { OPHID_INSTALL_DIR: "", HOME: home, SHELL: "/usr/bin/zsh" };
    const { exitCode, stdout } = await runPiped(lab, place, { env, prefix: user });
    expect(exitCode).toBe(0);
    expect(stdout).toContain(`Installed ophid 1.0.0 (abc) to ${home}/.local/bin/ophid\n`);
    expect(stdout).toContain(`${home}/.local/bin is not on PATH`);
    expect(stdout).toContain("~/.zshrc");
    expect(await readdir(join(home, ".local", "bin"))).toEqual(["ophid"]);
  });

  test("warns when another ophid comes first on PATH", async () => {
    const place = await makePlace(lab, { stubs: { ophid: "echo 'ophid 0.9.0'" } });
    publish(lab, "1.0.0");
    const { exitCode, stderr } = await runPiped(lab, place);
    expect(exitCode).toBe(0);
    expect(stderr).toContain(`another ophid comes first on PATH: ${place.dir}/bin/ophid`);
  });

  test("refuses a target folder it cannot use", async () => {
    const place = await makePlace(lab);
    await Bun.write(join(place.dir, "file"), "");
    const blocked = await runPiped(lab, place, {
      env: { OPHID_INSTALL_DIR: join(place.dir, "file", "bin") },
    });
    expect(blocked).toMatchObject({ exitCode: 1 });
    expect(blocked.stderr).toContain("Cannot create");
    await mkdir(place.target);
    const occupied = await runPiped(lab, place);
    expect(occupied).toMatchObject({ exitCode: 1 });
    expect(occupied.stderr).toContain("is a folder");
  });
});

describe("install.sh in a checkout", () => {
  test("builds with the pinned runtime and installs the result", async () => {
    const { place, checkout } = await makeCheckout(lab);
    const bun = join(checkout, "node_modules", ".bin", "bun");
    // Stands in for the runtime: "bun build.ts" leaves dist/ophid.
    await writeTool(bun, `[ "$1" = build.ts ] && mkdir -p dist && cp built dist/ophid`);
    await writeTool(join(checkout, "built"), "echo 'ophid 2.0.0 (built)'");
    const first = await runFile(place, checkout);
    expect(first).toMatchObject({ exitCode: 0, stderr: "" });
    expect(first.stdout).toContain(`Installed ophid 2.0.0 (built) to ${place.target}`);
    expect((await runFile(place, checkout)).stdout).toContain("already up to date");
    await writeTool(join(checkout, "built"), "echo 'ophid 2.1.0 (built)'");
    expect((await runFile(place, checkout)).stdout).toContain(": 2.0.0 (built) -> 2.1.0 (built)");
  });

  test("installs an existing dist/ophid when nothing can build", async () => {
    const { place, checkout } = await makeCheckout(lab);
    await writeTool(join(checkout, "dist", "ophid"), "echo 'ophid 2.0.0 (dist)'");
    const { exitCode, stdout } = await runFile(place, checkout);
    expect(exitCode).toBe(0);
    expect(stdout).toContain("Installed ophid 2.0.0 (dist)");
  });

  test("brings the build tools with npm when there is nothing yet", async () => {
    const { place, checkout } = await makeCheckout(lab);
    const bun = `printf '#!/bin/sh\\nmkdir -p dist && cp built dist/ophid\\n' >node_modules/.bin/bun`;
    const npm = `[ "$1" = ci ] && mkdir -p node_modules/.bin && ${bun} && chmod 755 node_modules/.bin/bun`;
    await writeTool(join(place.dir, "bin", "npm"), npm);
    await writeTool(join(checkout, "built"), "echo 'ophid 2.0.0 (npm)'");
    expect((await runFile(place, checkout)).stdout).toContain("Installed ophid 2.0.0 (npm)");
  });

  test("says what it needs when there is neither a build nor npm", async () => {
    const { place, checkout } = await makeCheckout(lab);
    const { exitCode, stderr } = await runFile(place, checkout);
    expect(exitCode).toBe(1);
    expect(stderr).toContain("install Node and npm");
  });

  test("leaves the old one in place when the build fails", async () => {
    const { place, checkout } = await makeCheckout(lab);
    await writeTool(place.target, "echo 'ophid 1.0.0'");
    await writeTool(join(checkout, "dist", "ophid"), "echo 'ophid 6.6.6'");
    await writeTool(join(checkout, "node_modules", ".bin", "bun"), "exit 1");
    const { exitCode, stderr } = await runFile(place, checkout);
    expect(exitCode).toBe(1);
    expect(stderr).toContain("The build failed");
    expect(await readVersion(place)).toBe("ophid 1.0.0\n");
  });
});
