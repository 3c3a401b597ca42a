import { describe, expect, test } from "bun:test";
import { allowsBody, isIdempotent, isSafe } from "../../../src/http/method.ts";

describe("isSafe, isIdempotent, allowsBody", () => {
  test.each([
    ["GET", true, true, false],
    ["HEAD", true, true, false],
    ["OPTIONS", true, true, true],
    ["TRACE", true, true, false],
    ["PUT", false, true, true],
    ["DELETE", false, true, true],
    ["POST", false, false, true],
    ["PATCH", false, false, true],
    ["CONNECT", false, false, false],
    ["PROPFIND", true, true, true],
    ["LOCK", false, false, true],
    ["get", false, false, true],
    ["FOO", false, false, true],
  ])("row 27: %s: safe %p, idempotent %p, body %p", (method, safe, idempotent, body) => {
    expect([isSafe(method), isIdempotent(method), allowsBody(method)]).toEqual([safe, idempotent, body]);
  });
});
