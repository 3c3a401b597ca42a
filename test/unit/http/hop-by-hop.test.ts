import { describe, expect, test } from "bun:test";
import { connectionTokens, isHopByHop } from "../../../src/http/hop-by-hop.ts";

describe("isHopByHop", () => {
  test.each([
    "connection",
    "keep-alive",
    "proxy-connection",
    "te",
    "transfer-encoding",
    "upgrade",
    "trailer",
    "proxy-authenticate",
    "proxy-authorization",
    "http2-settings",
  ])("row 21: %s belongs to one connection", (name) => expect(isHopByHop(name)).toBe(true));

  test.each([
    "",
    "host",
    "referer",
    "user-agent",
    "content-length",
    "authorization",
    "www-authenticate",
    "tE",
  ])("%j does not", (name) => expect(isHopByHop(name)).toBe(false));
});

describe("connectionTokens", () => {
  test.each([
    "",
    "keep-alive",
    "Keep-Alive",
    "close",
    "Upgrade",
    "upgrade",
    "keep-alive, Upgrade",
    "Upgrade, keep-alive",
    "TE, close",
    "CLOSE",
    " , ",
  ])("%j nominates nothing and costs no array", (value) => {
    expect(connectionTokens(value)).toBe(connectionTokens("keep-alive"));
    expect(connectionTokens(value)).toEqual([]);
  });

  test.each<[string, string[]]>([
    ["X-Hop", ["x-hop"]],
    ["close, X-Hop ,\tx-other", ["x-hop", "x-other"]],
    ["x-hop, X-HOP", ["x-hop"]],
    ["x-hop, not a token, b\0d, (c)", ["x-hop"]],
    ["accept-encoding, warning", ["accept-encoding", "warning"]],
  ])("row 21: %j nominates %j", (value, expected) => expect(connectionTokens(value)).toEqual(expected));

  test.each([
    "Host",
    "Content-Length",
    "Content-Type",
    "Content-Encoding",
    "X-Forwarded-For",
    "X-Forwarded-Proto",
    "X-Forwarded-Anything",
    "X-Real-IP",
    "Forwarded",
    "Via",
    "Authorization",
    "Cookie",
    "Set-Cookie",
    "Cache-Control",
    "Sec-WebSocket-Key",
    "If-None-Match",
    "Access-Control-Allow-Origin",
    "Traceparent",
  ])("row 21: nobody can take %s away", (name) => expect(connectionTokens(`close, ${name}`)).toEqual([]));

  test("the number of names has a limit", () => {
    const value = Array.from({ length: 5000 }, (_, i) => `x-${i}`).join(",");
    expect(connectionTokens(value).length).toBe(256);
  });
});
