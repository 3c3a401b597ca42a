import { describe, expect, test } from "bun:test";
import { closest } from "../../../src/lib/did-you-mean.ts";

describe("closest", () => {
  test.each([
    ["lisen", ["listen", "tls"], "listen"],
    ["stragety", ["strategy", "sticky"], "strategy"],
    ["max-body", ["max_body", "max_header_bytes"], "max_body"],
    ["maxBody", ["max_body"], "max_body"],
    ["LISTEN", ["listen"], "listen"],
    ["tsl", ["tls"], "tls"],
    ["rise", ["rise", "raise"], "rise"],
    ["ab", ["ac", "ad"], "ac"],
  ])("%s near %j is %s", (word, candidates, expected) => expect(closest(word, candidates)).toBe(expected));

  test.each([
    ["listen", []],
    ["", ["a"]],
    ["a", ["b"]],
    ["colour", ["listen", "workers"]],
    ["tls", ["timeouts"]],
    ["x".repeat(1000), ["x".repeat(1000)]],
  ])("%j has nothing near in %j", (word, candidates) => expect(closest(word, candidates)).toBeUndefined());
});
