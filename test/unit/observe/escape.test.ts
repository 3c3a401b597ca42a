/** No text from a request survives in a form that could forge a line or drive a terminal. */

import { describe, expect, test } from "bun:test";
import { escapeJson, escapeQuoted, escapeText, escapeToken } from "../../../src/observe/escape.ts";

const CASES: readonly { input: string; json: string; quoted: string; token: string; text: string }[] = [
  { input: "", json: "", quoted: "", token: "", text: "" },
  { input: "/a?b=c", json: "/a?b=c", quoted: "/a?b=c", token: "/a?b=c", text: "/a?b=c" },
  { input: "a b", json: "a b", quoted: "a b", token: "a\\x20b", text: "a b" },
  { input: 'a"b', json: 'a\\"b', quoted: "a\\x22b", token: "a\\x22b", text: 'a"b' },
  { input: "a\\b", json: "a\\\\b", quoted: "a\\x5Cb", token: "a\\x5Cb", text: "a\\b" },
  {
    input: "a\r\nb",
    json: "a\\u000d\\u000ab",
    quoted: "a\\x0D\\x0Ab",
    token: "a\\x0D\\x0Ab",
    text: "a\\r\\nb",
  },
  { input: "a\n", json: "a\\u000a", quoted: "a\\x0A", token: "a\\x0A", text: "a\\n" },
  { input: "\0\t", json: "\\u0000\\u0009", quoted: "\\x00\\x09", token: "\\x00\\x09", text: "\\x00\\t" },
  { input: "\x1b[2J", json: "\\u001b[2J", quoted: "\\x1B[2J", token: "\\x1B[2J", text: "\\x1b[2J" },
  {
    input: "\x7f\x9b",
    json: "\\u007f\\u009b",
    quoted: "\\x7F\\x9B",
    token: "\\x7F\\x9B",
    text: "\\x7f\\x9b",
  },
  { input: "é", json: "\\u00e9", quoted: "\\xE9", token: "\\xE9", text: "é" },
  { input: "€", json: "\\u20ac", quoted: "\\xE2\\x82\\xAC", token: "\\xE2\\x82\\xAC", text: "€" },
  {
    input: "😀",
    json: "\\ud83d\\ude00",
    quoted: "\\xF0\\x9F\\x98\\x80",
    token: "\\xF0\\x9F\\x98\\x80",
    text: "😀",
  },
  { input: "\ud83d", json: "\\ud83d", quoted: "\\xEF\\xBF\\xBD", token: "\\xEF\\xBF\\xBD", text: "\\ud83d" },
  {
    input: "\ude00x",
    json: "\\ude00x",
    quoted: "\\xEF\\xBF\\xBDx",
    token: "\\xEF\\xBF\\xBDx",
    text: "\\ude00x",
  },
  {
    input: "\u2028\u202e",
    json: "\\u2028\\u202e",
    quoted: "\\xE2\\x80\\xA8\\xE2\\x80\\xAE",
    token: "\\xE2\\x80\\xA8\\xE2\\x80\\xAE",
    text: "\\u2028\\u202e",
  },
];

describe("escape", () => {
  test.each(CASES)("row 56: $json", ({ input, json, quoted, token, text }) => {
    expect(escapeJson(input)).toBe(json);
    expect(escapeQuoted(input)).toBe(quoted);
    expect(escapeToken(input)).toBe(token);
    expect(escapeText(input)).toBe(text);
  });
});
