import { describe, expect, test } from "bun:test";
import { isIdentityHeader } from "../../../src/http/identity.ts";

describe("isIdentityHeader", () => {
  test.each([
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-prefix",
    "x-forwarded-server",
    "x-forwarded-by",
    "x-forwarded-user",
    "x-forwarded",
    "x-real-ip",
    "forwarded",
    "forwarded-for",
    "true-client-ip",
    "cf-connecting-ip",
    "x-client-ip",
    "client-ip",
    "x-cluster-client-ip",
    "fastly-client-ip",
    "fly-client-ip",
    "do-connecting-ip",
    "x-original-url",
    "x-original-host",
    "x-rewrite-url",
  ])("row 49: %s says who the client is", (name) => expect(isIdentityHeader(name)).toBe(true));

  test.each([
    "",
    "x",
    "x-request-id",
    "x-forwardedfor",
    "x-originality",
    "cookie",
    "content-type",
    "date",
    "dnt",
    "from",
    "te",
    "traceparent",
    "accept",
    "host",
  ])("%j does not", (name) => expect(isIdentityHeader(name)).toBe(false));
});
