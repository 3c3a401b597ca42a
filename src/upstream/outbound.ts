/** Writes the head of the request an endpoint gets: strip first, then the proxy's own fields. */

import type { Exchange } from "../exchange/exchange.ts";
import { forwardedFields, isIdentityAlias, viaValue } from "../http/forwarded.ts";
import { getHeader, type HeaderList } from "../http/headers.ts";
import { connectionTokens, isHopByHop } from "../http/hop-by-hop.ts";
import { isIdentityHeader } from "../http/identity.ts";
import type { HeaderRules } from "../snapshot/types.ts";

/** What a route wants of request fields; prepared when the snapshot is assembled. */
export interface OutboundRules {
  readonly removed: ReadonlySet<string>;
  /** Lines set or added by the configuration, as text ready to send. */
  readonly lines: string;
}

/** Kinds of request fields, as far as forwarding is concerned. */
const PASS = 0;
/** Never forwarded as received: framing, hop-by-hop, look-alikes of trusted names, and what the proxy writes itself. */
const DROP = 1;
/** Says who the client is: only from trusted peers. */
const IDENTITY = 2;
/** Max-Forwards: counted down for OPTIONS (RFC 9110 7.6.2), passed on for everything else. */
const COUNTED = 3;

/** Field names whose verdict is remembered; a bound, since clients choose names. */
const MAX_REMEMBERED_NAMES = 4096;
const verdicts = new Map<string, number>();

const OWN_FIELDS: ReadonlySet<string> = new Set([
  "host",
  "content-length",
  // Bun has answered "100-continue" before the request is seen; forwarding it would ask twice.
  "expect",
  // CGI programs read it as HTTP_PROXY and send their own requests wherever it says ("httpoxy").
  "proxy",
  "via",
  "x-forwarded-for",
  "x-forwarded-proto",
  "x-forwarded-host",
  "x-forwarded-port",
  // The tunnel re-frames messages, so no extension can be negotiated end to end.
  "sec-websocket-extensions",
]);

const NO_TOKENS: readonly string[] = [];

/** `lines` carries values as latin1, one character a byte; `toWireText` makes it so. */
export function compileOutboundRules(rules: readonly HeaderRules[]): OutboundRules {
  const removed = new Set<string>();
  let lines = "";
  for (const rule of rules) {
    for (const name of rule.remove) removed.add(name);
    for (let i = 0; i < rule.set.length; i += 2) removed.add((rule.set[i] as string).toLowerCase());
    for (const list of [rule.set, rule.add]) {
      for (let i = 0; i < list.length; i += 2)
        lines += `${list[i]}: ${toWireText(list[i + 1] as string)}\r\n`;
    }
  }
  return { removed, lines };
}

/** The head up to and including its empty line, one character a byte. */
export function formatRequestHead(
  exchange: Exchange,
  target: string,
  host: string,
  rules: OutboundRules,
): string {
  const headers = exchange.headers;
  const trusted = exchange.client.trusted;
  const nominated = nominatedBy(headers);
  let head = `${exchange.method} ${target} HTTP/1.1\r\nhost: ${host}\r\n`;
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string;
    const verdict = verdicts.get(name) ?? judge(name);
    if (verdict === DROP || (verdict === IDENTITY && !trusted)) continue;
    if (nominated.length > 0 && nominated.includes(name)) continue;
    if (rules.removed.size > 0 && rules.removed.has(name)) continue;
    const value = headers[i + 1] as string;
    head += `${name}: ${verdict === COUNTED ? countDown(exchange.method, value) : value}\r\n`;
  }
  return `${head}${rules.lines}${forwardedLines(exchange)}${framingLines(exchange)}\r\n`;
}

function nominatedBy(headers: HeaderList): readonly string[] {
  const connection = getHeader(headers, "connection");
  return connection === undefined ? NO_TOKENS : connectionTokens(connection);
}

function judge(name: string): number {
  let verdict = PASS;
  if (OWN_FIELDS.has(name) || isHopByHop(name) || isIdentityAlias(name)) verdict = DROP;
  else if (isIdentityHeader(name)) verdict = IDENTITY;
  else if (name === "max-forwards") verdict = COUNTED;
  if (verdicts.size < MAX_REMEMBERED_NAMES) verdicts.set(name, verdict);
  return verdict;
}

