import { describe, expect, test } from "bun:test";
import {
  clientAddress,
  countOwnVia,
  FORWARDED_HOP_LIMIT,
  type ForwardedInput,
  forwardedFields,
  isIdentityAlias,
  viaValue,
} from "../../../src/http/forwarded.ts";
import { compileCidrs } from "../../../src/net/ip.ts";

describe("isIdentityAlias", () => {
  test.each([
    "x_forwarded_for",
    "x-forwarded_for",
    "x.forwarded.for",
    "x_forwarded.proto",
    "x_real_ip",
    "forwarded_for",
    "true_client_ip",
    "x_original_url",
    "x_rewrite_url",
    "transfer_encoding",
    "content_length",
    "proxy_authorization",
    "remote_user",
    "x-remote_user",
    "keep_alive",
  ])("row 51: %s reads as a field applications believe", (name) => expect(isIdentityAlias(name)).toBe(true));

  test.each(["", "_", "x-forwarded-for", "authorization", "my_field", "x_request_id", "v1.0", "user_agent"])(
    "%j does not",
    (name) => expect(isIdentityAlias(name)).toBe(false),
  );
});

describe("clientAddress", () => {
  const isTrusted = compileCidrs(["10.0.0.0/8", "fd00::/8"]);

  test.each<[string, string, string | undefined, string, number]>([
    ["no field", "10.0.0.1", undefined, "10.0.0.1", 0],
    ["an empty field", "10.0.0.1", "", "10.0.0.1", 0],
    ["an untrusted peer's claim", "203.0.113.5", "1.1.1.1", "203.0.113.5", 0],
    ["one entry", "10.0.0.1", "203.0.113.5", "203.0.113.5", 1],
    ["claims left of the first untrusted entry", "10.0.0.1", "1.1.1.1, 203.0.113.5", "203.0.113.5", 1],
    ["a chain of trusted proxies", "10.0.0.1", "9.9.9.9, 203.0.113.5 ,10.0.0.3,\t10.0.0.2", "203.0.113.5", 3],
    ["only trusted entries", "10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3", 2],
    ["a trusted address behind an untrusted one", "10.0.0.1", "10.0.0.9, 203.0.113.5", "203.0.113.5", 1],
  ])("row 49: %s", (_, peer, forwardedFor, ip, hops) => {
    expect(clientAddress({ peer, forwardedFor, isTrusted })).toEqual({ ip, hops });
  });

  test.each([
    "unknown",
    "_hidden",
    "203.0.113.5, evil",
    "203.0.113.5,",
    ",",
    "203.0.113.5, ",
    "example.com",
    "1.2.3.4:",
    "1.2.3.4:0",
    "1.2.3.4:99999",
    "1.2.3.4:x",
    "1.2.3.4:80:80",
    "[::1",
    "[1.2.3.4]",
    "[::1]80",
    "[::1]:x",
    "for=1.2.3.4",
    '"1.2.3.4"',
    "1.2.3.4 5.6.7.8",
    "01.2.3.4",
    "1.2.3.4\r\n",
  ])("row 49: %j ends the walk at once", (forwardedFor) => {
    expect(clientAddress({ peer: "10.0.0.1", forwardedFor, isTrusted })).toEqual({ ip: "10.0.0.1", hops: 0 });
  });

  test("row 49: a malformed entry ends the walk at the last believed one", () => {
    const forwardedFor = "203.0.113.5, garbage, 10.0.0.7";
    expect(clientAddress({ peer: "10.0.0.1", forwardedFor, isTrusted })).toEqual({ ip: "10.0.0.7", hops: 1 });
  });

  test.each([
    ["203.0.113.5:4711", "203.0.113.5"],
    ["[2001:db8::1]:8", "2001:db8::1"],
    ["[2001:DB8:0::1]", "2001:db8::1"],
    ["2001:db8::1", "2001:db8::1"],
    ["::ffff:203.0.113.5", "203.0.113.5"],
    ["[::ffff:203.0.113.5]:80", "203.0.113.5"],
    ["fe80::1%eth0", "fe80::1"],
  ])("row 50: the entry %s is %s", (forwardedFor, ip) => {
    expect(clientAddress({ peer: "10.0.0.1", forwardedFor, isTrusted })).toEqual({ ip, hops: 1 });
  });

  test("row 50: a mapped entry of a trusted network is trusted", () => {
    const forwardedFor = "203.0.113.5, ::ffff:10.0.0.2";
    expect(clientAddress({ peer: "fd00::1", forwardedFor, isTrusted })).toEqual({
      ip: "203.0.113.5",
      hops: 2,
    });
  });

  test("the peer of a unix socket has no address; the caller says if it is trusted", () => {
    const forwardedFor = "203.0.113.5";
    expect(clientAddress({ peer: "", forwardedFor, isTrusted })).toEqual({ ip: "", hops: 0 });
    expect(clientAddress({ peer: "", forwardedFor, isTrusted: (ip) => ip === "" })).toEqual({
      ip: "203.0.113.5",
      hops: 1,
    });
  });

  test("the walk has a limit", () => {
    const forwardedFor = new Array<string>(5000).fill("10.0.0.2").join(",");
    expect(clientAddress({ peer: "10.0.0.1", forwardedFor, isTrusted }).hops).toBe(FORWARDED_HOP_LIMIT);
  });
});

