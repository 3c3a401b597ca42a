/** One finished request as one access-log line: JSON, combined or common. */

import type { Client, Exchange } from "../exchange/exchange.ts";
import type { Trace } from "../exchange/trace.ts";
import type { HeaderList } from "../http/headers.ts";
import { escapeJson, escapeQuoted, escapeToken } from "./escape.ts";

export type AccessFormat = "json" | "combined" | "common";

/**
 * What the log knows of a request besides its trace. Nothing else of the request can reach the log:
 * Authorization and Cookie have no way in. The query string is part of `target`.
 */
export interface AccessRecord {
  readonly method: string;
  /** Path and query as the client sent them. */
  readonly target: string;
  readonly scheme: "http" | "https";
  /** Hostname without port, "" if none was sent. */
  readonly host: string;
  readonly client: Pick<Client, "ip" | "peer">;
  /** "" if absent. */
  readonly referer: string;
  /** "" if absent. */
  readonly userAgent: string;
  /** As in a request line: "HTTP/1.1". */
  readonly protocol: string;
}

/** `durationMs` is the time from `trace.start` until the last byte of the answer was handed over. */
export type FormatLine = (record: AccessRecord, trace: Trace, durationMs: number) => string;

/**
 * A formatter; each line ends in "\n" and holds no other control character and only ASCII.
 * It keeps small bounded caches, so make one per sink, not one per request.
 *
 * JSON, one object a line, keys always in this order:
 * - `time`: start of the request, RFC 3339 in UTC with milliseconds
 * - `client`: address that all features agree on (behind trusted proxies: what they say); "" on a unix socket
 * - `peer`: address of the TCP peer; "" on a unix socket
 * - `method`, `scheme` ("http" or "https"), `host` (without port; "" if none was sent)
 * - `target`: path and query as the client sent them
 * - `status`: sent to the client, or 499 if the client left first
 * - `bytes_in`, `bytes_out`: body bytes received from and handed to the client
 * - `duration_ms`: milliseconds from start to end; this and the next two with up to three decimals
 * - `connect_ms`: milliseconds spent waiting for an upstream connection (0: reused one); absent if none was asked for
 * - `first_byte_ms`: milliseconds from start to the first byte of the upstream's answer; absent if none came
 * - `route`: name of the route; "" if none matched
 * - `endpoint`: address of the endpoint that answered or failed last; "" if none was asked
 * - `retries`: further attempts after the first
 * - `cause`: cause code of a failure; "" if all went well
 * - `referer`, `user_agent`: as sent; "" if absent
 *
 * combined and common are the layouts of Apache and nginx, so their tools read them; "-" stands for an absent
 * value, and the time is the start of the request in UTC ("+0000"), whatever the zone of the machine.
 */
export function createFormat(format: AccessFormat): FormatLine {
  switch (format) {
    case "json":
      return createJsonFormat();
    case "combined":
      return createCombinedFormat();
    case "common":
      return createCommonFormat();
  }
}

/** The record of an exchange; the one look-up of Referer and User-Agent in its fields. */
export function toAccessRecord(exchange: Exchange, protocol: string): AccessRecord {
  const { method, target, scheme, host, client, headers } = exchange;
  return {
    method,
    target,
    scheme,
    host,
    client,
    referer: fieldOf(headers, "referer"),
    userAgent: fieldOf(headers, "user-agent"),
    protocol,
  };
}