function countDown(method: string, value: string): string {
  return method === "OPTIONS" && /^[1-9]\d{0,8}$/.test(value) ? String(Number(value) - 1) : value;
}

function forwardedLines(exchange: Exchange): string {
  const { client, headers } = exchange;
  if (client.trusted) return formatForwarded(exchange, receivedFields(headers));
  const via = getHeader(headers, "via");
  return via === undefined ? rememberedLines(exchange) : formatForwarded(exchange, NOTHING_RECEIVED);
}

const NOTHING_RECEIVED = {};

interface Remembered {
  readonly peer: string;
  readonly authority: string;
  readonly scheme: string;
  readonly localPort: number;
  readonly lines: string;
}

/** A power of two. A client's next request finds its lines here; another client may take the place. */
const REMEMBERED_LINES = 256;
const remembered: (Remembered | undefined)[] = new Array(REMEMBERED_LINES).fill(undefined);

/** The lines for a client that is not trusted depend on little and are most of what is written. */
function rememberedLines(exchange: Exchange): string {
  const { authority, scheme, localPort } = exchange;
  const peer = exchange.client.peer;
  const place = placeOf(peer);
  const found = remembered[place];
  if (
    found !== undefined &&
    found.peer === peer &&
    found.authority === authority &&
    found.scheme === scheme &&
    found.localPort === localPort
  ) {
    return found.lines;
  }
  // Through bytes and back: one flat string instead of a rope that every request would flatten again.
  const lines = Buffer.from(formatForwarded(exchange, NOTHING_RECEIVED), "latin1").toString("latin1");
  remembered[place] = { peer, authority, scheme, localPort, lines };
  return lines;
}

function placeOf(peer: string): number {
  const end = peer.length;
  const code =
    end < 3 ? end : peer.charCodeAt(end - 1) + peer.charCodeAt(end - 2) * 7 + peer.charCodeAt(end - 3) * 49;
  return code & (REMEMBERED_LINES - 1);
}

interface ReceivedFields {
  readonly forwardedFor?: string | undefined;
  readonly proto?: string | undefined;
  readonly host?: string | undefined;
  readonly port?: string | undefined;
}

function formatForwarded(exchange: Exchange, received: ReceivedFields): string {
  const { client, scheme, authority, localPort } = exchange;
  const { peer, trusted, hops } = client;
  const fields = forwardedFields({ ...received, peer, trusted, hops, scheme, authority, localPort });
  return (
    line("x-forwarded-for", fields.forwardedFor) +
    line("x-forwarded-proto", fields.proto) +
    line("x-forwarded-host", fields.host) +
    line("x-forwarded-port", fields.port) +
    line("via", viaValue(getHeader(exchange.headers, "via"), "1.1"))
  );
}

function receivedFields(headers: HeaderList): ReceivedFields {
  return {
    forwardedFor: getHeader(headers, "x-forwarded-for"),
    proto: getHeader(headers, "x-forwarded-proto"),
    host: getHeader(headers, "x-forwarded-host"),
    port: getHeader(headers, "x-forwarded-port"),
  };
}

function line(name: string, value: string): string {
  return value === "" ? "" : `${name}: ${value}\r\n`;
}

/** The framing is kept as it came; an upgrade has no body (RFC 9110 7.8). */
function framingLines(exchange: Exchange): string {
  if (exchange.upgrade !== undefined) return `connection: Upgrade\r\nupgrade: ${exchange.upgrade}\r\n`;
  if (exchange.body === undefined) {
    return getHeader(exchange.headers, "content-length") === "0" ? "content-length: 0\r\n" : "";
  }
  return exchange.body.length === undefined
    ? "transfer-encoding: chunked\r\n"
    : `content-length: ${exchange.body.length}\r\n`;
}

/** Text from the configuration leaves as UTF-8 while heads are written one character a byte. */
function toWireText(text: string): string {
  return Buffer.from(text, "utf8").toString("latin1");
}
