/** Tables, status and what else is printed for people. */

import { describe, expect, test } from "bun:test";
import { formatAddress, formatBanner } from "../../../src/cli/banner.ts";
import { formatWelcome } from "../../../src/cli/demo.ts";
import { EXIT } from "../../../src/cli/failure.ts";
import { resolveHome } from "../../../src/cli/home.ts";
import { parseLines } from "../../../src/cli/logs.ts";
import { fitScreen } from "../../../src/cli/status.ts";
import { formatAge, formatStatus } from "../../../src/cli/status-text.ts";
import { type Column, formatTable } from "../../../src/cli/table.ts";
import { formatFailure, wantsColor } from "../../../src/cli/terminal.ts";
import type { StatusReport } from "../../../src/master/status.ts";

describe("formatTable", () => {
  const columns: readonly Column<{ readonly name: string; readonly count?: number }>[] = [
    { title: "NAME", value: (row) => row.name },
    { title: "N", align: "right", value: (row) => row.count },
    { title: "EMPTY", value: () => "" },
  ];

  test("aligns columns, marks what is unknown and leaves out what says nothing", () => {
    expect(formatTable(columns, [{ name: "a", count: 1000 }, { name: "longer" }])).toEqual([
      "NAME       N",
      "a       1000",
      "longer     -",
    ]);
  });

  test("counts the width of a character, not its length", () => {
    const lines = formatTable(columns, [
      { name: "日本", count: 1 },
      { name: "abcd", count: 1 },
    ]);
    expect(lines.map((line) => Bun.stringWidth(line))).toEqual([7, 7, 7]);
  });

  test("lets no name control the terminal", () => {
    expect(formatTable(columns, [{ name: "a\u001b[2J\nb" }])[1]).toBe("a\\x1b[2J\\nb");
  });

  test("is a line of titles without rows", () => {
    expect(formatTable([], [])).toEqual([""]);
  });
});

const STATUS: StatusReport = {
  version: "1.2.3",
  pid: 100,
  home: "/h",
  phase: "running",
  ready: true,
  startedAt: "2026-01-01T00:00:00.000Z",
  uptimeMs: 3_725_999,
  rssBytes: 50 * 1024 * 1024,
  config: { path: "/h/c.toml", generation: 2, loadedAt: "2026-01-01T00:00:01.000Z", lastReload: undefined },
  workers: [
    {
      index: 0,
      pid: 101,
      state: "ready",
      restarts: 1,
      uptimeMs: 1_000,
      rssBytes: 40 * 1024 * 1024,
      connections: 3,
      inFlight: 2,
      websockets: 1,
    },
    {
      index: 0,
      pid: 99,
      state: "draining",
      restarts: 0,
      uptimeMs: 9_000,
      rssBytes: undefined,
      connections: undefined,
      inFlight: undefined,
      websockets: undefined,
    },
  ],
  listeners: [{ key: "x", address: "[::]:8080" }],
  routes: [
    {
      name: "app",
      source: "c.toml:3",
      host: "a.test",
      path: "/*",
      methods: ["GET"],
      action: "proxy",
      to: ["x:1"],
    },
    {
      name: "b.test/*",
      source: "c.toml:9",
      host: "b.test",
      path: "/*",
      methods: [],
      action: "respond",
      to: ["204"],
    },
  ],
  endpoints: [{ name: "x:1", inFlight: 2, requests: 12345, failures: 6 }],
};

describe("formatStatus", () => {
  test("shows everything once", () => {
    expect(formatStatus(STATUS).split("\n")).toEqual([
      "ophid 1.2.3: running, pid 100, up 1h2m, master 50 MiB",
      "config /h/c.toml, generation 2 of 2026-01-01T00:00:01.000Z",
      "home   /h",
      "",
      "WORKER  PID  STATE     UP  RESTARTS  MEMORY  CONNECTIONS  IN FLIGHT  WEBSOCKETS",
      "0       101  ready     1s         1  40 MiB            3          2           1",
      "0        99  draining  9s         0       -            -          -           -",
      "1 draining: finishing what they have",
      "",
      "LISTENERS",
      "http://localhost:8080 (all addresses)",
      "",
      "HOST    PATH  METHODS  ACTION   TO   NAME  SOURCE",
      "a.test  /*    GET      proxy    x:1  app   c.toml:3",
      "b.test  /*    -        respond  204  -     c.toml:9",
      "",
      "ENDPOINT  IN FLIGHT  REQUESTS  FAILURES",
      "x:1               2     12345         6",
    ]);
  });

  test("says that nobody serves and why the last reload was refused", () => {
    const refused = {
      ok: false,
      at: "T",
      tookMs: 1,
      kind: "config",
      message: "c.toml:1: error\n  found: x\n",
    } as const;
    const text = formatStatus({ ...STATUS, ready: false, config: { ...STATUS.config, lastReload: refused } });
    expect(text).toContain("running, but no worker serves");
    expect(text).toContain(
      "(T) was refused, an earlier configuration runs:\n  c.toml:1: error\n    found: x\n\n",
    );
  });
});

