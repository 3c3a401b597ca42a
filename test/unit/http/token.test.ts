import { describe, expect, test } from "bun:test";
import { isFieldValue, isToken, listHasToken, trimOws } from "../../../src/http/token.ts";

describe("isToken", () => {
  test.each(["a", "X-Forwarded-For", "!#$%&'*+-.^_`|~09", "x_y.z"])("row 11: accepts %s", (text) => {
    expect(isToken(text)).toBe(true);
  });

  test.each([
    "",
    " ",
    "a b",
    "a:",
    "a,b",
    '"a"',
    "a/b",
    "a\r",
    "a\0",
    "\x7f",
    "é",
    "ı",
    "a=b",
    "(a)",
    "[a]",
    "{a}",
    "a\\",
  ])("row 11: refuses %j", (text) => expect(isToken(text)).toBe(false));
});

describe("isFieldValue", () => {
  test.each(["", "a", "a b\tc", "\x80\xff", '"quoted, \\" text"'])("accepts %j", (text) => {
    expect(isFieldValue(text)).toBe(true);
  });

  test.each(["\r", "\n", "a\r\nb: c", "\0", "\x0b", "\x0c", "\x1b[0m", "\x7f"])(
    "row 11: refuses %j",
    (text) => {
      expect(isFieldValue(text)).toBe(false);
    },
  );

  test.each(["\u010a", "\u0100", "嘊嘍", "\u{1f600}"])(
    "row 56: refuses %j, which becomes other bytes when it is cut to one",
    (text) => expect(isFieldValue(text)).toBe(false),
  );
});

describe("trimOws", () => {
  test.each([
    ["", ""],
    [" \t ", ""],
    ["a", "a"],
    ["\t a b \t", "a b"],
    ["\u00a0a\u00a0", "\u00a0a\u00a0"],
    ["\na\n", "\na\n"],
  ])("%j is %j", (text, expected) => expect(trimOws(text)).toBe(expected));
});

describe("listHasToken", () => {
  test.each([
    ["upgrade", true],
    ["Upgrade", true],
    ["keep-alive, Upgrade", true],
    ["keep-alive,\tUPGRADE ,x", true],
    ["", false],
    ["upgrades", false],
    ["xupgrade", false],
    ["keep-alive upgrade", false],
    ['"upgrade"', false],
  ])("%j: %p", (value, expected) => expect(listHasToken(value, "upgrade")).toBe(expected));
});
