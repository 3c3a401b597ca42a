import { describe, expect, test } from "bun:test";
import { locate, scanPositions } from "../../../src/config/positions.ts";

const TEXT = `# comment
title = "x"
a.b . "c d" = 1
list = [
  "one", # [ not a list
  { x = 1, y.z = 2 },
]
text = """
[not.a.header]
key = "no"
"""

[[routes]]
host = "a"
  [[routes.middleware]]
  type = "first"
  [[routes.middleware]]
  type = "second"

[[routes]]
host = "b"
[[routes.backends]]
url = "u"
[routes.loadbalance]
strategy = "s"
`;

const positions = scanPositions(TEXT);

function at(path: readonly (string | number)[], part: "key" | "value" = "value"): string {
  const { line, column } = locate(positions, path, part);
  return `${line}:${column}`;
}

describe("locate", () => {
  const PLACES = [
    [["title"], "2:9", "2:1"],
    [["a", "b", "c d"], "3:15", "3:1"],
    [["list"], "4:8", "4:1"],
    [["list", 0], "5:3", "5:3"],
    [["list", 1, "x"], "6:9", "6:5"],
    [["list", 1, "y", "z"], "6:18", "6:12"],
    [["text"], "8:8", "8:1"],
    [["routes", 0], "13:1", "13:1"],
    [["routes", 0, "middleware", 0, "type"], "16:10", "16:3"],
    [["routes", 0, "middleware", 1], "17:3", "17:3"],
    [["routes", 0, "middleware", 1, "type"], "18:10", "18:3"],
    [["routes", 1, "host"], "21:8", "21:1"],
    [["routes", 1, "backends", 0, "url"], "23:7", "23:1"],
    [["routes", 1, "loadbalance"], "24:1", "24:1"],
    [["routes", 1, "loadbalance", "strategy"], "25:12", "25:1"],
  ] as const;
  for (const [path, value, key] of PLACES) {
    test(`finds ${path.join(".")}`, () => {
      expect(at(path)).toBe(value);
      expect(at(path, "key")).toBe(key);
    });
  }

  test("falls back to the deepest part that exists", () => {
    expect(at(["routes", 1, "backends", 0, "weight"])).toBe("22:1");
    expect(at(["routes", 9])).toBe("13:1");
    expect(at(["nothing"])).toBe("1:1");
  });

  test("ends quietly where the text is not TOML", () => {
    const broken = scanPositions("a = 1\nb = ,\nc = 3\n");
    expect(locate(broken, ["a"], "value")).toEqual({ line: 1, column: 5 });
    expect(locate(broken, ["c"], "value")).toEqual({ line: 1, column: 1 });
  });

  test("takes time in proportion to the text", () => {
    // A quadratic scan of this 4 MB would take minutes; the limit leaves room for a busy machine.
    const start = performance.now();
    const text = '[[routes]]\nhost = "a"\nlist = ["b", { c = "d" }]\n\n'.repeat(75_000);
    const found = scanPositions(text);
    expect(locate(found, ["routes", 74_999, "host"], "value")).toEqual({ line: 299_998, column: 8 });
    expect(performance.now() - start).toBeLessThan(20_000);
  });

  test("deep nesting ends the scan instead of the stack", () => {
    const deep = `a = ${"[".repeat(100_000)}${"]".repeat(100_000)}\n`;
    expect(locate(scanPositions(deep), ["a"], "value")).toEqual({ line: 1, column: 1 });
  });
});