describe("formatAge", () => {
  test.each([
    [0, "0s"],
    [999, "0s"],
    [61_500, "1m1s"],
    [90_061_000, "1d1h"],
    [-5, "0s"],
  ])("%p ms is %p", (ageMs, text) => {
    expect(formatAge(ageMs)).toBe(text);
  });
});

describe("fitScreen", () => {
  test("counts what does not fit", () => {
    expect(fitScreen("a\nb\nc", 3)).toEqual(["a", "b", "c"]);
    expect(fitScreen("a\nb\nc\nd", 3)).toEqual(["a", "b", "… 2 more lines"]);
    expect(fitScreen("a\nb", 1)).toEqual(["a", "… 1 more lines"]);
  });
});

describe("formatAddress", () => {
  test.each([
    ["[::]:80", "http://localhost (all addresses)"],
    ["0.0.0.0:8080", "http://localhost:8080 (all IPv4 addresses)"],
    ["127.0.0.1:80", "http://127.0.0.1"],
    ["[::1]:8080", "http://[::1]:8080"],
    ["unix:/run/x.sock", "unix:/run/x.sock"],
  ])("shows %p as %p", (address, text) => {
    expect(formatAddress(address)).toBe(text);
  });
});

describe("banner and welcome", () => {
  test("say where it listens and how it ends", () => {
    const banner = formatBanner({
      version: "1",
      home: "/h",
      configPath: "/c",
      listeners: ["[::]:1", "unix:/x"],
    });
    for (const part of ["http://localhost:1", "unix:/x", "/c", "/h", "Ctrl-C", "ophid proxy stop"]) {
      expect(banner).toContain(part);
    }
    const welcome = formatWelcome("http://127.0.0.1:8080", "/tmp/x", "ophid");
    for (const part of ["curl -s http://127.0.0.1:8080/", "OPHID_HOME=/tmp/x ophid proxy status", "Ctrl-C"]) {
      expect(welcome).toContain(part);
    }
  });
});

describe("colours", () => {
  test.each([
    [true, {}, true],
    [false, {}, false],
    [undefined, {}, false],
    [true, { NO_COLOR: "1" }, false],
    [true, { NO_COLOR: "" }, true],
    [true, { TERM: "dumb" }, false],
  ])("on a terminal %p with %p: %p", (isTty, env, expected) => {
    expect(wantsColor(isTty, env)).toBe(expected);
  });
});

describe("formatFailure", () => {
  test("puts details first and leaves out what there is not", () => {
    const failure = { exitCode: EXIT.wrong, message: "Cannot go", hint: "Rest", details: "x:1: error\n" };
    expect(formatFailure(failure, false)).toBe("x:1: error\n\nerror: Cannot go\nhint:  Rest");
    expect(formatFailure({ exitCode: EXIT.wrong, message: "Cannot go" }, false)).toBe("error: Cannot go");
    expect(formatFailure({ exitCode: EXIT.wrong, message: "Cannot go" }, true)).toContain("\u001b[31m");
  });
});

describe("resolveHome", () => {
  test.each([
    [{ OPHID_HOME: "/x" }, "/x"],
    [{ OPHID_HOME: "rel" }, "/w/rel"],
    [{ OPHID_HOME: "", HOME: "/u" }, "/u/.ophid"],
    [{ HOME: "/u" }, "/u/.ophid"],
  ])("of %p is %p", (env, home) => {
    expect(resolveHome(env, "/w")).toBe(home);
  });
});

describe("parseLines", () => {
  test.each([
    [undefined, 100],
    ["0", 0],
    ["100000", 100_000],
  ])("reads %p", (text, lines) => {
    expect(parseLines(text)).toEqual({ ok: true, value: lines });
  });

  test.each(["-1", "1.5", "x", "100001", "1e3", " 1"])("refuses %p", (text) => {
    expect(parseLines(text)).toMatchObject({ ok: false, error: { exitCode: 1 } });
  });
});
