// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references look like templates.

import { describe, expect, test } from "bun:test";
import { collectFileReferences, interpolate } from "../../../src/config/interpolate.ts";
import { err, ok, type Result } from "../../../src/lib/result.ts";

const LOOKUPS = {
  env: { NAME: "value", EMPTY: "", OTHER: "${NAME}", UNSET: undefined },
  files: new Map<string, Result<string, string>>([
    ["a b.txt", ok("content")],
    ["gone", err("there is no such file")],
  ]),
};

function replace(text: string) {
  const { tree, flaws } = interpolate({ text }, LOOKUPS);
  return flaws.length === 0 ? tree["text"] : flaws.map((flaw) => flaw.state).join("; ");
}

describe("interpolate", () => {
  const CASES = [
    ["plain $5 {x}", "plain $5 {x}"],
    ["${NAME}", "value"],
    ["<${NAME}${NAME}>", "<valuevalue>"],
    ["${EMPTY}", ""],
    ["${file:a b.txt}!", "content!"],
    ["$${NAME}", "${NAME}"],
    ["$$${NAME}", "$${NAME}"],
    ["$${NAME}${NAME}", "${NAME}value"],
    ["${OTHER}", "${NAME}"],
    ["${MISSING}", 'the environment variable "MISSING" is not set'],
    ["${UNSET}", 'the environment variable "UNSET" is not set'],
    ["${toString}", 'the environment variable "toString" is not set'],
    ["${}", "the reference is not well formed"],
    ["${1A}", "the reference is not well formed"],
    ["${NAME", 'the reference has no closing "}"'],
    ["${file:gone}", "there is no such file"],
    ["${file:unread}", "files cannot be read here"],
    ["${A}${B}", 'the environment variable "A" is not set; the environment variable "B" is not set'],
  ] as const;
  for (const [text, expected] of CASES) {
    test(`reads ${text}`, () => expect(replace(text)).toBe(expected));
  }

  test("names the path of every reference that fails", () => {
    const { flaws } = interpolate({ a: [{ b: "x" }, { b: "${NOPE}" }], c: { d: ["${NOPE}"] } }, LOOKUPS);
    expect(flaws.map((flaw) => flaw.path)).toEqual([
      ["a", 1, "b"],
      ["c", "d", 0],
    ]);
  });

  test("leaves everything but strings alone and copies nothing without need", () => {
    const tree = { a: 1, b: true, c: new Date(0), d: 3n, e: [{ f: "x" }] };
    expect(interpolate(tree, LOOKUPS).tree).toBe(tree);
    const mixed = { keep: tree, change: "${NAME}" };
    const { tree: result } = interpolate(mixed, LOOKUPS);
    expect(result["keep"]).toBe(tree);
    expect(result["change"]).toBe("value");
    expect(mixed.change).toBe("${NAME}");
  });

  test("keeps the order of keys and a key named __proto__", () => {
    const tree = JSON.parse('{"z":"${NAME}","__proto__":"${NAME}","a":1}');
    const { tree: result } = interpolate(tree, LOOKUPS);
    expect(Object.entries(result)).toEqual([
      ["z", "value"],
      ["__proto__", "value"],
      ["a", 1],
    ]);
  });
});

describe("collectFileReferences", () => {
  test("lists each file once, without escaped or broken references", () => {
    const tree = { a: "${file:x}${file:y}", b: ["${file:x}", "$${file:no}", "${file:open", "${NAME}"] };
    expect(collectFileReferences(tree)).toEqual(["x", "y"]);
  });
});
