import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { formatAuthority, parseAuthority } from "../../src/net/authority.ts";
import { compileCidrs, isIpv4, normalizeIp, parseCidr } from "../../src/net/ip.ts";

const ipv4 = fc.ipV4();
const groups = fc.array(fc.oneof(fc.constant(0), fc.nat(0xffff)), { minLength: 8, maxLength: 8 });
const addressish = fc.string({ unit: fc.constantFrom(..."0123456789abcdefF:.[]%/ x"), maxLength: 50 });
const anyText = fc.oneof(
  fc.string({ unit: "binary" }),
  addressish,
  fc.ipV4(),
  fc.ipV6(),
  ipv4.map((ip) => `::ffff:${ip}`),
);

/** RFC 5952 written down a second time, by way of a regular expression over the full spelling. */
function referenceIpv6(parts: readonly number[]): string {
  const full = parts.map((part) => part.toString(16)).join(":");
  const runs = [...full.matchAll(/(?<![0-9a-f])0(?::0)+(?![0-9a-f])/g)].map((match) => match[0]);
  const longest = runs.reduce((best, run) => (run.length > best.length ? run : best), "");
  if (longest === "") return full;
  const at = full.search(new RegExp(`(?<![0-9a-f])${longest}(?![0-9a-f])`));
  return `${full.slice(0, at).replace(/:$/, "")}::${full.slice(at + longest.length).replace(/^:/, "")}`;
}

function isMapped(parts: readonly number[]): boolean {
  return parts.slice(0, 5).every((part) => part === 0) && parts[5] === 0xffff;
}

describe("normalizeIp", () => {
  test("every IPv4 address is its own one spelling, also when mapped", () => {
    fc.assert(
      fc.property(ipv4, (ip) => {
        expect(normalizeIp(ip)).toBe(ip);
        expect(normalizeIp(`::ffff:${ip}`)).toBe(ip);
        expect(isIpv4(ip)).toBe(true);
      }),
    );
  });

  test("every spelling of an IPv6 address becomes the one of RFC 5952", () => {
    fc.assert(
      fc.property(groups, fc.boolean(), fc.boolean(), (parts, isPadded, isUpper) => {
        fc.pre(!isMapped(parts));
        const canonical = referenceIpv6(parts);
        const spelled = parts.map((part) => part.toString(16).padStart(isPadded ? 4 : 1, "0")).join(":");
        expect(normalizeIp(isUpper ? spelled.toUpperCase() : spelled)).toBe(canonical);
        expect(normalizeIp(canonical)).toBe(canonical);
      }),
      { numRuns: 1000 },
    );
  });

  test("any text gives a spelling that stays, or nothing", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const ip = normalizeIp(text);
        if (ip === undefined) return;
        expect(normalizeIp(ip)).toBe(ip);
        expect(ip).toMatch(/^[0-9a-f:.]+$/);
      }),
      { numRuns: 2000 },
    );
  });
});

describe("networks", () => {
  test("an address is in the network made of it, whatever the prefix, and the network stays as it is", () => {
    const address = fc.oneof(
      fc.record({ ip: ipv4, width: fc.constant(32) }),
      fc.record({ ip: fc.ipV6(), width: fc.constant(128) }),
    );
    fc.assert(
      fc.property(address, fc.nat(128), ({ ip, width }, bits) => {
        const cidr = parseCidr(`${ip}/${bits % (width + 1)}`);
        expect(cidr).toBeDefined();
        expect(parseCidr(cidr as string)).toBe(cidr as string);
        const canonical = normalizeIp(ip) as string;
        // A wide IPv6 network does not contain the IPv4 address its member is folded to.
        fc.pre(isIpv4(canonical) === (cidr as string).includes("."));
        expect(compileCidrs([cidr as string])(ip)).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });

  test("membership is equality of the first bits", () => {
    const toBits = (ip: string) =>
      ip
        .split(".")
        .map((octet) => Number(octet).toString(2).padStart(8, "0"))
        .join("");
    fc.assert(
      fc.property(ipv4, ipv4, fc.nat(32), fc.nat(32), (network, other, prefix, shared) => {
        const mixed = toBits(network).slice(0, shared) + toBits(other).slice(shared);
        const octets = mixed.match(/.{8}/g) ?? [];
        const ip = octets.map((bits) => Number.parseInt(bits, 2)).join(".");
        const expected = mixed.slice(0, prefix) === toBits(network).slice(0, prefix);
        expect(compileCidrs([`${network}/${prefix}`])(ip)).toBe(expected);
      }),
    );
  });

  test("any text is a network or nothing, and never throws as an address", () => {
    const isListed = compileCidrs(["0.0.0.0/1", "::/1"]);
    fc.assert(
      fc.property(anyText, fc.nat(200), (text, prefix) => {
        const cidr = parseCidr(`${text}/${prefix}`) ?? parseCidr(text);
        if (cidr !== undefined) expect(parseCidr(cidr)).toBe(cidr);
        expect(isListed(text)).toBeBoolean();
      }),
      { numRuns: 1000 },
    );
  });
});

describe("parseAuthority", () => {
  const label = fc.string({
    unit: fc.constantFrom(..."abcdefghijklmnopqrstuvwxyz0123456789-_"),
    minLength: 1,
    maxLength: 20,
  });
  const name = fc
    .tuple(fc.array(label, { maxLength: 4 }), fc.constantFrom("test", "example", "c0m"))
    .map(([labels, last]) => [...labels, last].join("."));
  const hostname = fc.oneof(name, ipv4, groups.filter((parts) => !isMapped(parts)).map(referenceIpv6));
  const port = fc.option(fc.integer({ min: 1, max: 65_535 }), { nil: undefined });

  test("every authority is read back as it was", () => {
    fc.assert(
      fc.property(hostname, port, (host, number) => {
        expect(parseAuthority(formatAuthority(host, number))).toEqual({ hostname: host, port: number });
      }),
      { numRuns: 1000 },
    );
  });

  test("any text gives a clean hostname that stays, or nothing", () => {
    const hostish = fc.string({ unit: fc.constantFrom(..."abAB01.:-_[]%@/,\\ \t\r\n#?é"), maxLength: 30 });
    fc.assert(
      fc.property(fc.oneof(anyText, hostish, fc.webAuthority()), (text) => {
        const authority = parseAuthority(text);
        if (authority === undefined) return;
        expect(authority.hostname).toMatch(/^(?:[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|[0-9a-f:]+)$/);
        expect(parseAuthority(formatAuthority(authority.hostname, authority.port))).toEqual(authority);
      }),
      { numRuns: 3000 },
    );
  });

  test("agrees with the URL parser on what it accepts", () => {
    const hostish = fc.string({ unit: fc.constantFrom(..."abAB019x.:-_"), maxLength: 20 });
    fc.assert(
      fc.property(fc.oneof(hostish, name, ipv4), (text) => {
        const authority = parseAuthority(text);
        // Punycode labels are checked by the URL parser only.
        fc.pre(authority !== undefined && !/(?:^|\.)xn--/.test(authority.hostname));
        const url = new URL(`http://${text}/`);
        expect(url.hostname.replace(/\.$/, "")).toBe((authority as { hostname: string }).hostname);
      }),
      { numRuns: 2000 },
    );
  });
});
