import { describe, expect, test } from "bun:test";
import { decideRestart, FRESH_BACKOFF, GOOD_LIFE_MS } from "../../../src/master/backoff.ts";

describe("decideRestart", () => {
  test("at once, then 0.1 s, doubling up to 10 s", () => {
    const delays: number[] = [];
    let backoff = FRESH_BACKOFF;
    for (let i = 0; i < 11; i++) {
      const decision = decideRestart(backoff, 50);
      backoff = decision.backoff;
      delays.push(decision.delayMs);
    }
    expect(delays).toEqual([0, 100, 200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000, 10_000]);
  });

  test("starts over after a good life", () => {
    const crashing = { deaths: 9 };
    expect(decideRestart(crashing, GOOD_LIFE_MS - 1).delayMs).toBe(10_000);
    expect(decideRestart(crashing, GOOD_LIFE_MS)).toEqual({ backoff: { deaths: 1 }, delayMs: 0 });
  });

  test("never overflows", () => {
    expect(decideRestart({ deaths: 5_000 }, 0).delayMs).toBe(10_000);
  });
});
