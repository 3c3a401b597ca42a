/** Holds the source to ARCHITECTURE.md: layers, purity, shape, and the things that exist once. */

import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import {
  findBadShape,
  findCycles,
  findHomelessPackages,
  findImpurities,
  findLayerBreaks,
  findSecondSites,
  findUntested,
  type SourceFile,
} from "./support/architecture.ts";

const rootDir = join(import.meta.dir, "..");

async function readFiles(dir: string): Promise<SourceFile[]> {
  const paths = [...new Bun.Glob("**/*.ts").scanSync(dir)].sort();
  return Promise.all(paths.map(async (path) => ({ path, text: await Bun.file(join(dir, path)).text() })));
}

const files = await readFiles(join(rootDir, "src"));
const manifest: { dependencies: Record<string, string> } = await Bun.file(
  join(rootDir, "package.json"),
).json();

describe("src", () => {
  test("is there", () => {
    expect(files.length).toBeGreaterThan(5);
  });

  test("imports only from layers before", () => {
    expect(findLayerBreaks(files)).toEqual([]);
  });

  test("has no import cycles", () => {
    expect(findCycles(files)).toEqual([]);
  });

  test("keeps effects out of pure files", () => {
    expect(findImpurities(files)).toEqual([]);
  });

  test("has short files that say what they are for", () => {
    expect(findBadShape(files)).toEqual([]);
  });

  test("imports each package in one place", () => {
    expect(findHomelessPackages(files, Object.keys(manifest.dependencies))).toEqual([]);
  });

  test("has one front, one current snapshot and one exit", () => {
    expect(findSecondSites(files)).toEqual([]);
  });

  test("has a unit, property or golden test for every pure file", async () => {
    const tests = [];
    for (const folder of ["unit", "property", "golden"]) {
      const dir = join(rootDir, "test", folder);
      if (existsSync(dir)) tests.push(...(await readFiles(dir)));
    }
    expect(findUntested(files, tests)).toEqual([]);
  });
});

