import { describe, expect, test } from "bun:test";
import { parseEndpoint, parseHostPattern, parseListener } from "../../../src/config/address.ts";

function readingOf<T>(result: { ok: true; value: T } | { ok: false; error: { state: string } }): T | string {
  return result.ok ? result.value : result.error.state;
}

describe("parseListener", () => {
  const CASES = [
    [":8080", { kind: "tcp", hostname: "::", port: 8080 }],
    ["0.0.0.0:80", { kind: "tcp", hostname: "0.0.0.0", port: 80 }],
    ["[::1]:8080", { kind: "tcp", hostname: "::1", port: 8080 }],
    ["[0:0::1]:8080", { kind: "tcp", hostname: "::1", port: 8080 }],
    ["LOCALHOST:80", { kind: "tcp", hostname: "localhost", port: 80 }],
    ["http://127.0.0.1", { kind: "tcp", hostname: "127.0.0.1", port: 80 }],
    ["http://:8080/", { kind: "tcp", hostname: "::", port: 8080 }],
    ["https://127.0.0.1", { kind: "tcp", hostname: "127.0.0.1", port: 443 }],
    ["unix:/run/a.sock", { kind: "unix", path: "/run/a.sock" }],
    ["unix:///run/a.sock", { kind: "unix", path: "/run/a.sock" }],
    [":0", "the port is not a number from 1 to 65535"],
    [":", "the port is not a number from 1 to 65535"],
    [":80a", "the port is not a number from 1 to 65535"],
    ["127.0.0.1", "it has no port"],
    ["127.0.0.1:", "it has no port"],
    ["8080", "it has no colon"],
    ["fe80::1%eth0:80", "it is not an address"],
    ["unix:", "the socket path is not absolute"],
    ["unix:/run/", "the socket path is not a file"],
    [`unix:/${"a".repeat(98)}`, { kind: "unix", path: `/${"a".repeat(98)}` }],
    [`unix:/${"a".repeat(99)}`, "the socket path is longer than 99 bytes"],
    ["", "it is not an address"],
  ] as const;
  for (const [text, expected] of CASES) {
    test(`reads ${JSON.stringify(text.slice(0, 30))}`, () =>
      expect(readingOf(parseListener(text))).toEqual(expected as never));
  }
});

describe("parseEndpoint", () => {
  const CASES = [
    ["localhost:3000", { kind: "tcp", scheme: "http", hostname: "localhost", port: 3000 }],
    ["http://App_1:3000/", { kind: "tcp", scheme: "http", hostname: "app_1", port: 3000 }],
    ["HTTPS://api.example.com.", { kind: "tcp", scheme: "https", hostname: "api.example.com", port: 443 }],
    ["http://[::1]", { kind: "tcp", scheme: "http", hostname: "::1", port: 80 }],
    ["unix:/run/app.sock", { kind: "unix", path: "/run/app.sock" }],
    [`unix:/${"a".repeat(106)}`, { kind: "unix", path: `/${"a".repeat(106)}` }],
    [`unix:/${"a".repeat(107)}`, "the socket path is longer than 107 bytes"],
    ["localhost", "it has no port"],
    ["http://h/app", "it has a path"],
    ["http://h?x", "it has a path"],
    ["http://u@h", "it has a user name"],
    ["http://", "it is not an address"],
    ["http://127.1:80", "it is not an address"],
    ["ftp://h", "there is no such scheme"],
  ] as const;
  for (const [text, expected] of CASES) {
    test(`reads ${text}`, () => expect(readingOf(parseEndpoint(text))).toEqual(expected as never));
  }
});

describe("parseHostPattern", () => {
  const CASES = [
    ["*", "*"],
    ["Example.COM", "example.com"],
    ["example.com.", "example.com"],
    ["*.Example.com", "*.example.com"],
    ["bücher.example", "xn--bcher-kva.example"],
    ["*.bücher.example", "*.xn--bcher-kva.example"],
    ["10.0.0.1", "10.0.0.1"],
    ["[2001:db8:0::1]", "2001:db8::1"],
  ] as const;
  for (const [text, expected] of CASES) {
    test(`row 52: reads ${text}`, () =>
      expect(parseHostPattern(text)).toEqual({ ok: true, value: expected }));
  }

  for (const text of [
    "",
    "a b",
    "a/b",
    "a:80",
    "[::1]:80",
    "*example.com",
    "a.*.b",
    "*.*.b",
    "*.",
    "a..b",
    "*.1.2.3.4",
    "x@y",
    "::1",
  ]) {
    test(`refuses ${JSON.stringify(text)}`, () => expect(parseHostPattern(text).ok).toBe(false));
  }
});
