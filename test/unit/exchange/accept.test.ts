import { describe, expect, test } from "bun:test";
import { acceptRequest, type Received } from "../../../src/exchange/accept.ts";
import { compileCidrs } from "../../../src/net/ip.ts";
import { createReceived } from "../../support/exchange.ts";

const nobody = () => false;
const problemOf = (received: Partial<Received>) =>
  acceptRequest(createReceived(received), nobody).problem?.kind;
const host = (value: string, ...rest: string[]) => ({ headers: ["host", value, ...rest] });

describe("acceptRequest", () => {
  test("takes a request apart", () => {
    const { exchange, problem } = acceptRequest(
      createReceived({ method: "POST", target: "/a/%7Eb/../c//d?x=%2F", ...host("SITE.test:8080") }),
      nobody,
    );
    expect(problem).toBeUndefined();
    expect(exchange).toMatchObject({
      method: "POST",
      target: "/a/%7Eb/../c//d?x=%2F",
      path: "/a/c/d",
      query: "?x=%2F",
      host: "site.test",
      authority: "SITE.test:8080",
      localPort: 8080,
      upgrade: undefined,
    });
  });

  test("without Host only routes for any host can match", () => {
    const { exchange, problem } = acceptRequest(createReceived({ headers: [] }), nobody);
    expect([exchange.host, exchange.authority, problem]).toEqual(["", "", undefined]);
  });

  test.each([
    "a.test, b.test",
    "u@a.test",
    "a.test/x",
    "a b",
    "",
    "a.test:0",
    "a.test:99999",
    "..",
    "%61.test",
  ])("row 12: refuses Host %j, and no route can match it", (value) => {
    const { exchange, problem } = acceptRequest(createReceived(host(value)), nobody);
    expect([problem?.kind, exchange.host, exchange.authority]).toEqual(["bad_request", "", ""]);
  });

  test.each(["*", "http://a.test/", "a.test:443", "", "/a\\b", "/a#b", "/%00", "/..", "/a/..%2fb", "/\xe9"])(
    "rows 14, 18, 53: refuses the target %j",
    (target) => {
      const { exchange, problem } = acceptRequest(createReceived({ target }), nobody);
      expect([problem?.kind, exchange.path]).toEqual(["bad_request", "/"]);
    },
  );

  test.each(["/a?x#y", "/a?#", "/a?x y", "/a?\xe9", "/a?x\ny"])("row 18: refuses the query of %j", (target) =>
    expect(problemOf({ target })).toBe("bad_request"),
  );

  test("row 26: a query may hold anything else", () => {
    const target = "/a?b=`{}|\\^\"<>'&c=%23%00?/../";
    const { exchange, problem } = acceptRequest(createReceived({ target }), nobody);
    expect([problem, exchange.target, exchange.path]).toEqual([undefined, target, "/a"]);
  });

  test.each<[string, readonly string[], string | undefined]>([
    ["GET", [], undefined],
    ["GET", ["content-length", "0"], undefined],
    ["GET", ["content-length", "00"], undefined],
    ["GET", ["content-length", "5"], "bad_request"],
    ["HEAD", ["transfer-encoding", "chunked"], "bad_request"],
    ["DELETE", ["content-length", "5"], undefined],
    ["CONNECT", [], "not_implemented"],
    ["TRACE", [], "method_not_allowed"],
  ])("row 15: %s with %j", (method, headers, kind) => {
    expect(problemOf({ method, headers: ["host", "site.test", ...headers] })).toBe(kind as never);
  });

  test.each<[string, string | undefined]>([
    ["100-continue", undefined],
    ["100-Continue", undefined],
    ["200-ok", "expectation_failed"],
    ["100-continue, x", "expectation_failed"],
    ["", "expectation_failed"],
  ])("row 35: Expect %j", (value, kind) => {
    expect(problemOf({ method: "POST", ...host("a", "expect", value) })).toBe(kind as never);
  });

  test("row 23: a request that came by too often is a loop", () => {
    const via = (times: number) => host("a", "via", new Array(times).fill("1.1 ophid").join(","));
    expect(problemOf(via(10))).toBeUndefined();
    expect(problemOf(via(11))).toBe("loop_detected");
  });

  const HANDSHAKE = ["upgrade", "websocket", "connection", "Upgrade", "sec-websocket-version", "13"];
  const KEY = ["sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="];

  test("row 33: knows a WebSocket handshake, and what is wrong with one", () => {
    const accepted = acceptRequest(createReceived(host("a", ...HANDSHAKE, ...KEY)), nobody);
    expect([accepted.exchange.upgrade, accepted.problem]).toEqual(["websocket", undefined]);
    expect(problemOf(host("a", ...HANDSHAKE))).toBe("bad_request");
    expect(problemOf(host("a", ...HANDSHAKE.slice(0, 4), ...KEY))).toBe("upgrade_required");
    expect(acceptRequest(createReceived(host("a", ...HANDSHAKE)), nobody).exchange.upgrade).toBeUndefined();
  });

  describe("rows 49, 50: the client", () => {
    const isTrusted = compileCidrs(["10.0.0.0/8"]);
    const clientOf = (peer: string, forwardedFor?: string) =>
      acceptRequest(
        createReceived({
          peer,
          headers: forwardedFor === undefined ? [] : ["x-forwarded-for", forwardedFor],
        }),
        isTrusted,
      ).exchange.client;

    test("is the peer, unless the peer is trusted", () => {
      expect(clientOf("203.0.113.7", "6.6.6.6")).toEqual({
        ip: "203.0.113.7",
        peer: "203.0.113.7",
        trusted: false,
        hops: 0,
      });
      expect(clientOf("10.0.0.1", "6.6.6.6, 203.0.113.9")).toEqual({
        ip: "203.0.113.9",
        peer: "10.0.0.1",
        trusted: true,
        hops: 1,
      });
    });

    test("of a unix socket has no address and is trusted by nobody", () => {
      expect(clientOf("", "6.6.6.6")).toEqual({ ip: "", peer: "", trusted: false, hops: 0 });
    });
  });
});