describe("the checks themselves", () => {
  const file = (path: string, text: string): SourceFile => ({ path, text });

  test.each([
    ["http/a.ts", 'import { b } from "../upstream/b.ts";'],
    ["http/a.ts", 'import type { B } from "../upstream/b.ts";'],
    ["http/a.ts", 'import {\n  type B,\n} from "../upstream/b.ts";'],
    ["http/a.ts", 'export { b } from "../upstream/b.ts";'],
    ["http/a.ts", 'export type B = typeof import("../upstream/b.ts");'],
    ["http/a.ts", 'import "../main.ts";'],
    ["upstream/a.ts", 'import { b } from "../middleware/b.ts";'],
    ["elsewhere/a.ts", ""],
    ["loose.ts", ""],
  ])("notice a broken layer in %s: %s", (path, text) => {
    expect(findLayerBreaks([file(path, text)])).toHaveLength(1);
  });

  test("let a layer import from before, and anything the version", () => {
    const text = 'import { b } from "../http/b.ts";\nimport { version } from "../version.ts";';
    expect(findLayerBreaks([file("upstream/a.ts", text), file("main.ts", "")])).toEqual([]);
  });

  test("notice a cycle, also one of types only", () => {
    const a = file("http/a.ts", 'import type { B } from "./b.ts";');
    const b = file("http/b.ts", 'import { c } from "./c.ts";');
    const c = file("http/c.ts", 'import { a } from "./a.ts";');
    expect(findCycles([a, b, c])).toEqual(["http/a.ts -> http/b.ts -> http/c.ts -> http/a.ts"]);
    expect(findCycles([a, b])).toEqual([]);
  });

  test.each([
    "export const now = () => Date.now();",
    "export const today = () => new Date();",
    "export const dice = () => Math.random();",
    "export const id = () => crypto.randomUUID();",
    "export const home = () => process.env.HOME;",
    "export const later = (run: () => void) => setTimeout(run, 1);",
    'export const say = () => console.log("x");',
    'export const file = () => Bun.file("x");',
    'import { readFileSync } from "node:fs";\nexport const read = () => readFileSync("x");',
    'import { cut } from "../shm/cut.ts";\nexport const use = () => cut();',
    "export let count = 0;",
    "let count = 0;\nexport const next = () => (count += 1);",
  ])("notice an effect: %s", (text) => {
    expect(findImpurities([file("balancer/a.ts", text)]).length).toBeGreaterThan(0);
    expect(findImpurities([file("router/match-path.ts", text)]).length).toBeGreaterThan(0);
    expect(findImpurities([file("worker/a.ts", text)])).toEqual([]);
  });

  test("do not take comments, types and given times for effects", () => {
    const text = `// Date.now() comes as an argument
      import type { Socket } from "node:net";
      export const age = (now: number, socket?: Socket) => now - new Date(0).getTime();`;
    expect(findImpurities([file("http/a.ts", text)])).toEqual([]);
  });

  test.each([
    ["http/a.ts", `/** Says it. */\n${"\n".repeat(300)}`],
    ["http/a.ts", "export const a = 1;\n"],
    ["http/someThing.ts", "/** Says it. */\n"],
  ])("notice the shape of %s", (path, text) => {
    expect(findBadShape([file(path, text)])).toHaveLength(1);
    expect(findBadShape([file("http/a.ts", `/** Says it. */\n${"\n".repeat(299)}`)])).toEqual([]);
  });

  test("notice packages with two homes, in a wrong home or undeclared", () => {
    const use = (name: string): string => `import { x } from "${name}";`;
    const twice = [file("config/a.ts", use("@iarna/toml/parse.js")), file("cli/b.ts", use("@iarna/toml"))];
    expect(findHomelessPackages(twice, ["@iarna/toml"])).toHaveLength(1);
    const hono = [file("router/app.ts", use("hono")), file("master/admin.ts", use("hono/tiny"))];
    expect(findHomelessPackages(hono, ["hono"])).toEqual([]);
    expect(findHomelessPackages([file("worker/a.ts", use("hono"))], ["hono"])).toHaveLength(1);
    expect(findHomelessPackages([file("worker/a.ts", use("left"))], [])).toHaveLength(1);
  });

  test("notice second sites", () => {
    const serve = "export const start = () => Bun.serve({ fetch: () => new Response() });";
    const good = [
      file("listener/serve.ts", serve),
      file("master/admin-server.ts", serve),
      file("worker/state.ts", "export const make = () => {\n  let current = 1;\n  return () => current;\n};"),
      file("main.ts", "process.exit(1);"),
    ];
    expect(findSecondSites(good)).toEqual([]);
    for (const [path, text] of [
      ["listener/other.ts", serve],
      ["master/other.ts", serve],
      ["worker/other.ts", serve],
      ["worker/other.ts", "export const make = () => {\n  let current = 1;\n  return () => current;\n};"],
      ["cli/other.ts", "export const end = () => process.exit(0);"],
    ] as const) {
      expect(findSecondSites([...good, file(path, text)])).toHaveLength(1);
    }
    expect(findSecondSites(good.slice(1))).toHaveLength(1);
    expect(findSecondSites(good.filter(({ path }) => path !== "worker/state.ts"))).toHaveLength(1);
  });

  test("notice a pure file that no test reaches, unless it holds types only", () => {
    const a = file("http/a.ts", 'import { b } from "./b.ts";\nexport const a = b;');
    const b = file("http/b.ts", "export const b = 1;");
    const types = file("http/types.ts", "export interface A {}");
    const reaching = (path: string): SourceFile => file("x.test.ts", `import "../../../src/${path}";`);
    expect(findUntested([a, b, types], [])).toEqual(["http/a.ts", "http/b.ts"]);
    expect(findUntested([a, b, types], [reaching("http/b.ts")])).toEqual(["http/a.ts"]);
    expect(findUntested([a, b, types], [reaching("http/a.ts")])).toEqual([]);
    const far = file("exchange/far.ts", 'import { b } from "../http/b.ts";\nexport const far = b;');
    expect(findUntested([far, b], [reaching("exchange/far.ts")])).toEqual(["http/b.ts"]);
  });
});
