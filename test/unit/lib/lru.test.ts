import { describe, expect, test } from "bun:test";
import { createLru } from "../../../src/lib/lru.ts";

describe("createLru", () => {
  test("forgets what was not used for longest", () => {
    const lru = createLru<string, number>(2);
    lru.set("a", 1);
    lru.set("b", 2);
    expect(lru.get("a")).toBe(1);
    lru.set("c", 3);
    expect([lru.get("a"), lru.get("b"), lru.get("c")]).toEqual([1, undefined, 3]);
  });

  test("setting a known key replaces the value and counts as use", () => {
    const lru = createLru<string, number>(2);
    lru.set("a", 1);
    lru.set("b", 2);
    lru.set("a", 10);
    lru.set("c", 3);
    expect([lru.get("a"), lru.get("b"), lru.size()]).toEqual([10, undefined, 2]);
  });

  test("works with room for one", () => {
    const lru = createLru<number, string>(1);
    lru.set(1, "a");
    lru.set(2, "b");
    expect([lru.get(1), lru.get(2), lru.size()]).toEqual([undefined, "b", 1]);
  });

  test("remembers false and empty values", () => {
    const lru = createLru<string, boolean | string>(2);
    lru.set("a", false);
    lru.set("b", "");
    expect([lru.get("a"), lru.get("b")]).toEqual([false, ""]);
  });

  test.each([0, -1, 1.5, Number.NaN])("refuses the limit %d", (limit) => {
    expect(() => createLru(limit)).toThrow("Broken invariant");
  });
});
