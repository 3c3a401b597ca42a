import { describe, expect, test } from "bun:test";
import { parseToml } from "../../../src/config/toml.ts";

function flawOf(text: string): string {
  const result = parseToml(text);
  return result.ok ? "parsed" : `${result.error.line}:${result.error.column} ${result.error.state}`;
}

describe("parseToml", () => {
  test("yields plain values", () => {
    expect(parseToml('a = 1\nb.c = ["x", true]\n')).toEqual({
      ok: true,
      value: { a: 1, b: { c: ["x", true] } },
    } as never);
  });

  test("keeps what the schema must refuse: big integers and dates", () => {
    const result = parseToml("a = 9007199254740993\nb = 2020-01-01\n");
    const tree = result.ok ? result.value : {};
    expect(tree["a"]).toBe(9007199254740993n);
    expect(tree["b"]).toBeInstanceOf(Date);
  });

  const FLAWS = [
    ["a = \n", "1:5 a value is missing or not quoted"],
    ["a = 1\nb = ]\n", "2:5 a value is missing or not quoted"],
    ["a = 1\r\nb = \r\n", "2:5 a value is missing or not quoted"],
    ["a = 'x", "1:7 the string does not end on its line"],
    ['a = """x\n', "2:1 the string does not end"],
    ["a = 1 b = 2", "1:7 there is more text after the value"],
    ["a = 1\n  a = 2", "2:3 this key is defined twice"],
    ["[a]\n[a]\n", "2:1 this key is defined twice"],
    ["a = [1]\n[[a]]\n", "2:4 a list in [ ] cannot be continued with [[ ]]"],
    ["[x\n", "1:3 the table header does not end with a bracket"],
    ["= 1", "1:1 a key cannot start with this character"],
    ["a : 1", "1:3 the key is not followed by an equals sign"],
    ["a = [1,\n2", "2:2 invalid character, expected whitespace, comma (,) or close bracket (])"],
    ['a = "\\q"', "1:7 unknown escape character: 113"],
  ] as const;
  for (const [text, expected] of FLAWS) {
    test(`says what is wrong with ${JSON.stringify(text)}`, () => expect(flawOf(text)).toBe(expected));
  }

  test("a key named __proto__ is a key", () => {
    const result = parseToml("__proto__ = 1\n[x]\n__proto__.y = 2\n");
    expect(result.ok && Object.hasOwn(result.value, "__proto__")).toBe(true);
    expect(({} as Record<string, unknown>)["y"]).toBeUndefined();
  });
});
