/** IP addresses and networks in one spelling each; the only file that knows ipaddr.js. */

import ipaddr from "ipaddr.js";
import { invariant } from "../lib/assert.ts";
import { createLru } from "../lib/lru.ts";

/** What the word "private" stands for in a list of networks. */
export const PRIVATE_CIDRS: readonly string[] = [
  "127.0.0.0/8",
  "10.0.0.0/8",
  "172.16.0.0/12",
  "192.168.0.0/16",
  "100.64.0.0/10",
  "169.254.0.0/16",
  "::1/128",
  "fc00::/7",
  "fe80::/10",
];

/** Verdicts a compiled list remembers; about 100 bytes each. */
const VERDICT_LIMIT = 4096;

/** Longest spelling of an address: eight groups with a dotted tail. */
const MAX_IPV6_LENGTH = 45;

/** RFC 6874 zone characters; a zone never leaves this host, so it is checked and dropped. */
const ZONE = /^[A-Za-z0-9._~-]{1,64}$/;
const IPV6_CHARACTERS = /^[0-9A-Fa-f:.]+$/;
const PREFIX_LENGTH = /^(?:0|[1-9]\d{0,2})$/;

/** True for four decimal parts without leading zeros: "010" is 8 for some parsers and 10 for others. */
export function isIpv4(text: string): boolean {
  const length = text.length;
  if (length < 7 || length > 15) return false;
  let dots = 0;
  let octet = 0;
  let digits = 0;
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i);
    if (code === 0x2e) {
      if (digits === 0 || ++dots > 3) return false;
      octet = 0;
      digits = 0;
      continue;
    }
    if (code < 0x30 || code > 0x39 || (digits === 1 && octet === 0)) return false;
    octet = octet * 10 + code - 0x30;
    digits += 1;
    if (octet > 255) return false;
  }
  return dots === 3 && digits > 0;
}

/**
 * The one spelling of an address: strict IPv4, or IPv6 as RFC 5952 writes it. IPv4-mapped IPv6 becomes
 * IPv4, so that a dual-stack socket cannot give one client two names. Brackets are not accepted.
 */
export function normalizeIp(text: string): string | undefined {
  if (isIpv4(text) || isCanonicalIpv6(text)) return text;
  const zoneAt = text.indexOf("%");
  if (zoneAt >= 0 && !ZONE.test(text.slice(zoneAt + 1))) return undefined;
  const parsed = parseIpv6(zoneAt < 0 ? text : text.slice(0, zoneAt));
  if (parsed === undefined) return undefined;
  return parsed.isIPv4MappedAddress() ? parsed.toIPv4Address().toString() : parsed.toRFC5952String();
}

/** The one spelling of a network, host bits zeroed; a single address becomes /32 or /128. */
export function parseCidr(text: string): string | undefined {
  const slashAt = text.indexOf("/");
  const address = slashAt < 0 ? text : text.slice(0, slashAt);
  if (address.includes("%")) return undefined;
  const isV4 = isIpv4(address);
  const width = isV4 ? 32 : 128;
  const prefixText = slashAt < 0 ? String(width) : text.slice(slashAt + 1);
  if (!PREFIX_LENGTH.test(prefixText)) return undefined;
  const prefix = Number(prefixText);
  if (prefix > width) return undefined;
  if (isV4) return formatIpv4Network(ipv4ToNumber(address), prefix);
  const parsed = parseIpv6(address);
  if (parsed === undefined) return undefined;
  if (prefix >= 96 && parsed.isIPv4MappedAddress()) {
    return formatIpv4Network(ipv4ToNumber(parsed.toIPv4Address().toString()), prefix - 96);
  }
  const network = new ipaddr.IPv6(maskGroups(parsed.parts, prefix));
  return `${network.toRFC5952String()}/${prefix}`;
}

/**
 * A test for membership in any of the networks. Runs per request, so verdicts are remembered by
 * address; the memory is bounded because addresses are chosen by strangers.
 */
export function compileCidrs(list: readonly string[]): (ip: string) => boolean {
  const networks4: Ipv4Network[] = [];
  const networks6: Ipv6Network[] = [];
  for (const entry of list) {
    const cidr = parseCidr(entry);
    invariant(cidr !== undefined, `"${entry}" is a validated network`);
    const slashAt = cidr.indexOf("/");
    const address = cidr.slice(0, slashAt);
    const prefix = Number(cidr.slice(slashAt + 1));
    if (isIpv4(address)) networks4.push({ network: ipv4ToNumber(address), mask: ipv4Mask(prefix) });
    else networks6.push({ parts: ipaddr.IPv6.parse(address).parts, prefix });
  }
  if (list.length === 0) return () => false;

  const verdicts = createLru<string, boolean>(VERDICT_LIMIT);
  return (ip) => {
    const known = verdicts.get(ip);
    if (known !== undefined) return known;
    const verdict = isInNetworks(normalizeIp(ip), networks4, networks6);
    verdicts.set(ip, verdict);
    return verdict;
  };
}

