/**
 * Configurations in, snapshots or diagnostics out: every file beside its expected result.
 * `UPDATE_GOLDEN=1 bun test test/golden` writes the results anew; read the difference before you keep it.
 */

import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "bun:test";
import { loadConfig } from "../../src/config/load.ts";
import { formatDiagnostics } from "../../src/config/report.ts";
import { compile } from "../../src/snapshot/compile.ts";

const HERE = import.meta.dir;
const EXAMPLES = join(HERE, "../../examples");
const SECRET = "hunter2secret";
const ENV = { HOME: "/home/user", HOST: "env.example", PORT: "3000", TOKEN: SECRET };
const DEFAULTS = { access_log: "/var/log/access.log", error_log: "/var/log/error.log" };

/** Files stand for themselves; a folder is a case with its config.toml. */
function listCases(folder: string): string[] {
  return readdirSync(join(HERE, folder))
    .filter((name) => name.endsWith(".toml") || statSync(join(HERE, folder, name)).isDirectory())
    .sort();
}

async function load(path: string) {
  const isFolder = statSync(path).isDirectory();
  return loadConfig({ path: isFolder ? join(path, "config.toml") : path, env: ENV, defaults: DEFAULTS });
}

function expectGolden(folder: string, name: string, text: string): void {
  const path = join(HERE, folder, `${name.replace(/\.toml$/, "")}.expected`);
  const portable = text.replaceAll(`${join(HERE, folder)}/`, "");
  if (process.env["UPDATE_GOLDEN"] === "1") writeFileSync(path, portable);
  expect(portable).toBe(readFileSync(path, "utf8"));
}

/** Keys of other programs stay out of the repository's results. */
function toJson(value: unknown): string {
  return `${JSON.stringify(value, (_key, item) => shortenPem(item), 2)}\n`;
}

function shortenPem(item: unknown): unknown {
  return typeof item === "string" && item.startsWith("-----BEGIN ") ? `${item.split("\n", 1)[0]} …` : item;
}

describe("a good configuration compiles", () => {
  for (const name of listCases("good")) {
    test(name, async () => {
      const result = await load(join(HERE, "good", name));
      if (!result.ok) throw new Error(formatDiagnostics(result.error, { color: false }));
      expectGolden("good", name, toJson(compile(result.value)));
    });
  }
});

describe("a bad configuration is refused with exact diagnostics", () => {
  for (const name of listCases("bad")) {
    test(name, async () => {
      const result = await load(join(HERE, "bad", name));
      const text = result.ok ? "accepted" : formatDiagnostics(result.error, { color: false });
      expect(text).not.toContain(SECRET);
      expect(JSON.stringify(result)).not.toContain(SECRET);
      expectGolden("bad", name, text);
    });
  }

  test("the founding example lacks only features of later versions", async () => {
    const result = await load(join(HERE, "bad/founding-example.toml"));
    const kinds = result.ok ? [] : result.error.map((diagnostic) => diagnostic.kind);
    expect(kinds.length).toBeGreaterThan(0);
    expect([...new Set(kinds)]).toEqual(["unavailable"]);
  });
});

describe("an example", () => {
  for (const name of readdirSync(EXAMPLES).filter((entry) => entry.endsWith(".toml"))) {
    test(`${name} compiles`, async () => {
      const result = await load(join(EXAMPLES, name));
      if (!result.ok) throw new Error(formatDiagnostics(result.error, { color: false }));
      expect(compile(result.value).routes.length).toBeGreaterThan(0);
    });
  }
});
