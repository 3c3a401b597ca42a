import { describe, expect, test } from "bun:test";
import {
  fieldMatchers,
  fieldTable,
  nameList,
  parseValue,
  queryMatchers,
} from "../../../src/config/header-rules.ts";
import { check } from "../../../src/config/schema-library.ts";

const OWNED_EVERYWHERE = [
  "Connection",
  "keep-alive",
  "Proxy-Connection",
  "TE",
  "Trailer",
  "Transfer-Encoding",
  "Upgrade",
  "Content-Length",
  "Via",
  "Forwarded",
];

describe("header rules", () => {
  for (const direction of ["request", "response"] as const) {
    for (const name of OWNED_EVERYWHERE) {
      test(`row 21: ${name} of a ${direction} cannot be set, added or removed`, () => {
        expect(check(fieldTable(direction), { [name]: "x" }, []).ok).toBe(false);
        expect(check(nameList(direction), [name], []).ok).toBe(false);
      });
    }

    test(`row 49: X-Forwarded-* of a ${direction} cannot be changed`, () => {
      for (const name of [
        "X-Forwarded-For",
        "x-forwarded-proto",
        "X-FORWARDED-HOST",
        "X-Forwarded-Anything",
      ]) {
        expect(check(fieldTable(direction), { [name]: "x" }, []).ok).toBe(false);
        expect(check(nameList(direction), [name], []).ok).toBe(false);
      }
    });
  }

  test("Host belongs to the proxy in requests only", () => {
    expect(check(fieldTable("request"), { Host: "x" }, []).ok).toBe(false);
    expect(check(fieldTable("response"), { Host: "x" }, []).ok).toBe(true);
  });

  test("names keep their spelling and order", () => {
    expect(check(fieldTable("response"), { "X-B": "2", "X-A": "1" }, [])).toEqual({
      ok: true,
      value: [
        ["X-B", "2"],
        ["X-A", "1"],
      ],
    });
  });

  test("row 56: a value that could split the message is refused", () => {
    for (const value of ["a\r\nX: y", "a\nb", "a\0", "a\u007f", "\u010a", " a", "a ", "x".repeat(8193)]) {
      expect(parseValue(value).ok).toBe(false);
    }
    for (const value of ["", "a\tb", "é", 'a, b; c="d"']) expect(parseValue(value).ok).toBe(true);
  });

  test("every flaw is reported at its own path", () => {
    const result = check(fieldTable("request"), { "a b": "x", Ok: "1", ok: "2", N: 3 }, ["set"]);
    expect(result.ok ? [] : result.error.map((flaw) => [flaw.path.join("."), flaw.state])).toEqual([
      ["set.a b", "it is not a field name"],
      ["set.ok", "the same name stands here twice"],
      ["set.N", "it is a number"],
    ]);
  });

  test("the number of rules is limited", () => {
    const many = Object.fromEntries(Array.from({ length: 65 }, (_, index) => [`X-${index}`, "x"]));
    const names = Object.keys(many);
    expect(check(fieldTable("request"), many, []).ok).toBe(false);
    expect(check(nameList("request"), names, []).ok).toBe(false);
    expect(check(nameList("request"), names.slice(1), []).ok).toBe(true);
  });
});

describe("matchers", () => {
  test("field names become lower case, values stay", () => {
    expect(check(fieldMatchers(), { "X-A": "Value", Accept: "*" }, [])).toEqual({
      ok: true,
      value: [
        ["x-a", "Value"],
        ["accept", "*"],
      ],
    });
  });

  test("Host is matched by its own key", () => {
    expect(check(fieldMatchers(), { host: "x" }, []).ok).toBe(false);
  });

  test("query names may be anything, also what objects have by nature", () => {
    expect(check(queryMatchers(), JSON.parse('{"constructor":"*","__proto__":"1","a b":""}'), [])).toEqual({
      ok: true,
      value: [
        ["constructor", "*"],
        ["__proto__", "1"],
        ["a b", ""],
      ],
    });
  });
});
