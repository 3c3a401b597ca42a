/** Access-log lines: layout, absent values, numbers and attempts to forge a line. */

import { describe, expect, test } from "bun:test";
import type { Exchange } from "../../../src/exchange/exchange.ts";
import { createTrace, type Trace } from "../../../src/exchange/trace.ts";
import { type AccessRecord, createFormat, toAccessRecord } from "../../../src/observe/access-format.ts";

const STARTED_AT = Date.UTC(2026, 10, 22, 23, 55, 56, 7);

const RECORD: AccessRecord = {
  method: "GET",
  target: "/a/b?c=d",
  scheme: "https",
  host: "example.com",
  client: { ip: "203.0.113.7", peer: "10.0.0.1" },
  referer: "https://example.com/",
  userAgent: "curl/8.5",
  protocol: "HTTP/1.1",
};

function traceWith(values: Partial<Trace>, startedAt = STARTED_AT): Trace {
  return Object.assign(createTrace(startedAt, 0), values);
}

const DONE = {
  route: "app",
  endpoint: "127.0.0.1:3000",
  retries: 1,
  connectMs: 0.25,
  firstByteMs: 3.5,
  bytesIn: 12,
  bytesOut: 3456,
  status: 502,
  cause: "connect_refused",
};

describe("createFormat json", () => {
  const format = createFormat("json");

  test("writes every field in a fixed order", () => {
    expect(format(RECORD, traceWith(DONE), 12.3456)).toBe(
      '{"time":"2026-11-22T23:55:56.007Z","client":"203.0.113.7","peer":"10.0.0.1","method":"GET","scheme":"https",' +
        '"host":"example.com","target":"/a/b?c=d","status":502,"bytes_in":12,"bytes_out":3456,"duration_ms":12.346,' +
        '"connect_ms":0.25,"first_byte_ms":3.5,"route":"app","endpoint":"127.0.0.1:3000","retries":1,' +
        '"cause":"connect_refused","referer":"https://example.com/","user_agent":"curl/8.5"}\n',
    );
  });

  test("leaves out timings that never happened and keeps empty texts", () => {
    const bare: AccessRecord = {
      ...RECORD,
      host: "",
      client: { ip: "", peer: "" },
      referer: "",
      userAgent: "",
    };
    const line = format(bare, traceWith({ status: 404 }), 0);
    expect(JSON.parse(line)).toEqual({
      time: "2026-11-22T23:55:56.007Z",
      client: "",
      peer: "",
      method: "GET",
      scheme: "https",
      host: "",
      target: "/a/b?c=d",
      status: 404,
      bytes_in: 0,
      bytes_out: 0,
      duration_ms: 0,
      route: "",
      endpoint: "",
      retries: 0,
      cause: "",
      referer: "",
      user_agent: "",
    });
  });

  test.each([
    [0, 0],
    [0.0004, 0],
    [0.0005, 0.001],
    [0.01, 0.01],
    [0.9996, 1],
    [1.5, 1.5],
    [999.9996, 1000],
    [1000.25, 1000.25],
    [86_400_000.125, 86_400_000.125],
    [-5, 0],
    [Number.NaN, 0],
    [Number.POSITIVE_INFINITY, 0],
  ])("rounds %p ms to %p", (durationMs, expected) => {
    expect(JSON.parse(format(RECORD, traceWith({}), durationMs)).duration_ms).toBe(expected);
  });

  test("row 67: a clock that jumps back and forth never mixes two seconds", () => {
    for (const offset of [0, 999, 1000, -1, 60_000, 0, -86_400_000, 86_400_000]) {
      const line = format(RECORD, traceWith({}, STARTED_AT + offset), 1);
      expect(JSON.parse(line).time).toBe(new Date(STARTED_AT + offset).toISOString());
    }
  });

  test("a value never comes out of a cache for another one", () => {
    for (const userAgent of [
      "aXbcd",
      "aYbcd",
      "aXbcd",
      "x".repeat(600),
      "y".repeat(600),
      "x".repeat(600),
      "",
      "a",
    ]) {
      const line = JSON.parse(format({ ...RECORD, userAgent, referer: userAgent }, traceWith({}), 1));
      expect([line.user_agent, line.referer]).toEqual([userAgent, userAgent]);
    }
  });

  test("a pair of values never comes out of a cache for another pair", () => {
    for (const [method, peer, route, scheme] of [
      ["GET", "10.0.0.1", "a", "http"],
      ["PUT", "10.0.0.1", "a", "https"],
      ["GET", "10.0.0.2", "b", "https"],
      ["GET", "10.0.0.1", "a", "http"],
    ] as const) {
      const record = { ...RECORD, method, scheme, client: { ip: "203.0.113.7", peer } };
      const trace = traceWith({ ...DONE, route, retries: 0, cause: "" });
      expect(JSON.parse(format(record, trace, 1))).toMatchObject({ method, peer, route, scheme });
    }
  });

  test("row 56: a forged line stays inside its field", () => {
    const forged =
      'x"}\n{"time":"2026-01-01T00:00:00.000Z","status":200,"client":"10.9.9.9"}\r\n\u2028\x1b[2K';
    for (const key of ["method", "target", "host", "referer", "userAgent"] as const) {
      const line = format({ ...RECORD, [key]: forged }, traceWith(DONE), 1);
      expect(line.indexOf("\n")).toBe(line.length - 1);
      expect(line).toMatch(/^[ -~]+\n$/);
      const parsed = JSON.parse(line);
      expect(parsed[key === "userAgent" ? "user_agent" : key]).toBe(forged);
      expect(parsed.status).toBe(502);
      expect(parsed.client).toBe("203.0.113.7");
    }
  });
});

