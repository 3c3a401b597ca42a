import { describe, expect, test } from "bun:test";
import { hasNoBody, reasonPhrase } from "../../../src/http/status.ts";

describe("hasNoBody", () => {
  test.each([
    ["GET", 100, true],
    ["GET", 101, true],
    ["GET", 103, true],
    ["GET", 204, true],
    ["GET", 304, true],
    ["HEAD", 200, true],
    ["HEAD", 500, true],
    ["CONNECT", 200, true],
    ["CONNECT", 404, false],
    ["GET", 200, false],
    ["GET", 205, false],
    ["GET", 206, false],
    ["GET", 404, false],
    ["POST", 201, false],
  ])("row 38: %s %d: %p", (method, status, expected) => expect(hasNoBody(method, status)).toBe(expected));
});

describe("reasonPhrase", () => {
  test.each([
    [200, "OK"],
    [404, "Not Found"],
    [499, "Client Closed Request"],
    [508, "Loop Detected"],
    [299, ""],
    [0, ""],
  ])("%d is %j", (status, expected) => expect(reasonPhrase(status)).toBe(expected));
});
