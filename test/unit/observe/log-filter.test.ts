/** Which lines match a filter in each format, and how a line looks on a terminal. */

import { describe, expect, test } from "bun:test";
import { createTrace } from "../../../src/exchange/trace.ts";
import { type AccessFormat, type AccessRecord, createFormat } from "../../../src/observe/access-format.ts";
import { formatForPeople, judgeLine, parseLogFilter } from "../../../src/observe/log-filter.ts";

const RECORD: AccessRecord = {
  method: "GET",
  target: '/a" 200 1',
  scheme: "http",
  host: "example.com",
  client: { ip: "203.0.113.7", peer: "203.0.113.7" },
  referer: "",
  userAgent: "\x1b[2Jcurl",
  protocol: "HTTP/1.1",
};

function lineOf(format: AccessFormat, status: number, values: object = {}): string {
  const trace = Object.assign(createTrace(Date.UTC(2026, 10, 22, 23, 55, 56, 123), 0), {
    status,
    route: "app",
  });
  return createFormat(format)(RECORD, Object.assign(trace, values), 12.345).slice(0, -1);
}

describe("parseLogFilter", () => {
  test.each([
    ["404", { from: 404, to: 404 }],
    ["5xx", { from: 500, to: 599 }],
    ["4XX", { from: 400, to: 499 }],
    ["400-499", { from: 400, to: 499 }],
  ])("reads status %s", (status, expected) => {
    expect(parseLogFilter({ status })).toEqual({ ok: true, value: { route: undefined, status: expected } });
  });

  test.each(["", "6xx", "40", "4xxx", "499-400", "400-", "a\x1b[2J"])("refuses status %j", (status) => {
    const parsed = parseLogFilter({ status });
    expect(parsed.ok).toBe(false);
    expect(!parsed.ok && parsed.error).toMatch(
      /^Cannot read status "[ -~]*": expected "404", "5xx" or "400-499"$/,
    );
  });

  test("takes a route as it is", () => {
    expect(parseLogFilter({ route: "app" })).toEqual({
      ok: true,
      value: { route: "app", status: undefined },
    });
  });
});

describe("judgeLine", () => {
  const serverErrors = { route: undefined, status: { from: 500, to: 599 } };
  const app = { route: "app", status: undefined };

  test.each(["json", "combined", "common"] as const)("filters %s by status", (format) => {
    expect(judgeLine(serverErrors, lineOf(format, 502))).toBe("match");
    expect(judgeLine(serverErrors, lineOf(format, 404))).toBe("no-match");
  });

  test("reads the quotes of Apache in a request line", () => {
    const line = '1.2.3.4 - - [22/Nov/2026:23:55:56 +0000] "GET /\\" 200 1 HTTP/1.1" 502 7 "-" "-"';
    expect(judgeLine(serverErrors, line)).toBe("match");
  });

  test("filters JSON by route and cannot filter other formats by it", () => {
    expect(judgeLine(app, lineOf("json", 200))).toBe("match");
    expect(judgeLine(app, lineOf("json", 200, { route: "application" }))).toBe("no-match");
    expect(judgeLine(app, lineOf("combined", 200))).toBe("unknowable");
    expect(judgeLine(app, lineOf("common", 200))).toBe("unknowable");
  });

  test("what is no access line never matches a filter, and always passes without one", () => {
    for (const line of ["", "{", "{}", "null", "garbage 502", '{"status":"502"}']) {
      expect(judgeLine(serverErrors, line)).toBe("no-match");
      expect(judgeLine(app, line)).toBe("no-match");
      expect(judgeLine({ route: undefined, status: undefined }, line)).toBe("match");
    }
  });
});

describe("formatForPeople", () => {
  test("is compact and readable", () => {
    const done = { endpoint: "127.0.0.1:3000", bytesOut: 1536, retries: 2, cause: "connect_refused" };
    expect(formatForPeople(lineOf("json", 502, done), false)).toBe(
      '2026-11-22 23:55:56.123 502 GET example.com/a" 200 1 12.3ms 1.5KiB app > 127.0.0.1:3000 (2 retries) connect_refused',
    );
  });

  test("colours the status by its class", () => {
    const colour = (status: number): string | undefined =>
      /\x1b\[(\d+)m\d{3}\x1b/.exec(formatForPeople(lineOf("json", status), true))?.[1];
    expect([200, 302, 404, 502, 0].map(colour)).toEqual(["32", "36", "33", "31", "31"]);
  });

  test("row 56: what JSON had escaped does not reach the terminal raw", () => {
    const evil = JSON.stringify({
      status: 200,
      host: "\x1b[2J",
      target: "/\n\u202e",
      route: "\x07",
      cause: "\x9b",
    });
    expect(formatForPeople(evil, false)).toMatch(/^[ -~]+$/);
    expect(formatForPeople("plain \x1b]0;title\x07", false)).toBe("plain \\x1b]0;title\\x07");
    expect(formatForPeople("{broken \x1b", true)).toBe("{broken \\x1b");
  });
});
