import { describe, expect, test } from "bun:test";
import { hash32 } from "../../../src/lib/hash.ts";

describe("hash32", () => {
  test("stays the same across versions, because placement depends on it", () => {
    expect([hash32(""), hash32("a"), hash32("10.0.0.1"), hash32("ophid")]).toEqual([
      2872998923, 444641715, 2931590574, 1905791350,
    ]);
  });

  test("spreads neighbouring addresses evenly over few buckets", () => {
    const buckets = new Array<number>(16).fill(0);
    for (let i = 0; i < 65_536; i++) {
      const bucket = hash32(`10.0.${i >> 8}.${i & 255}`) & 15;
      buckets[bucket] = (buckets[bucket] ?? 0) + 1;
    }
    // 4096 expected; five standard deviations are about 310.
    expect(Math.min(...buckets)).toBeGreaterThan(3786);
    expect(Math.max(...buckets)).toBeLessThan(4406);
  });

  test("changes about half of the bits for one changed character", () => {
    let flipped = 0;
    const samples = 2000;
    for (let i = 0; i < samples; i++) {
      let difference = hash32(`client-${i}-a`) ^ hash32(`client-${i}-b`);
      for (; difference !== 0; difference &= difference - 1) flipped += 1;
    }
    expect(flipped / samples).toBeGreaterThan(15);
    expect(flipped / samples).toBeLessThan(17);
  });
});
