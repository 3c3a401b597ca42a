import { describe, expect, test } from "bun:test";
import { compileCidrs, isIpv4, normalizeIp, PRIVATE_CIDRS, parseCidr } from "../../../src/net/ip.ts";

describe("normalizeIp", () => {
  test.each([
    ["0.0.0.0", "0.0.0.0"],
    ["255.255.255.255", "255.255.255.255"],
    ["192.168.10.1", "192.168.10.1"],
    ["::", "::"],
    ["::1", "::1"],
    ["0:0:0:0:0:0:0:1", "::1"],
    ["2001:DB8::00A1", "2001:db8::a1"],
    ["2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
    ["2001:db8::1:0:0:1", "2001:db8::1:0:0:1"],
    ["2001:db8:0:0:1::1", "2001:db8::1:0:0:1"],
    ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
    ["2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
    ["1:2:3:4:5:6::", "1:2:3:4:5:6::"],
    ["1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"],
    ["64:ff9b::192.0.2.1", "64:ff9b::c000:201"],
    ["::1.2.3.4", "::102:304"],
  ])("%s is %s", (text, expected) => expect(normalizeIp(text)).toBe(expected));

  test.each([
    ["::ffff:1.2.3.4", "1.2.3.4"],
    ["::FFFF:1.2.3.4", "1.2.3.4"],
    ["::ffff:102:304", "1.2.3.4"],
    ["0:0:0:0:0:ffff:0102:0304", "1.2.3.4"],
    ["0::ffff:1.2.3.4", "1.2.3.4"],
    ["fe80::1%eth0", "fe80::1"],
    ["fe80::1%1", "fe80::1"],
    ["::ffff:10.0.0.1%lo", "10.0.0.1"],
  ])("row 50: %s is %s", (text, expected) => expect(normalizeIp(text)).toBe(expected));

  test.each([
    "",
    " ",
    "1.2.3",
    "1.2.3.4.5",
    "1.2.3.256",
    "01.2.3.4",
    "1.2.3.04",
    "1.2.3.00",
    "0x7f.0.0.1",
    "127.1",
    "2130706433",
    "1.2.3.4 ",
    " 1.2.3.4",
    "1.2.3.4:80",
    "1.2.3.4%eth0",
    "1..3.4",
    ".1.2.3",
    "1.2.3.",
    "١.2.3.4",
    "[::1]",
    "::1]",
    ":",
    ":::",
    "1:",
    ":1",
    "1::2::3",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "1:2:3:4::5:6:7:8",
    "12345::",
    "g::1",
    "::1%",
    "::1%a b",
    "::1%%",
    "::ffff:010.2.3.4",
    "::ffff:1.2.3",
    "::ffff:1.2.3.256",
    "1.2.3.4::",
    "::1.2.3.4:5",
    "localhost",
    "unknown",
    "::1\n",
    "0".repeat(1000),
    ":".repeat(1000),
  ])("refuses %j", (text) => expect(normalizeIp(text)).toBeUndefined());
});

describe("isIpv4", () => {
  test.each([
    ["1.2.3.4", true],
    ["10.20.30.40", true],
    ["::1", false],
    ["1.2.3.4.", false],
    ["1.2.3.-4", false],
  ])("%s: %p", (text, expected) => expect(isIpv4(text)).toBe(expected));
});

describe("parseCidr", () => {
  test.each([
    ["10.0.0.0/8", "10.0.0.0/8"],
    ["10.1.2.3/8", "10.0.0.0/8"],
    ["192.168.1.77/31", "192.168.1.76/31"],
    ["1.2.3.4/0", "0.0.0.0/0"],
    ["255.255.255.255/1", "128.0.0.0/1"],
    ["1.2.3.4", "1.2.3.4/32"],
    ["::1", "::1/128"],
    ["2001:db8::ff/32", "2001:db8::/32"],
    ["2001:db8:ffff::/33", "2001:db8:8000::/33"],
    ["FE80::1/10", "fe80::/10"],
    ["::/0", "::/0"],
    ["::ffff:10.1.2.3/104", "10.0.0.0/8"],
    ["::ffff:10.1.2.3", "10.1.2.3/32"],
    ["::ffff:10.1.2.3/80", "::/80"],
  ])("%s is %s", (text, expected) => expect(parseCidr(text)).toBe(expected));

  test.each([
    "",
    "/8",
    "10.0.0.0/",
    "10.0.0.0/33",
    "10.0.0.0/08",
    "10.0.0.0/-1",
    "10.0.0.0/8/8",
    "10.0.0.0/ 8",
    "10.0.0.0/255.0.0.0",
    "10/8",
    "::/129",
    "fe80::%eth0/10",
    "fe80::1%eth0",
    "private",
  ])("refuses %j", (text) => expect(parseCidr(text)).toBeUndefined());
});

describe("compileCidrs", () => {
  test("has nothing in an empty list", () => {
    expect(compileCidrs([])("127.0.0.1")).toBe(false);
  });

  test("compares the network bits only", () => {
    const isListed = compileCidrs([
      "10.0.0.0/8",
      "192.0.2.128/25",
      "203.0.113.7/32",
      "2001:db8::/33",
      "::1/128",
    ]);
    const verdicts = [
      ["10.0.0.0", true],
      ["10.255.255.255", true],
      ["11.0.0.0", false],
      ["9.255.255.255", false],
      ["192.0.2.127", false],
      ["192.0.2.128", true],
      ["203.0.113.7", true],
      ["203.0.113.8", false],
      ["2001:db8:7fff::1", true],
      ["2001:db8:8000::1", false],
      ["::1", true],
      ["::2", false],
    ] as const;
    for (const [ip, expected] of verdicts) expect([ip, isListed(ip)]).toEqual([ip, expected]);
    // The second answer comes from the memory.
    for (const [ip, expected] of verdicts) expect([ip, isListed(ip)]).toEqual([ip, expected]);
  });

  test("all of IPv4 is not all of IPv6", () => {
    expect([compileCidrs(["0.0.0.0/0"])("::1"), compileCidrs(["::/0"])("1.2.3.4")]).toEqual([false, false]);
    expect([compileCidrs(["0.0.0.0/0"])("255.1.2.3"), compileCidrs(["::/0"])("fe80::1")]).toEqual([
      true,
      true,
    ]);
  });

  test("row 50: a mapped address is in the networks of its IPv4 address", () => {
    const isListed = compileCidrs(["10.0.0.0/8"]);
    expect([isListed("::ffff:10.1.1.1"), isListed("::ffff:11.1.1.1")]).toEqual([true, false]);
  });

  test("what is no address is in no network", () => {
    const isListed = compileCidrs(["0.0.0.0/0", "::/0"]);
    expect(["", "unix", "1.2.3", "10.0.0.1:80"].map(isListed)).toEqual([false, false, false, false]);
  });

  test("stays right when more addresses come than it remembers", () => {
    const isListed = compileCidrs(["10.0.0.0/16"]);
    for (let i = 0; i < 20_000; i++) isListed(`10.${i & 1}.${(i >> 8) & 255}.${i & 255}`);
    expect([isListed("10.0.3.4"), isListed("10.1.3.4")]).toEqual([true, false]);
  });

  test("an entry that was not validated is a bug", () => {
    expect(() => compileCidrs(["private"])).toThrow("Broken invariant");
  });

  test("PRIVATE_CIDRS are canonical and cover what is not routed on the internet", () => {
    expect(PRIVATE_CIDRS.map(parseCidr)).toEqual([...PRIVATE_CIDRS]);
    const isPrivate = compileCidrs(PRIVATE_CIDRS);
    const inside = ["127.0.0.1", "10.9.9.9", "172.31.0.1", "192.168.0.1", "100.127.0.1", "169.254.1.1"];
    for (const ip of [...inside, "::1", "fd00::1", "fe80::1"])
      expect([ip, isPrivate(ip)]).toEqual([ip, true]);
    for (const ip of ["128.0.0.1", "172.32.0.1", "100.128.0.1", "8.8.8.8", "2001:db8::1", "::2", "fec0::1"]) {
      expect([ip, isPrivate(ip)]).toEqual([ip, false]);
    }
  });
});
