import { describe, expect, test } from "bun:test";
import {
  MAX_RESPONSE_FIELDS,
  parseResponseHead,
  type ResponseHead,
} from "../../../src/upstream/response-head.ts";

function parse(lines: readonly string[], method = "GET") {
  return parseResponseHead(lines.join("\r\n"), method);
}

function parseGood(lines: readonly string[], method = "GET"): ResponseHead {
  const parsed = parse(lines, method);
  if (parsed.kind === "error") throw new Error(parsed.detail);
  return parsed.head;
}

describe("parseResponseHead", () => {
  test.each<[string, number]>([
    ["HTTP/1.1 200 OK", 200],
    ["HTTP/1.1 200", 200],
    ["HTTP/1.1 200 ", 200],
    ["HTTP/1.0 404 Not here\t\xe9", 404],
    ["HTTP/1.1 101 x", 101],
    ["HTTP/1.1 599 x", 599],
  ])("reads the status of %j", (line, status) => expect(parseGood([line]).status).toBe(status));

  test.each([
    "",
    "HTTP/1.1",
    "HTTP/1.1 ",
    "HTTP/1.1 20",
    "HTTP/1.1 2000 OK",
    "HTTP/1.1  200 OK",
    "HTTP/1.1\t200 OK",
    "HTTP/1.1 200\tOK",
    "HTTP/1.1 099 x",
    "HTTP/1.1 600 x",
    "HTTP/1.1 -20 x",
    "HTTP/1.1 2x0 x",
    "HTTP/1.2 200 OK",
    "HTTP/1.10 200 OK",
    "HTTP/2 200 OK",
    "http/1.1 200 OK",
    " HTTP/1.1 200 OK",
    "ICY 200 OK",
    "HTTP/1.1 200 a\x00b",
    "HTTP/1.1 200 a\rb",
    "HTTP/1.1 200 a\nX-A: b",
    "HTTP/1.1 200\rOK",
  ])("row 29: refuses the status line %j", (line) => expect(parse([line]).kind).toBe("error"));

  test.each([
    " X-A: 1",
    "\tX-A: 1",
    "X-A : 1",
    "X-A\t: 1",
    "X A: 1",
    "X-A",
    ": 1",
    "",
    "X-\xe9: 1",
    "X@A: 1",
    "X-A: a\x00b",
    "X-A: a\x01b",
    "X-A: a\x7fb",
    "X-A: a\rb",
    "X-A: a\nb",
  ])("rows 29, 30: refuses the field line %j", (line) => {
    expect(parse(["HTTP/1.1 200 OK", line]).kind).toBe("error");
    expect(parse(["HTTP/1.1 200 OK", "X-Before: 1", line, "X-After: 1"]).kind).toBe("error");
  });

  test("row 25: keeps names, values, order and repetitions", () => {
    const { headers } = parseGood([
      "HTTP/1.1 200 OK",
      "Set-Cookie: a=1",
      "x-MiXeD:\t v\xe9 w \t",
      "X-Empty:",
      "Set-Cookie: b=2",
      "X-Colon: a:b",
    ]);
    expect(headers).toEqual([
      "Set-Cookie",
      "a=1",
      "x-MiXeD",
      "v\xe9 w",
      "X-Empty",
      "",
      "Set-Cookie",
      "b=2",
      "X-Colon",
      "a:b",
    ]);
  });

  test.each<[string, string, readonly string[], ResponseHead["framing"]]>([
    ["a length", "GET", ["Content-Length: 5"], { kind: "length", length: 5 }],
    ["a length with zeros", "GET", ["Content-Length: 005"], { kind: "length", length: 5 }],
    ["equal lengths", "GET", ["Content-Length: 5", "content-length: 5"], { kind: "length", length: 5 }],
    ["length 0", "GET", ["Content-Length: 0"], { kind: "none" }],
    ["chunked", "GET", ["Transfer-Encoding: Chunked"], { kind: "chunked" }],
    ["nothing", "GET", [], { kind: "close" }],
    ["HEAD with a length", "HEAD", ["Content-Length: 5"], { kind: "none" }],
    ["HEAD with chunked", "HEAD", ["Transfer-Encoding: chunked"], { kind: "none" }],
    ["HEAD with nothing", "HEAD", [], { kind: "none" }],
  ])("rows 29, 38: framing of %s", (_, method, lines, framing) => {
    expect(parseGood(["HTTP/1.1 200 OK", ...lines], method).framing).toEqual(framing);
  });

  test.each([204, 304, 100, 103])("row 38: %i has no body whatever it says", (status) => {
    for (const line of ["Content-Length: 5", "Transfer-Encoding: chunked", "X-A: 1"]) {
      expect(parseGood([`HTTP/1.1 ${status} x`, line]).framing).toEqual({ kind: "none" });
    }
  });

  test.each([
    "Content-Length: +5",
    "Content-Length: -5",
    "Content-Length: 0x5",
    "Content-Length: 5_0",
    "Content-Length: 5 0",
    "Content-Length: 5,5",
    "Content-Length: 5.0",
    "Content-Length: 5e1",
    "Content-Length:",
    "Content-Length: 9999999999999999",
    "Transfer-Encoding: gzip",
    "Transfer-Encoding: gzip, chunked",
    "Transfer-Encoding: chunked, gzip",
    "Transfer-Encoding: chunked,",
    "Transfer-Encoding: identity",
    "Transfer-Encoding:",
    "Transfer-Encoding: xchunked",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
    "Content-Length: 5\r\nContent-Length: 6",
    "Content-Length: 5\r\nTransfer-Encoding: chunked",
  ])("row 29: refuses %j, also where no body follows", (lines) => {
    for (const method of ["GET", "HEAD"])
      expect(parse(["HTTP/1.1 200 OK", lines], method).kind).toBe("error");
  });

  test("row 29: refuses chunked in HTTP/1.0", () => {
    expect(parse(["HTTP/1.0 200 OK", "Transfer-Encoding: chunked"]).kind).toBe("error");
  });

  test.each<[string, readonly string[], boolean]>([
    ["HTTP/1.1", ["Content-Length: 1"], true],
    ["HTTP/1.1", ["Content-Length: 1", "Connection: Close"], false],
    ["HTTP/1.1", ["Content-Length: 1", "Connection: keep-alive, close"], false],
    ["HTTP/1.1", ["Content-Length: 1", "Connection: x", "Connection: close"], false],
    ["HTTP/1.1", [], false],
    ["HTTP/1.0", ["Content-Length: 1"], false],
    ["HTTP/1.0", ["Content-Length: 1", "Connection: Keep-Alive"], true],
    ["HTTP/1.0", ["Content-Length: 1", "Connection: keep-alive, close"], false],
  ])("row 31: %s with %j is reusable: %j", (version, lines, reusable) => {
    expect(parseGood([`${version} 200 OK`, ...lines]).reusable).toBe(reusable);
  });

  test.each<[string, number | undefined]>([
    ["timeout=5", 5],
    ["timeout=5, max=100", 5],
    ["max=100, timeout=15", 15],
    ["Timeout=7", 7],
    ["max=100", undefined],
    ["xtimeout=5", undefined],
    ["timeout=x", undefined],
    ["", undefined],
  ])("row 31: Keep-Alive %j", (value, seconds) => {
    expect(parseGood(["HTTP/1.1 200 OK", `Keep-Alive: ${value}`]).keepAliveSeconds).toBe(seconds);
  });

  test("row 21: drops fields of the connection and those it nominates, but none a peer must not take away", () => {
    const { headers } = parseGood([
      "HTTP/1.1 200 OK",
      "X-One: 1",
      "Connection: X-One, set-cookie",
      "Connection: x-two",
      "X-Two: 2",
      "Set-Cookie: a=1",
      "TE: x",
      "Trailer: x",
      "Proxy-Authenticate: x",
      "Keep-Alive: x",
      "Upgrade: h2c",
      "X-Kept: 1",
    ]);
    expect(headers).toEqual(["Set-Cookie", "a=1", "X-Kept", "1"]);
  });

  test("bounds the number of fields", () => {
    const fields = (count: number) => new Array<string>(count).fill("A: b");
    expect(parse(["HTTP/1.1 200 OK", ...fields(MAX_RESPONSE_FIELDS)]).kind).toBe("head");
    expect(parse(["HTTP/1.1 200 OK", ...fields(MAX_RESPONSE_FIELDS + 1)]).kind).toBe("error");
  });

  test("notes Upgrade, length and type", () => {
    const head = parseGood([
      "HTTP/1.1 101 x",
      "Upgrade: WebSocket",
      "Content-Type: a/b",
      "Content-Length: 7",
    ]);
    expect([head.upgrade, head.contentType, head.length]).toEqual(["WebSocket", "a/b", 7]);
  });
});