function createJsonFormat(): FormatLine {
  const secondOf = createPerSecond((second) => `{"time":"${isoSecond(second)}`);
  const addresses = createPieceCache(
    (peer, ip) => `${escapeJson(ip)}","peer":"${escapeJson(peer)}","method":"`,
    1024,
  );
  const methodAndHost = {
    http: createPieceCache(
      (method, host) => `${escapeJson(method)}","scheme":"http","host":"${escapeJson(host)}","target":"`,
      256,
    ),
    https: createPieceCache(
      (method, host) => `${escapeJson(method)}","scheme":"https","host":"${escapeJson(host)}","target":"`,
      256,
    ),
  };
  const status = createStatusTable((value) => `","status":${value},"bytes_in":0,"bytes_out":`);
  const routeAndEndpoint = createPieceCache((route, endpoint) => formatRoute(route, endpoint, 0, ""), 256);
  const referer = createPieceCache((_, value) => `${escapeJson(value)}","user_agent":"`, 1024);
  const userAgent = createPieceCache((_, value) => `${escapeJson(value)}"}\n`, 1024);

  return (record, trace, durationMs) => {
    const second = Math.floor(trace.startedAt / 1000);
    const received =
      trace.bytesIn === 0
        ? status(trace.status)
        : `","status":${trace.status},"bytes_in":${trace.bytesIn},"bytes_out":`;
    const outcome =
      trace.retries === 0 && trace.cause === ""
        ? routeAndEndpoint(trace.route, trace.endpoint)
        : formatRoute(trace.route, trace.endpoint, trace.retries, trace.cause);
    // One template: every string in it costs about 15 ns when the batch is made one run of bytes.
    return `${secondOf(second)}${ISO_MILLIS[Math.floor(trace.startedAt - second * 1000)]}${addresses(
      record.client.peer,
      record.client.ip,
    )}${methodAndHost[record.scheme](record.method, record.host)}${escapeJson(record.target)}${received}${
      trace.bytesOut
    }${DURATION(durationMs)}${trace.connectMs >= 0 ? CONNECT(trace.connectMs) : ""}${
      trace.firstByteMs >= 0 ? FIRST_BYTE(trace.firstByteMs) : ""
    }${outcome}${referer("", record.referer)}${userAgent("", record.userAgent)}`;
  };
}

function formatRoute(route: string, endpoint: string, retries: number, cause: string): string {
  return (
    `,"route":"${escapeJson(route)}","endpoint":"${escapeJson(endpoint)}","retries":${retries},` +
    `"cause":"${escapeJson(cause)}","referer":"`
  );
}

function createCombinedFormat(): FormatLine {
  const common = createCommonPart();
  const referer = createPieceCache((_, value) => ` "${escapeQuoted(value) || "-"}" "`, 1024);
  const userAgent = createPieceCache((_, value) => `${escapeQuoted(value) || "-"}"\n`, 1024);
  return (record, trace) =>
    `${common(record, trace)}${referer("", record.referer)}${userAgent("", record.userAgent)}`;
}

function createCommonFormat(): FormatLine {
  const common = createCommonPart();
  return (record, trace) => `${common(record, trace)}\n`;
}

/** `client - - [time] "request line" status bytes`; the user is never known here. */
function createCommonPart(): (record: AccessRecord, trace: Trace) => string {
  const client = createPieceCache((_, ip) => `${escapeToken(ip) || "-"} - - [`, 1024);
  const secondOf = createPerSecond((second) => `${clfSecond(second)}] "`);
  const method = createPieceCache((_, value) => `${escapeToken(value)} `, 16);
  const protocol = createPieceCache((_, value) => ` ${escapeToken(value)}" `, 16);
  // Tools expect three digits, also when no status was ever decided.
  const status = createStatusTable((value) => `${value.toString().padStart(3, "0")} `);
  return (record, trace) =>
    `${client("", record.client.ip)}${secondOf(Math.floor(trace.startedAt / 1000))}${method(
      "",
      record.method,
    )}${escapeToken(record.target)}${protocol("", record.protocol)}${status(trace.status)}${trace.bytesOut}`;
}

/** Requests of one second share its text. */
function createPerSecond(format: (second: number) => string): (second: number) => string {
  let cachedSecond = Number.NaN;
  let text = "";
  return (second) => {
    if (second !== cachedSecond) {
      text = format(second);
      cachedSecond = second;
    }
    return text;
  };
}

/** `2026-11-22T23:55:56`. */
function isoSecond(second: number): string {
  return new Date(second * 1000).toISOString().slice(0, 19);
}

