import { describe, expect, test } from "bun:test";
import { type Backoff, decideRestart, FRESH_BACKOFF } from "../../../src/master/backoff.ts";

function delaysOf(lives: number[], start: Backoff = FRESH_BACKOFF): number[] {
  let backoff = start;
  return lives.map((lifeMs) => {
    const decision = decideRestart(backoff, lifeMs);
    backoff = decision.backoff;
    return decision.delayMs;
  });
}

describe("decideRestart", () => {
  test("at once, then 0.1 s, doubling up to 10 s", () => {
    const delays = delaysOf(new Array(11).fill(50));
    expect(delays).toEqual([0, 100, 200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000, 10_000]);
  });

  test("a worker that is killed every few seconds is always back at once", () => {
    expect(delaysOf(new Array(20).fill(3_000))).toEqual(new Array(20).fill(0));
  });

  test("30 s of life forgive any crash loop", () => {
    const loop = delaysOf(new Array(100).fill(10));
    expect(loop.at(-1)).toBe(10_000);
    expect(decideRestart({ deaths: 10 }, 30_000)).toEqual({ backoff: { deaths: 1 }, delayMs: 0 });
    expect(decideRestart({ deaths: 10 }, 29_999).delayMs).toBe(100);
  });

  test("a clock that went back is no life", () => {
    expect(decideRestart({ deaths: 2 }, -60_000)).toEqual({ backoff: { deaths: 3 }, delayMs: 200 });
  });
});
