/** Which lines of an access log a person asked for, and how a JSON line looks on a terminal. */

import { err, ok, type Result } from "../lib/result.ts";
import { escapeText } from "./escape.ts";

export interface LogFilter {
  /** Name of a route; undefined is every route. */
  readonly route: string | undefined;
  /** Inclusive range; undefined is every status. */
  readonly status: { readonly from: number; readonly to: number } | undefined;
}

/** - `unknowable`: the line has no route, because its format has none. */
export type LineVerdict = "match" | "no-match" | "unknowable";

export const NO_FILTER: LogFilter = { route: undefined, status: undefined };

export const ROUTE_NEEDS_JSON =
  'Cannot filter by route: the log is not in JSON, and the combined and common formats do not name the route; use log_format = "json"';

/** Status as "404", "5xx" or "400-499". */
export function parseLogFilter(options: {
  readonly route?: string | undefined;
  readonly status?: string | undefined;
}): Result<LogFilter, string> {
  if (options.status === undefined) return ok({ route: options.route, status: undefined });
  const status = parseStatus(options.status);
  if (status === undefined) {
    return err(`Cannot read status "${escapeText(options.status)}": expected "404", "5xx" or "400-499"`);
  }
  return ok({ route: options.route, status });
}

export function judgeLine(filter: LogFilter, line: string): LineVerdict {
  if (filter.route === undefined && filter.status === undefined) return "match";
  if (line.startsWith("{")) return judgeJson(filter, line);
  const status = CLF_STATUS.exec(line)?.[1];
  if (status === undefined) return "no-match";
  if (filter.route !== undefined) return "unknowable";
  return isInRange(filter, Number(status)) ? "match" : "no-match";
}

/**
 * `2026-11-22 23:55:56.123 200 GET example.com/path 12.3ms 1.2KiB app > 127.0.0.1:3000 cause`. A line that is
 * not JSON stays as it is. In both cases whatever could control a terminal is escaped: JSON escapes end here.
 */
export function formatForPeople(line: string, colours: boolean): string {
  const entry = parseEntry(line);
  if (entry === undefined) return escapeText(line);
  const status = numberOf(entry, "status");
  const bytes = numberOf(entry, "bytes_out");
  const parts = [
    paint(colours, 90, textOf(entry, "time").replace("T", " ").replace("Z", "")),
    paint(colours, statusColour(status), status.toString().padStart(3, "0")),
    paint(colours, 1, textOf(entry, "method")),
    `${textOf(entry, "host")}${textOf(entry, "target")}`,
    `${numberOf(entry, "duration_ms").toFixed(1)}ms`,
    formatBytes(bytes),
    routeOf(entry),
    paint(colours, 31, textOf(entry, "cause")),
  ];
  return parts.filter((part) => part !== "").join(" ");
}

/** `client - - [time] "request" status`; both `\x22` and Apache's `\"` inside the request. */
const CLF_STATUS = /^\S+ \S+ \S+ \[[^\]]*\] "(?:[^"\\]|\\.)*" (\d{3}) /;

type Entry = Readonly<Record<string, unknown>>;

function parseStatus(text: string): LogFilter["status"] {
  if (/^[1-5]xx$/i.test(text)) {
    const from = Number(text[0]) * 100;
    return { from, to: from + 99 };
  }
  const range = /^(\d{3})(?:-(\d{3}))?$/.exec(text);
  if (range === null) return undefined;
  const from = Number(range[1]);
  const to = Number(range[2] ?? range[1]);
  return from <= to ? { from, to } : undefined;
}

function judgeJson(filter: LogFilter, line: string): LineVerdict {
  const entry = parseEntry(line);
  if (entry === undefined) return "no-match";
  if (filter.route !== undefined && entry["route"] !== filter.route) return "no-match";
  return isInRange(filter, numberOf(entry, "status")) ? "match" : "no-match";
}

function isInRange({ status }: LogFilter, value: number): boolean {
  return status === undefined || (value >= status.from && value <= status.to);
}

function parseEntry(line: string): Entry | undefined {
  if (!line.startsWith("{")) return undefined;
  try {
    // The check for "{" above makes it an object.
    return JSON.parse(line) as Entry;
  } catch {
    return undefined;
  }
}

function textOf(entry: Entry, key: string): string {
  const value = entry[key];
  return typeof value === "string" ? escapeText(value) : "";
}

function numberOf(entry: Entry, key: string): number {
  const value = entry[key];
  return typeof value === "number" ? value : 0;
}

function routeOf(entry: Entry): string {
  const endpoint = textOf(entry, "endpoint");
  const retries = numberOf(entry, "retries");
  const tries = retries > 0 ? ` (${retries} ${retries === 1 ? "retry" : "retries"})` : "";
  return `${textOf(entry, "route")}${endpoint === "" ? "" : ` > ${endpoint}`}${tries}`.trim();
}

function formatBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes}B`;
  if (bytes < 1024 * 1024) return `${(bytes / 1024).toFixed(1)}KiB`;
  if (bytes < 1024 * 1024 * 1024) return `${(bytes / (1024 * 1024)).toFixed(1)}MiB`;
  return `${(bytes / (1024 * 1024 * 1024)).toFixed(1)}GiB`;
}

function statusColour(status: number): number {
  if (status >= 500 || status < 100) return 31;
  if (status >= 400) return 33;
  return status >= 300 ? 36 : 32;
}

function paint(colours: boolean, code: number, text: string): string {
  return colours && text !== "" ? `\x1b[${code}m${text}\x1b[0m` : text;
}