interface Ipv4Network {
  readonly network: number;
  readonly mask: number;
}

interface Ipv6Network {
  readonly parts: readonly number[];
  readonly prefix: number;
}

function isInNetworks(
  ip: string | undefined,
  networks4: readonly Ipv4Network[],
  networks6: readonly Ipv6Network[],
): boolean {
  if (ip === undefined) return false;
  if (isIpv4(ip)) {
    const address = ipv4ToNumber(ip);
    return networks4.some(({ network, mask }) => (address & mask) >>> 0 === network);
  }
  const { parts } = ipaddr.IPv6.parse(ip);
  return networks6.some(({ parts: network, prefix }) =>
    maskGroups(parts, prefix).every((group, index) => group === network[index]),
  );
}

/**
 * Allocation-free test for an IPv6 address that is already in its one spelling, which is what the
 * kernel hands over for a peer. Addresses with embedded IPv4 are left to the parser.
 */
function isCanonicalIpv6(text: string): boolean {
  const length = text.length;
  if (length < 2 || length > 39 || text.startsWith("::ffff:")) return false;
  let groups = 0;
  let zeroRun = 0;
  let longestZeroRun = 0;
  let gapAt = -1;
  let firstLongRunAt = -1;
  let i = 0;
  if (text.startsWith("::")) {
    gapAt = 0;
    i = 2;
  }
  while (i < length) {
    const size = canonicalGroupLength(text, i);
    if (size === 0) return false;
    const isZero = size === 1 && text.charCodeAt(i) === 0x30;
    zeroRun = isZero ? zeroRun + 1 : 0;
    // A zero beside the gap belongs into the gap.
    if (isZero && gapAt === groups) return false;
    groups += 1;
    if (zeroRun > longestZeroRun) {
      longestZeroRun = zeroRun;
      firstLongRunAt = groups - zeroRun;
    }
    i += size;
    if (i === length) break;
    if (text.charCodeAt(i) !== 0x3a) return false;
    i += 1;
    if (i === length) return false;
    if (text.charCodeAt(i) === 0x3a) {
      if (gapAt >= 0 || isZero) return false;
      gapAt = groups;
      zeroRun = 0;
      i += 1;
    }
  }
  if (gapAt < 0) return groups === 8 && longestZeroRun < 2;
  // RFC 5952 4.2: the gap stands for at least two groups, for the longest run, for the first of equals.
  const gap = 8 - groups;
  if (gap < 2 || gap < longestZeroRun) return false;
  return gap > longestZeroRun || gapAt <= firstLongRunAt;
}

/** Length of one to four lower-case hexadecimal digits without leading zeros at `start`, else 0. */
function canonicalGroupLength(text: string, start: number): number {
  let i = start;
  while (i < text.length) {
    const code = text.charCodeAt(i);
    if (!((code >= 0x30 && code <= 0x39) || (code >= 0x61 && code <= 0x66))) break;
    i += 1;
  }
  const size = i - start;
  if (size > 4 || (size > 1 && text.charCodeAt(start) === 0x30)) return 0;
  return size;
}

/**
 * ipaddr.js reads a dotted tail leniently (leading zeros, and "::1.2.3.4" as if it were
 * "::ffff:1.2.3.4"), so the tail is checked and turned into two groups first.
 */
function parseIpv6(text: string): InstanceType<typeof ipaddr.IPv6> | undefined {
  if (text.length > MAX_IPV6_LENGTH || !IPV6_CHARACTERS.test(text)) return undefined;
  const groups = text.includes(".") ? withoutDottedTail(text) : text;
  if (groups === undefined || !ipaddr.IPv6.isValid(groups)) return undefined;
  return ipaddr.IPv6.parse(groups);
}

function withoutDottedTail(text: string): string | undefined {
  const tailAt = text.lastIndexOf(":") + 1;
  const tail = text.slice(tailAt);
  if (tailAt === 0 || !isIpv4(tail)) return undefined;
  const address = ipv4ToNumber(tail);
  return `${text.slice(0, tailAt)}${(address >>> 16).toString(16)}:${(address & 0xffff).toString(16)}`;
}

/** Caller must have checked the text with isIpv4. */
function ipv4ToNumber(text: string): number {
  let address = 0;
  for (const octet of text.split(".")) address = address * 256 + Number(octet);
  return address;
}

function ipv4Mask(prefix: number): number {
  return prefix === 0 ? 0 : (-1 << (32 - prefix)) >>> 0;
}

function formatIpv4Network(address: number, prefix: number): string {
  const network = (address & ipv4Mask(prefix)) >>> 0;
  return `${network >>> 24}.${(network >>> 16) & 255}.${(network >>> 8) & 255}.${network & 255}/${prefix}`;
}

function maskGroups(parts: readonly number[], prefix: number): number[] {
  return parts.map((group, index) => {
    const keptBits = Math.min(16, Math.max(0, prefix - index * 16));
    return group & (0xffff << (16 - keptBits)) & 0xffff;
  });
}
