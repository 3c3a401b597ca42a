import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { MAX_CHUNK_EXTENSION_BYTES } from "../../src/upstream/chunked.ts";
import { MAX_RESPONSE_HEAD_BYTES } from "../../src/upstream/response-head.ts";
import { createHarness, type Outcome, runResponse } from "../support/call-harness.ts";
import {
  createSeededRandom,
  formatResponse,
  mutate,
  type ResponseParts,
  splitAtRandom,
} from "../support/response-corpus.ts";

const TOKEN = "abcdefghijklmnopqrstuvwxyzABCXYZ0123456789-_.!#$%&'*+^`|~";
const token = fc
  .string({ unit: fc.constantFrom(...TOKEN), minLength: 1, maxLength: 12 })
  .map((name) => `X-${name}`);
const value = fc
  .array(
    fc.integer({ min: 0x21, max: 0xff }).filter((code) => code !== 0x7f),
    { maxLength: 20 },
  )
  .map((codes) => String.fromCharCode(...codes));
const body = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes).toString("latin1"));
const parts: fc.Arbitrary<ResponseParts> = fc.record({
  status: fc.integer({ min: 200, max: 599 }).filter((status) => status !== 204 && status !== 304),
  fields: fc.array(fc.tuple(token, value), { maxLength: 8 }),
  body,
  framing: fc.constantFrom("length" as const, "chunked" as const, "close" as const),
  chunks: fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 6 }),
  informational: fc.integer({ min: 0, max: 3 }),
});
const seed = fc.integer();

describe("responses", () => {
  test("rows 6, 25, 29: a valid one comes out as it was built, however it is cut", () => {
    fc.assert(
      fc.property(parts, seed, (built, cuts) => {
        const bytes = Buffer.from(formatResponse(built), "latin1");
        const outcome = runResponse(splitAtRandom(bytes, createSeededRandom(cuts)), "GET", true);
        const expected: Outcome = {
          status: built.status,
          headers: built.fields.flat(),
          body: built.body,
          ended: true,
          failure: undefined,
          reusable: built.framing !== "close",
        };
        expect(outcome).toEqual(expected);
      }),
      { numRuns: 400 },
    );
  });

  test("row 28: a valid one that is cut short is never complete, unless its end is the close", () => {
    fc.assert(
      fc.property(parts, fc.double({ min: 0, max: 0.999, noNaN: true }), seed, (built, where, cuts) => {
        const bytes = Buffer.from(formatResponse(built), "latin1");
        const short = bytes.subarray(0, Math.floor(bytes.length * where));
        const outcome = runResponse(splitAtRandom(short, createSeededRandom(cuts)), "GET", true);
        if (built.framing === "close" && outcome.status !== undefined) {
          expect(built.body.startsWith(outcome.body)).toBe(true);
        } else {
          expect([outcome.ended, outcome.reusable]).toEqual([false, false]);
          expect(outcome.failure).toMatch(/^upstream_(truncated|closed)$/);
        }
      }),
      { numRuns: 400 },
    );
  });

  test("row 29: a damaged one gives one result, however it is cut, and never an exception", () => {
    fc.assert(
      fc.property(parts, seed, (built, damage) => {
        const random = createSeededRandom(damage);
        const bytes = mutate(Buffer.from(formatResponse(built), "latin1"), random);
        const whole = runResponse([bytes], "GET", true);
        const cut = runResponse(splitAtRandom(bytes, random), "GET", true);
        expect(withoutSurplus(cut)).toEqual(withoutSurplus(whole));
      }),
      { numRuns: 1500 },
    );
  });

  test("garbage ends, and nothing of it is kept", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2000 }), seed, (garbage, cuts) => {
        const outcome = runResponse(
          splitAtRandom(Buffer.from(garbage), createSeededRandom(cuts)),
          "GET",
          true,
        );
        expect(outcome.failure).toMatch(/^upstream_(protocol|closed)$/);
      }),
    );
  });

  test.each<[string, string, (i: number) => string]>([
    ["a head", "HTTP/1.1 200 OK\r\nX-A: ", () => "a".repeat(1000)],
    ["fields", "HTTP/1.1 200 OK\r\n", (i) => `X-${i}: ${"a".repeat(900)}\r\n`],
    ["informational answers", "", () => "HTTP/1.1 102 x\r\n\r\n".repeat(10)],
    ["a chunk extension", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;", () => "a".repeat(1000)],
    ["trailers", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", () => "A: b\r\n".repeat(100)],
    ["a chunk size", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", () => "0".repeat(100)],
  ])("row 67: %s without end is ended by us within bounds", (_, start, more) => {
    const harness = createHarness();
    harness.feed(start);
    let fed = 0;
    for (let i = 0; !harness.call.finished; i++) {
      const piece = more(i);
      harness.feed(piece);
      fed += piece.length;
      expect(fed).toBeLessThan(MAX_RESPONSE_HEAD_BYTES + MAX_CHUNK_EXTENSION_BYTES + 2000);
    }
    expect(harness.call.failure?.kind).toMatch(/^upstream_(protocol|head_too_large)$/);
  });
});

/** Bytes after the end make a connection unusable only if they come along with it. */
function withoutSurplus(outcome: Outcome): Omit<Outcome, "reusable"> {
  const { reusable: _, ...rest } = outcome;
  return rest;
}
