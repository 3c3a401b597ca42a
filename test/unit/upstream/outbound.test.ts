import { describe, expect, test } from "bun:test";
import type { Exchange } from "../../../src/exchange/exchange.ts";
import { compileOutboundRules, formatRequestHead } from "../../../src/upstream/outbound.ts";
import { createExchange, createFakeBody } from "../../support/exchange.ts";

const NO_RULES = compileOutboundRules([]);
const OWN = [
  "x-forwarded-for: 203.0.113.7",
  "x-forwarded-proto: http",
  "x-forwarded-host: site.test",
  "x-forwarded-port: 8080",
  "via: 1.1 ophid",
];

function linesFor(exchange: Partial<Exchange>, rules = NO_RULES): string[] {
  const head = formatRequestHead(createExchange(exchange), "/t?q", "host.test", rules);
  expect(head).toEndWith("\r\n\r\n");
  return head.slice(0, -4).split("\r\n");
}

/** What is left of these fields. */
function forwarded(headers: readonly string[], exchange: Partial<Exchange> = {}): string[] {
  return linesFor({ ...exchange, headers })
    .filter((line) => !OWN.includes(line))
    .slice(2);
}

describe("formatRequestHead", () => {
  test("writes the request line, Host and the proxy's own fields", () => {
    expect(linesFor({ method: "POST" })).toEqual(["POST /t?q HTTP/1.1", "host: host.test", ...OWN]);
  });

  test("row 25: passes unknown and repeated fields in order", () => {
    expect(forwarded(["x-b", "1", "accept", "a", "x-b", "2", "x-empty", ""])).toEqual([
      "x-b: 1",
      "accept: a",
      "x-b: 2",
      "x-empty: ",
    ]);
  });

  test.each([
    "host",
    "connection",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "http2-settings",
    "proxy-authorization",
    "content-length",
    "expect",
    "sec-websocket-extensions",
    "x_forwarded_for",
    "x.real.ip",
    "content_length",
    "transfer_encoding",
  ])("rows 21, 22, 51: never passes %s, not even from a trusted peer", (name) => {
    const client = { ip: "10.0.0.1", peer: "10.0.0.1", trusted: true, hops: 0 };
    for (const exchange of [{}, { client }]) {
      const lines = linesFor({ ...exchange, headers: [name, "evil"] });
      expect(lines.join("\n")).not.toContain("evil");
    }
  });

  test.each([
    "x-real-ip",
    "forwarded",
    "true-client-ip",
    "cf-connecting-ip",
    "x-forwarded-prefix",
    "x-original-url",
  ])("row 49: passes %s from trusted peers only", (name) => {
    const client = { ip: "10.0.0.1", peer: "10.0.0.1", trusted: true, hops: 0 };
    expect(linesFor({ client, headers: [name, "v"] })).toContain(`${name}: v`);
    expect(linesFor({ headers: [name, "v"] })).not.toContain(`${name}: v`);
  });

  test("row 49: X-Forwarded-* of an untrusted peer are replaced, not repeated", () => {
    const headers = [
      "x-forwarded-for",
      "6.6.6.6",
      "x-forwarded-proto",
      "https",
      "x-forwarded-host",
      "evil",
      "x-forwarded-port",
      "1",
    ];
    expect(linesFor({ headers })).toEqual(["GET /t?q HTTP/1.1", "host: host.test", ...OWN]);
  });

  test("row 50: what is remembered for one client is never sent for another", () => {
    for (const peer of ["10.0.0.12", "10.1.0.12", "10.0.0.12"]) {
      for (const authority of ["a.test", "b.test"]) {
        for (const localPort of [80, 81]) {
          const client = { ip: peer, peer, trusted: false, hops: 0 };
          const lines = linesFor({ client, authority, localPort });
          expect(lines).toContain(`x-forwarded-for: ${peer}`);
          expect(lines).toContain(`x-forwarded-host: ${authority}`);
          expect(lines).toContain(`x-forwarded-port: ${localPort}`);
        }
      }
    }
  });

  test("row 21: fields nominated by Connection go, protected ones stay", () => {
    const headers = [
      "connection",
      "x-mine, Cookie, close, X-Forwarded-For",
      "x-mine",
      "1",
      "cookie",
      "a=1",
      "x-other",
      "2",
    ];
    expect(forwarded(headers)).toEqual(["cookie: a=1", "x-other: 2"]);
  });

  test("row 23: Via is appended to", () => {
    expect(linesFor({ headers: ["via", "1.0 fred"] })).toContain("via: 1.0 fred, 1.1 ophid");
  });

  test.each<[string, string, string]>([
    ["OPTIONS", "5", "4"],
    ["OPTIONS", "1", "0"],
    ["OPTIONS", "x", "x"],
    ["OPTIONS", "99999999999", "99999999999"],
    ["GET", "5", "5"],
  ])("row 24: Max-Forwards of %s %s becomes %s", (method, value, sent) => {
    expect(forwarded(["max-forwards", value], { method })).toEqual([`max-forwards: ${sent}`]);
  });

  test.each<[string, Partial<Exchange>, string[]]>([
    ["no body", { method: "POST" }, []],
    ["a length of 0", { method: "POST", headers: ["content-length", "0"] }, ["content-length: 0"]],
    ["a length", { method: "POST", body: createFakeBody(5) }, ["content-length: 5"]],
    ["chunks", { method: "POST", body: createFakeBody(undefined) }, ["transfer-encoding: chunked"]],
    ["an upgrade", { upgrade: "websocket" }, ["connection: Upgrade", "upgrade: websocket"]],
  ])("row 33: framing of %s", (_, exchange, lines) => {
    expect(linesFor(exchange).slice(2 + OWN.length)).toEqual(lines);
  });

  test("a unix peer without Host sends no empty field", () => {
    const client = { ip: "", peer: "", trusted: false, hops: 0 };
    const lines = linesFor({ client, authority: "", localPort: 0 });
    expect(lines).toEqual([
      "GET /t?q HTTP/1.1",
      "host: host.test",
      "x-forwarded-proto: http",
      "x-forwarded-port: 80",
      "via: 1.1 ophid",
    ]);
  });
});

describe("compileOutboundRules", () => {
  const rules = compileOutboundRules([
    { remove: ["cookie"], set: ["x-team", "w\u00e9b"], add: ["x-more", "2"] },
    { remove: [], set: ["X-Last", "3"], add: [] },
  ]);

  test("removes and sets whatever the client sent, adds beside it", () => {
    const headers = ["cookie", "a", "x-team", "client", "x-last", "client", "x-more", "1"];
    const lines = linesFor({ headers }, rules);
    expect(lines).toEqual([
      "GET /t?q HTTP/1.1",
      "host: host.test",
      "x-more: 1",
      "x-team: w\xc3\xa9b",
      "x-more: 2",
      "X-Last: 3",
      ...OWN,
    ]);
  });
});
