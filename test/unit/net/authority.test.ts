import { describe, expect, test } from "bun:test";
import { formatAuthority, parseAuthority } from "../../../src/net/authority.ts";

describe("parseAuthority", () => {
  const label63 = "a".repeat(63);
  const name253 = `${label63}.${label63}.${label63}.${"b".repeat(61)}`;

  test.each([
    ["example.com", "example.com", undefined],
    ["example.com:8080", "example.com", 8080],
    ["localhost", "localhost", undefined],
    ["my_app-1.internal:1", "my_app-1.internal", 1],
    ["xn--bcher-kva.example", "xn--bcher-kva.example", undefined],
    ["1.2.3.4", "1.2.3.4", undefined],
    ["1.2.3.4:65535", "1.2.3.4", 65_535],
    ["3com.example", "3com.example", undefined],
    ["1.example.c0m", "1.example.c0m", undefined],
    ["a.0xyz", "a.0xyz", undefined],
    ["[::1]", "::1", undefined],
    ["[::1]:443", "::1", 443],
    ["[2001:DB8:0::1]:80", "2001:db8::1", 80],
    ["[::ffff:1.2.3.4]:80", "1.2.3.4", 80],
    // RFC 3986 3.2.3: a port may be empty.
    ["example.com:", "example.com", undefined],
    [label63, label63, undefined],
    [name253, name253, undefined],
    [`${name253}.:80`, name253, 80],
  ])("row 12: accepts %s", (text, hostname, port) =>
    expect(parseAuthority(text)).toEqual({ hostname, port }),
  );

  test.each([
    ["EXAMPLE.Com", "example.com", undefined],
    ["Example.COM:80", "example.com", 80],
    ["example.com.", "example.com", undefined],
    ["example.com.:80", "example.com", 80],
    ["1.2.3.4.", "1.2.3.4", undefined],
  ])("row 52: reads %s without case and trailing dot", (text, hostname, port) => {
    expect(parseAuthority(text)).toEqual({ hostname, port });
  });

  test.each([
    "",
    ".",
    "..",
    ":80",
    ".example.com",
    "a..b",
    "example.com..",
    "user@example.com",
    "user:pass@example.com",
    "example.com/path",
    "example.com?q",
    "example.com#f",
    "example.com\\x",
    "a.test, b.test",
    "a.test,b.test",
    "a b",
    " a.test",
    "a.test ",
    "a.test\t",
    "a.test\r\n",
    "a.test\0",
    "%61.test",
    "bücher.example",
    "a\u0130.test",
    "ⓔxample.com",
    "*.example.com",
    "a.test:0",
    "a.test:00",
    "a.test:080",
    "a.test:65536",
    "a.test:100000",
    "a.test:+80",
    "a.test:-1",
    "a.test:8o",
    "a.test:80:80",
    "a.test: 80",
    "::1",
    "[::1",
    "[]",
    "[]:80",
    "[1.2.3.4]",
    "[example.com]",
    "[::1]x",
    "[::1]80",
    "[::1]:0",
    "[fe80::1%eth0]",
    "[fe80::1%25eth0]",
    "[v1.fe80::a+en1]",
    "[[::1]]",
    "256.1.1.1",
    "1.2.3",
    "127.1",
    "2130706433",
    "0x7f000001",
    "a.0x7F",
    "01.2.3.4",
    `${label63}a.test`,
    `a.${label63}a`,
    `${name253}c`,
  ])("row 12: refuses %j", (text) => expect(parseAuthority(text)).toBeUndefined());
});

describe("formatAuthority", () => {
  test.each([
    ["example.com", undefined, "example.com"],
    ["example.com", 8080, "example.com:8080"],
    ["::1", undefined, "[::1]"],
    ["::1", 443, "[::1]:443"],
    ["1.2.3.4", 80, "1.2.3.4:80"],
  ])("%s and %p are %s", (hostname, port, expected) =>
    expect(formatAuthority(hostname, port)).toBe(expected),
  );
});
