/** What a start is made from. */

import { describe, expect, test } from "bun:test";
import { chooseSource, type SourceFlags } from "../../../src/cli/source.ts";

const NOTHING: SourceFlags = { config: undefined, listen: [], target: [], workers: undefined };
const PLACE = { home: "/h", cwd: "/w" };

function choose(flags: Partial<SourceFlags>, exists = true) {
  const source = chooseSource({ ...NOTHING, ...flags }, PLACE, () => exists);
  return source.ok ? source.value : source.error;
}

describe("chooseSource", () => {
  test("reads the file of the home unless another is named", () => {
    expect(choose({})).toEqual({ kind: "file", path: "/h/proxy/config.toml", flags: {} });
    expect(choose({ config: "x.toml", listen: [":1"], workers: "2" })).toEqual({
      kind: "file",
      path: "/w/x.toml",
      flags: { listen: [":1"], workers: "2" },
    });
  });

  test("leaves a named file that is missing to the loader, which says where it looked", () => {
    expect(choose({ config: "x.toml" }, false)).toMatchObject({ kind: "file" });
  });

  test("needs no file with --target, even if there is one", () => {
    expect(choose({ target: ["a:1", "b:2"], listen: [":1"] })).toEqual({
      kind: "flags",
      flags: { listen: [":1"], target: ["a:1", "b:2"] },
    });
  });

  test("shows both ways if there is nothing to start from", () => {
    expect(choose({ listen: [":1"] }, false)).toMatchObject({
      exitCode: 1,
      message: 'Cannot start: there is no configuration file "/h/proxy/config.toml" and no --target',
      hint: expect.stringContaining("--config"),
    });
  });

  test("refuses a file and a target together", () => {
    expect(choose({ config: "x", target: ["a:1"] })).toMatchObject({ exitCode: 1 });
  });
});
