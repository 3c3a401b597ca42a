import { describe, expect, test } from "bun:test";
import { formatBytes, parseBytes } from "../../../src/lib/bytes.ts";

describe("parseBytes", () => {
  test.each([
    ["0", 0],
    ["0B", 0],
    ["512B", 512],
    ["64KiB", 65_536],
    ["1KB", 1000],
    ["1kB", 1000],
    ["10MiB", 10_485_760],
    ["1MB", 1_000_000],
    ["1GB", 1_000_000_000],
    ["1GiB", 1_073_741_824],
    ["2TiB", 2_199_023_255_552],
    ["1TB", 1_000_000_000_000],
  ])("%s is %d bytes", (text, expected) => expect(parseBytes(text)).toBe(expected));

  test.each([
    "",
    "10",
    "B",
    "1.5MiB",
    "-1B",
    "1 KiB",
    "1kib",
    "1mb",
    "1M",
    "1PB",
    "1B\n",
    "9999999999999999TiB",
  ])("refuses %j", (text) => expect(parseBytes(text)).toBeUndefined());
});

describe("formatBytes", () => {
  test.each([
    [0, "0B"],
    [-1, "0B"],
    [Number.NaN, "0B"],
    [1, "1B"],
    [1500, "1500B"],
    [2000, "2KB"],
    [65_536, "64KiB"],
    [1_024_000, "1000KiB"],
    [10_485_760, "10MiB"],
    [1_000_000_000_000, "1TB"],
  ])("%d bytes are %s", (sizeBytes, expected) => expect(formatBytes(sizeBytes)).toBe(expected));
});
