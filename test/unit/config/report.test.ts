import { describe, expect, test } from "bun:test";
import type { Diagnostic } from "../../../src/config/diagnostic.ts";
import { formatDiagnostics } from "../../../src/config/report.ts";

const FULL: Diagnostic = {
  kind: "value",
  file: "proxy.toml",
  line: 3,
  column: 9,
  path: "routes[0].host",
  message: "Cannot read routes[0].host: it is a number",
  found: "12",
  expected: "a host",
  hint: "Did you mean it",
};

describe("formatDiagnostics", () => {
  test("names place, fault, what was found, expected and meant", () => {
    expect(formatDiagnostics([FULL], { color: false })).toBe(
      "proxy.toml:3:9: error: Cannot read routes[0].host: it is a number\n" +
        "  found:    12\n  expected: a host\n  hint:     Did you mean it\n",
    );
  });

  test("leaves out what is not known", () => {
    const bare = { ...FULL, line: 0, column: 0, found: undefined, expected: undefined, hint: undefined };
    expect(formatDiagnostics([bare], { color: false })).toBe(
      "proxy.toml: error: Cannot read routes[0].host: it is a number\n",
    );
  });

  test("colours only when told", () => {
    const coloured = formatDiagnostics([FULL], { color: true });
    expect(coloured).toContain("\u001b[31merror:\u001b[0m");
    expect(coloured.replace(/\u001b\[\d+m/g, "")).toBe(formatDiagnostics([FULL], { color: false }));
  });

  test("shows fifty and counts the rest", () => {
    const text = formatDiagnostics(
      Array.from({ length: 53 }, () => FULL),
      { color: false },
    );
    expect(text.match(/error:/g)).toHaveLength(50);
    expect(text).toEndWith("… and 3 more errors\n");
  });
});
