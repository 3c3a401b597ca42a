import { afterEach, describe, expect, test } from "bun:test";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  claimHome,
  findMaster,
  homeAt,
  prepareHome,
  readPidFile,
  releaseHome,
} from "../../../src/master/home.ts";
import { identifyProcess } from "../../../src/runtime/process-identity.ts";

const directories: string[] = [];
afterEach(() => {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true });
});

function newHome() {
  const directory = mkdtempSync(join(tmpdir(), "ophid-home-"));
  directories.push(directory);
  const home = homeAt(join(directory, "home"));
  expect(prepareHome(home).ok).toBe(true);
  return home;
}

describe("prepareHome", () => {
  test("creates private directories and closes an open run directory", () => {
    const home = newHome();
    expect(statSync(home.path).mode & 0o777).toBe(0o700);
    expect(statSync(home.logDir).mode & 0o777).toBe(0o700);
    chmodSync(home.runDir, 0o755);
    expect(prepareHome(home).ok).toBe(true);
    expect(statSync(home.runDir).mode & 0o777).toBe(0o700);
  });

  test("refuses a path too long for a socket, and one that cannot be a directory", () => {
    expect(prepareHome(homeAt(`/tmp/${"x".repeat(100)}`))).toMatchObject({
      ok: false,
      error: expect.stringContaining("set OPHID_HOME to a shorter path"),
    });
    expect(prepareHome(homeAt("/dev/null/home")).ok).toBe(false);
  });
});

describe("claimHome", () => {
  test("takes a free home and leaves only the pid file", () => {
    const home = newHome();
    expect(claimHome(home)).toEqual({ ok: true, value: { tookOver: false } });
    expect(readPidFile(home)).toEqual(identifyProcess(process.pid));
    expect(readdirSync(home.runDir)).toEqual(["proxy.pid"]);
    expect(readFileSync(home.pidFile, "utf8").split("\n")[0]).toBe(String(process.pid));
    expect(findMaster(home)?.pid).toBe(process.pid);
    releaseHome(home);
    expect(readdirSync(home.runDir)).toEqual([]);
  });

  test("refuses a home whose master lives", () => {
    const home = newHome();
    claimHome(home);
    expect(claimHome(home)).toEqual({
      ok: false,
      error: `Cannot start: ophid is already running on this home with pid ${process.pid}`,
    });
  });

  test.each([
    ["a dead pid", "999999999\nstart=5\n"],
    ["a pid that was given to another process", `${process.pid}\nstart=5\n`],
    ["nonsense", "hello"],
    ["nothing", ""],
  ])("takes over from %s", (_, content) => {
    const home = newHome();
    mkdirSync(home.runDir, { recursive: true });
    writeFileSync(home.pidFile, content);
    expect(findMaster(home)).toBeUndefined();
    expect(claimHome(home)).toEqual({ ok: true, value: { tookOver: true } });
    expect(readdirSync(home.runDir)).toEqual(["proxy.pid"]);
  });

  test("believes a pid file without a start time if the pid lives", () => {
    const home = newHome();
    writeFileSync(home.pidFile, `${process.pid}\nstart=\n`);
    expect(claimHome(home).ok).toBe(false);
  });
});

describe("releaseHome", () => {
  test("leaves somebody else's pid file alone", () => {
    const home = newHome();
    writeFileSync(home.pidFile, "1\nstart=\n");
    releaseHome(home);
    expect(readPidFile(home)).toEqual({ pid: 1, startTime: "" });
  });
});