describe("forwardedFields", () => {
  const own: ForwardedInput = {
    peer: "203.0.113.5",
    trusted: false,
    scheme: "http",
    authority: "a.test:8080",
    localPort: 8080,
    hops: 0,
  };

  test("row 49: an untrusted peer's values do not count", () => {
    const claims = { forwardedFor: "1.1.1.1", proto: "https", host: "evil.test", port: "1" };
    expect(forwardedFields({ ...own, ...claims })).toEqual({
      forwardedFor: "203.0.113.5",
      proto: "http",
      host: "a.test:8080",
      port: "8080",
    });
  });

  test("a trusted peer's values are kept and its address is appended", () => {
    const claims = { forwardedFor: "198.51.100.7", proto: "https", host: "b.test", port: "8443" };
    expect(forwardedFields({ ...own, peer: "10.0.0.1", trusted: true, ...claims, hops: 1 })).toEqual({
      forwardedFor: "198.51.100.7, 10.0.0.1",
      proto: "https",
      host: "b.test",
      port: "8443",
    });
  });

  test.each<[string | undefined, number, string]>([
    [undefined, 0, "10.0.0.1"],
    ["", 0, "10.0.0.1"],
    ["garbage", 0, "10.0.0.1"],
    ["1.1.1.1, 198.51.100.7", 1, "198.51.100.7, 10.0.0.1"],
    ["1.1.1.1,198.51.100.7 , 10.0.0.2", 2, "198.51.100.7 , 10.0.0.2, 10.0.0.1"],
    ["198.51.100.7", 1, "198.51.100.7, 10.0.0.1"],
    ["198.51.100.7", 5, "198.51.100.7, 10.0.0.1"],
  ])("row 49: of %j the last %d entries are believed", (forwardedFor, hops, expected) => {
    const fields = forwardedFields({ ...own, peer: "10.0.0.1", trusted: true, forwardedFor, hops });
    expect(fields.forwardedFor).toBe(expected);
  });

  test("a trusted peer on a unix socket has no address to append", () => {
    const input: ForwardedInput = { ...own, peer: "", trusted: true, localPort: 0 };
    expect(forwardedFields({ ...input, forwardedFor: "1.1.1.1", hops: 1 }).forwardedFor).toBe("1.1.1.1");
    expect(forwardedFields(input).forwardedFor).toBe("");
  });

  test.each([
    ["http", "http"],
    ["HTTPS", "https"],
    ["ws", "ws"],
    ["wss", "wss"],
    ["ftp", "http"],
    ["", "http"],
    ["https,http", "http"],
    ["https\r\nx: y", "http"],
  ])("row 56: the scheme %j of a trusted peer gives %s", (proto, expected) => {
    expect(forwardedFields({ ...own, trusted: true, proto }).proto).toBe(expected);
  });

  test.each([
    ["b.test", "b.test"],
    ["B.test:8443", "B.test:8443"],
    ["", "a.test:8080"],
    ["b.test, c.test", "a.test:8080"],
    ["b.test/x", "a.test:8080"],
    ["u@b.test", "a.test:8080"],
    ["b.test\r\nx: y", "a.test:8080"],
  ])("row 56: the host %j of a trusted peer gives %s", (host, expected) => {
    expect(forwardedFields({ ...own, trusted: true, host }).host).toBe(expected);
  });

  test.each<[Partial<ForwardedInput>, string]>([
    [{ port: "8443" }, "8443"],
    [{ port: "0" }, "8080"],
    [{ port: "65536" }, "8080"],
    [{ port: "80, 443" }, "8080"],
    [{ port: "x" }, "8080"],
    [{ proto: "https" }, "443"],
    [{ proto: "wss" }, "443"],
    [{ proto: "http" }, "80"],
    [{ proto: "https", host: "b.test:8443" }, "8443"],
    [{ proto: "https", host: "b.test" }, "443"],
    [{ host: "b.test" }, "8080"],
    [{}, "8080"],
  ])("the port for %j of a trusted peer is %s", (claims, expected) => {
    expect(forwardedFields({ ...own, trusted: true, ...claims }).port).toBe(expected);
  });

  test.each<[string, "http" | "https", string]>([
    ["a.test:8080", "http", "8080"],
    ["a.test", "http", "80"],
    ["a.test", "https", "443"],
    ["", "http", "80"],
  ])("on a unix socket the port comes from Host %j and %s", (authority, scheme, expected) => {
    expect(forwardedFields({ ...own, authority, scheme, localPort: 0 }).port).toBe(expected);
  });
});

describe("viaValue", () => {
  test.each([
    [undefined, "1.1", "1.1 ophid"],
    ["", "1.1", "1.1 ophid"],
    [undefined, "1.0", "1.0 ophid"],
    ["1.1 cdn (x)", "1.1", "1.1 cdn (x), 1.1 ophid"],
  ] as const)("row 23: after %j for %s comes %s", (received, version, expected) => {
    expect(viaValue(received, version)).toBe(expected);
  });
});

describe("countOwnVia", () => {
  test.each([
    [undefined, 0],
    ["", 0],
    ["1.1 other", 0],
    ["ophid", 0],
    ["1.1 ophid", 1],
    ["HTTP/1.1 OPHID", 1],
    ["1.1 ophidian, 1.1 my-ophid, 1.1 ophid:80", 0],
    ["1.1 ophid (edge), 2 cdn,1.0\tophid(x)", 2],
    ['1.1 "x, 1.1 ophid, 1.1 ophid', 2],
    ["1.1 x (unclosed, 1.1 ophid", 1],
  ])("row 23: %j has it %d times", (value, expected) => expect(countOwnVia(value)).toBe(expected));

  test("row 23: counts every pass of a looping message", () => {
    let value: string | undefined;
    for (let i = 0; i < 12; i++) value = viaValue(value, "1.1");
    expect(countOwnVia(value)).toBe(12);
  });

  test("another name can be counted", () => expect(countOwnVia("1.1 ophid, 1.1 edge-7", "edge-7")).toBe(1));
});
