import { describe, expect, test } from "bun:test";
import { formatDuration, parseDuration } from "../../../src/lib/duration.ts";

describe("parseDuration", () => {
  test.each([
    ["0", 0],
    ["0s", 0],
    ["10s", 10_000],
    ["1m30s", 90_000],
    ["90s", 90_000],
    ["500ms", 500],
    ["2h", 7_200_000],
    ["1d", 86_400_000],
    ["1d2h3m4s5ms", 93_784_005],
    ["1m5ms", 60_005],
  ])("%s is %d ms", (text, expected) => expect(parseDuration(text)).toBe(expected));

  test.each([
    "",
    "10",
    "s",
    "1.5s",
    "-1s",
    "+1s",
    "1 s",
    " 1s",
    "1s ",
    "1s\n",
    "1S",
    "30s1m",
    "1s1s",
    "1w",
    "1e3s",
    "0x10s",
    "١s",
    "99999999999999999999d",
  ])("refuses %j", (text) => expect(parseDuration(text)).toBeUndefined());
});

describe("formatDuration", () => {
  test.each([
    [0, "0s"],
    [-5, "0s"],
    [Number.NaN, "0s"],
    [0.4, "0s"],
    [1, "1ms"],
    [90_000, "1m30s"],
    [86_400_000, "1d"],
    [3_600_500, "1h500ms"],
  ])("%d ms is %s", (durationMs, expected) => expect(formatDuration(durationMs)).toBe(expected));
});
