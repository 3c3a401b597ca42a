import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { formatBytes, parseBytes } from "../../src/lib/bytes.ts";
import { closest } from "../../src/lib/did-you-mean.ts";
import { formatDuration, parseDuration } from "../../src/lib/duration.ts";
import { createLru } from "../../src/lib/lru.ts";

const wholeNumber = fc.oneof(fc.nat(), fc.maxSafeNat());

describe("durations and sizes", () => {
  test("every duration is read back as it was", () => {
    fc.assert(fc.property(wholeNumber, (ms) => expect(parseDuration(formatDuration(ms))).toBe(ms)));
  });

  test("every size is read back as it was", () => {
    fc.assert(fc.property(wholeNumber, (bytes) => expect(parseBytes(formatBytes(bytes))).toBe(bytes)));
  });

  test("any text gives a whole number or nothing", () => {
    const unitish = fc.string({ unit: fc.constantFrom(..."0123456789dhmsKMGTiB -.e") });
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: "binary" }), unitish), (text) => {
        for (const value of [parseDuration(text), parseBytes(text)]) {
          expect(value === undefined || (Number.isSafeInteger(value) && value >= 0)).toBe(true);
        }
      }),
    );
  });

  test("any number has a text", () => {
    fc.assert(
      fc.property(fc.double(), (value) => {
        expect(parseDuration(formatDuration(value))).toBeNumber();
        expect(parseBytes(formatBytes(value))).toBeNumber();
      }),
    );
  });
});

describe("closest", () => {
  test("finds a word with one wrong letter and answers only with candidates", () => {
    const words = ["listen", "workers", "access_log", "trusted_proxies"];
    fc.assert(
      fc.property(
        fc.constantFrom(...words),
        fc.nat(5),
        fc.string({ minLength: 1, maxLength: 1 }),
        (word, at, letter) => {
          expect(closest(word.slice(0, at) + letter + word.slice(at + 1), words)).toBe(word);
        },
      ),
    );
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.array(fc.string()), (word, candidates) => {
        const found = closest(word, candidates);
        expect(found === undefined || candidates.includes(found)).toBe(true);
      }),
    );
  });
});

describe("createLru", () => {
  test("behaves like a map that is cut to the most recently used entries", () => {
    const step = fc.record({ key: fc.nat(9), value: fc.option(fc.nat(), { nil: undefined }) });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 6 }), fc.array(step, { maxLength: 60 }), (limit, steps) => {
        const lru = createLru<number, number>(limit);
        // The model keeps the most recently used entry last.
        let model: (readonly [number, number])[] = [];
        for (const { key, value } of steps) {
          const known = model.find(([modelKey]) => modelKey === key);
          if (value === undefined) expect(lru.get(key)).toBe(known?.[1] as number);
          else lru.set(key, value);
          const entry = value === undefined ? known : ([key, value] as const);
          if (entry !== undefined)
            model = [...model.filter(([modelKey]) => modelKey !== key), entry].slice(-limit);
          expect(lru.size()).toBe(model.length);
        }
      }),
    );
  });
});