/** `22/Nov/2026:23:55:56 +0000`. */
function clfSecond(second: number): string {
  const iso = isoSecond(second);
  const month = MONTHS[Number(iso.slice(5, 7)) - 1] as string;
  return `${iso.slice(8, 10)}/${month}/${iso.slice(0, 4)}:${iso.slice(11)} +0000`;
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** What follows the second: the milliseconds, the zone and the next key. */
const ISO_MILLIS = createTable(1000, (ms) => `.${ms.toString().padStart(3, "0")}Z","client":"`);

/** "", ".001", … ".01", … ".5", … ".999": what follows the whole milliseconds. */
const DECIMALS = createTable(1000, (micros) =>
  micros === 0 ? "" : (micros / 1000).toFixed(3).slice(1).replace(/0+$/, ""),
);

const DURATION = createMsField("duration_ms");
const CONNECT = createMsField("connect_ms");
const FIRST_BYTE = createMsField("first_byte_ms");

/**
 * `,"key":12.345`, at most three decimals and from tables: converting a fraction to text costs JavaScriptCore
 * ten times as much as an integer. Below zero (a clock that stepped back) and not-a-number are zero, because
 * neither may break the line.
 */
function createMsField(key: string): (ms: number) => string {
  const small = createTable(1000, (whole) => `,"${key}":${whole}`);
  return (ms) => {
    if (!(ms > 0 && ms < MAX_MS)) return small[0] as string;
    const micros = Math.round(ms * 1000);
    const whole = Math.floor(micros / 1000);
    const decimals = DECIMALS[micros - whole * 1000] as string;
    return (whole < 1000 ? (small[whole] as string) : `,"${key}":${whole}`) + decimals;
  };
}

/** About 285 years; microseconds above this are no longer whole numbers. */
const MAX_MS = Number.MAX_SAFE_INTEGER / 1000;

function createStatusTable(format: (status: number) => string): (status: number) => string {
  const table = createTable(1000, format);
  return (status) => table[status] ?? format(status);
}

function createTable(size: number, format: (index: number) => string): readonly string[] {
  return Array.from({ length: size }, (_, index) => flatten(format(index)));
}

/**
 * Remembers pieces of lines by the one or two values in them. A line costs about 15 ns for every string it is
 * put together from, so few prepared pieces are what makes it cheap; hosts, clients, user agents and route
 * names repeat. The slot depends on `second`, so that should be the one that varies.
 * Bounded: `slots` (a power of two) pieces, a newer value takes the place of the older, long ones are not kept.
 */
function createPieceCache(
  format: (first: string, second: string) => string,
  slots: number,
): (first: string, second: string) => string {
  const mask = slots - 1;
  const firsts: string[] = new Array(slots).fill("");
  const seconds: string[] = new Array(slots).fill("");
  const pieces: string[] = new Array(slots).fill(flatten(format("", "")));
  return (first, second) => {
    const slot = sampleHash(second) & mask;
    if (seconds[slot] === second && firsts[slot] === first) return pieces[slot] as string;
    if (first.length + second.length > MAX_CACHED_LENGTH) return format(first, second);
    const piece = flatten(format(first, second));
    firsts[slot] = first;
    seconds[slot] = second;
    pieces[slot] = piece;
    return piece;
  };
}

const MAX_CACHED_LENGTH = 512;

/**
 * Tells values apart without reading all of them: the length, the middle, the last three characters (addresses
 * and hosts) and, in long ones, the stretch near the end where user agents carry the browser's version.
 */
function sampleHash(value: string): number {
  const last = value.length - 1;
  if (last < 2) return last;
  let hash = last * 31 + value.charCodeAt(last >> 1);
  hash = (hash * 31 + value.charCodeAt(last - 2)) | 0;
  hash = (hash * 31 + value.charCodeAt(last - 1)) | 0;
  hash = (hash * 31 + value.charCodeAt(last)) | 0;
  if (last > 30) for (let i = last - 29; i < last - 17; i++) hash = (hash * 31 + value.charCodeAt(i)) | 0;
  return hash;
}

/** One run of characters instead of a tree of parts that every use would have to walk. */
function flatten(text: string): string {
  return [text, ""].join("");
}

function fieldOf(headers: HeaderList, name: string): string {
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i] === name) return headers[i + 1] as string;
  }
  return "";
}
