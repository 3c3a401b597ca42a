import { describe, expect, test } from "bun:test";
import type { Handler } from "../../../src/exchange/exchange.ts";
import { isEmptyRules, withResponseHeaders } from "../../../src/middleware/headers.ts";
import { answerOf, createExchange } from "../../support/exchange.ts";

const NO_RULES = { remove: [], set: [], add: [] };
const terminal: Handler = () => ({
  status: 200,
  headers: ["Server", "x", "X-A", "1", "SERVER", "y", "Vary", "a"],
  body: { kind: "none" },
});

describe("withResponseHeaders", () => {
  test("removes, then sets, then adds, whatever the case", () => {
    const rules = { remove: ["server"], set: ["x-a", "2"], add: ["Vary", "b"] };
    const { headers } = answerOf(withResponseHeaders(rules)(terminal));
    expect(headers).toEqual(["Vary", "a", "x-a", "2", "Vary", "b"]);
  });

  test("waits for an answer that is under way and lets a failure through", async () => {
    const edit = withResponseHeaders({ ...NO_RULES, set: ["X-A", "2"] });
    const later: Handler = async () => answerOf(terminal);
    expect((await edit(later)(createExchange())).headers).toContain("2");
    const failing: Handler = () => Promise.reject(new Error("no"));
    await expect(Promise.resolve(edit(failing)(createExchange()))).rejects.toThrow("no");
  });

  test("row 56: text of the configuration leaves as UTF-8, one character a byte", () => {
    const { headers } = answerOf(
      withResponseHeaders({ ...NO_RULES, set: ["X-A", "\u00e9\u010a"] })(terminal),
    );
    expect(headers.at(-1)).toBe("\xc3\xa9\xc4\x8a");
  });

  test("knows rules that do nothing", () => {
    expect(isEmptyRules(NO_RULES)).toBe(true);
    for (const key of ["remove", "set", "add"])
      expect(isEmptyRules({ ...NO_RULES, [key]: ["a", "b"] })).toBe(false);
  });
});