describe("createFormat combined and common", () => {
  test("is the layout of Apache and nginx, in UTC", () => {
    const trace = traceWith({ ...DONE, status: 200 });
    const common = '203.0.113.7 - - [22/Nov/2026:23:55:56 +0000] "GET /a/b?c=d HTTP/1.1" 200 3456';
    expect(createFormat("common")(RECORD, trace, 1)).toBe(`${common}\n`);
    expect(createFormat("combined")(RECORD, trace, 1)).toBe(`${common} "https://example.com/" "curl/8.5"\n`);
  });

  test('writes "-" for absent values and three digits for a status that was never decided', () => {
    const bare: AccessRecord = { ...RECORD, client: { ip: "", peer: "" }, referer: "", userAgent: "" };
    expect(createFormat("combined")(bare, traceWith({}), 1)).toBe(
      '- - - [22/Nov/2026:23:55:56 +0000] "GET /a/b?c=d HTTP/1.1" 000 0 "-" "-"\n',
    );
  });

  test("row 56: quotes, spaces in the request line and control characters are escaped as \\xHH", () => {
    const record = { ...RECORD, target: '/a b" 200 0\n', userAgent: 'x" "forged\r\n\x1b[2J é' };
    expect(createFormat("combined")(record, traceWith({ status: 400 }), 1)).toBe(
      '203.0.113.7 - - [22/Nov/2026:23:55:56 +0000] "GET /a\\x20b\\x22\\x20200\\x200\\x0A HTTP/1.1" 400 0 ' +
        '"https://example.com/" "x\\x22 \\x22forged\\x0D\\x0A\\x1B[2J \\xE9"\n',
    );
  });

  test("every month has its name", () => {
    const format = createFormat("common");
    const months = Array.from({ length: 12 }, (_, month) =>
      /\[01\/(\w+)\/2026/.exec(format(RECORD, traceWith({}, Date.UTC(2026, month, 1)), 1))?.at(1),
    );
    expect(months.join(" ")).toBe("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec");
  });
});

describe("toAccessRecord", () => {
  test("takes Referer and User-Agent and nothing secret", () => {
    const exchange: Exchange = {
      ...RECORD,
      path: "/a/b",
      query: "?c=d",
      authority: "example.com",
      localPort: 443,
      client: { ip: "203.0.113.7", peer: "10.0.0.1", trusted: true, hops: 1 },
      headers: ["authorization", "Bearer secret", "cookie", "id=secret", "user-agent", "curl/8.5"],
      body: undefined,
      upgrade: undefined,
      trace: traceWith({}),
      onClientGone: () => undefined,
    };
    const record = toAccessRecord(exchange, "HTTP/1.1");
    expect(record.userAgent).toBe("curl/8.5");
    expect(record.referer).toBe("");
    for (const kind of ["json", "combined", "common"] as const) {
      expect(createFormat(kind)(record, exchange.trace, 1)).not.toContain("secret");
    }
  });
});
