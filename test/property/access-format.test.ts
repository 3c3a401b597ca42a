/** Whatever a request carries, its log line is one line and says the same. */

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { createTrace } from "../../src/exchange/trace.ts";
import { type AccessRecord, createFormat } from "../../src/observe/access-format.ts";

/** Any UTF-16 code units, lone surrogates included, with the dangerous ones more often than by chance. */
const text = fc
  .array(
    fc.oneof(
      fc.integer({ min: 0, max: 0xffff }),
      fc.integer({ min: 0, max: 0xff }),
      fc.integer({ min: 32, max: 126 }),
      fc.constantFrom(0x0a, 0x0d, 0x22, 0x5c, 0x1b, 0x7f, 0x2028, 0xd800),
    ),
    { maxLength: 40 },
  )
  .map((codes) => String.fromCharCode(...codes));

const record: fc.Arbitrary<AccessRecord> = fc.record({
  method: text,
  target: text,
  scheme: fc.constantFrom("http", "https"),
  host: text,
  client: fc.oneof(
    fc.record({ ip: text, peer: text }),
    text.map((ip) => ({ ip, peer: ip })),
  ),
  referer: text,
  userAgent: text,
  protocol: text,
});

const count = fc.nat({ max: Number.MAX_SAFE_INTEGER });
const duration = fc.double({ min: 0, max: 1e9, noNaN: true });
const optionalDuration = fc.oneof(fc.constant(-1), duration);

const trace = fc
  .record({
    startedAt: fc.integer({ min: 0, max: 4_102_444_800_000 }),
    route: text,
    endpoint: text,
    retries: fc.nat({ max: 5 }),
    connectMs: optionalDuration,
    firstByteMs: optionalDuration,
    bytesIn: fc.oneof(fc.constant(0), count),
    bytesOut: count,
    status: fc.integer({ min: 100, max: 599 }),
    cause: fc.oneof(fc.constant(""), text),
  })
  .map((values) => Object.assign(createTrace(values.startedAt, 0), values));

describe("createFormat", () => {
  test("row 56: a JSON line parses and gives back every field", () => {
    const format = createFormat("json");
    fc.assert(
      fc.property(record, trace, duration, (request, outcome, durationMs) => {
        const line = format(request, outcome, durationMs);
        expect(line).toMatch(/^[ -~]+\n$/);
        const { duration_ms, connect_ms, first_byte_ms, ...rest } = JSON.parse(line);
        expect(rest).toEqual({
          time: new Date(outcome.startedAt).toISOString(),
          client: request.client.ip,
          peer: request.client.peer,
          method: request.method,
          scheme: request.scheme,
          host: request.host,
          target: request.target,
          status: outcome.status,
          bytes_in: outcome.bytesIn,
          bytes_out: outcome.bytesOut,
          route: outcome.route,
          endpoint: outcome.endpoint,
          retries: outcome.retries,
          cause: outcome.cause,
          referer: request.referer,
          user_agent: request.userAgent,
        });
        expect(Math.abs(duration_ms - durationMs)).toBeLessThan(0.000501);
        expect(connect_ms === undefined).toBe(outcome.connectMs < 0);
        expect(first_byte_ms === undefined).toBe(outcome.firstByteMs < 0);
      }),
      { numRuns: 2000 },
    );
  });

  test("row 56: combined and common lines keep their shape", () => {
    const combined = createFormat("combined");
    const common = createFormat("common");
    const shape = /^\S+ - - \[\d\d\/[A-Z][a-z]{2}\/\d{4}:\d\d:\d\d:\d\d \+0000\] "\S* \S* \S*" \d{3} \d+/;
    fc.assert(
      fc.property(record, trace, duration, (request, outcome, durationMs) => {
        const short = common(request, outcome, durationMs);
        const long = combined(request, outcome, durationMs);
        expect(short).toMatch(/^[ -~]+\n$/);
        expect(long).toMatch(/^[ -~]+\n$/);
        expect(short.replace(shape, "")).toBe("\n");
        expect(long.replace(shape, "")).toMatch(/^ "[^"]+" "[^"]+"\n$/);
      }),
      { numRuns: 2000 },
    );
  });
});
