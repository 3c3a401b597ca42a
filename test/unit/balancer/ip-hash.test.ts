import { describe, expect, test } from "bun:test";
import { createIpHash } from "../../../src/balancer/ip-hash.ts";
import { countPicks, createEndpoints, createInput, createPool } from "../../support/balancer.ts";

const CLIENTS = Array.from({ length: 20_000 }, (_, at) => `10.${at >> 16}.${(at >> 8) & 255}.${at & 255}`);

function pickAll(weights: readonly number[], down: readonly number[] = []): number[] {
  const pick = createIpHash(createEndpoints(weights));
  const pool = createPool(weights.length, down);
  return CLIENTS.map((key) => pick(pool, createInput({ key })));
}

/** Largest distance from the expected share in standard deviations of a fair draw. */
function worstDeviation(weights: readonly number[], picks: readonly number[]): number {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const deviations = countPicks(weights.length, picks).map((count, index) => {
    const share = (weights[index] ?? 0) / total;
    return Math.abs(count - picks.length * share) / Math.sqrt(picks.length * share * (1 - share));
  });
  return Math.max(...deviations);
}

describe("createIpHash", () => {
  test("keeps a client on its endpoint", () => {
    expect(pickAll([1, 1, 1])).toEqual(pickAll([1, 1, 1]));
  });

  test.each([[[1, 1]], [[1, 1, 1, 1, 1]], [[5, 3, 1]], [[10, 1, 1, 1, 1, 1]]])(
    "gives neighbouring addresses to endpoints in the proportion of weights %p",
    (weights) => {
      expect(worstDeviation(weights, pickAll(weights))).toBeLessThan(4);
    },
  );

  test("moves the clients of a lost endpoint to all others by weight and nobody else", () => {
    const before = pickAll([1, 2, 1, 4]);
    const after = pickAll([1, 2, 1, 4], [3]);
    const moved = after.filter((_, at) => before[at] === 3);
    expect(after.filter((_, at) => before[at] !== 3)).toEqual(before.filter((pick) => pick !== 3));
    expect(worstDeviation([1, 2, 1], moved)).toBeLessThan(4);
  });

  test("takes clients for a heavier endpoint only, and only as many as it should", () => {
    const before = pickAll([1, 1, 1]);
    const after = pickAll([1, 1, 2]);
    expect(after.every((pick, at) => pick === 2 || pick === before[at])).toBe(true);
    expect(worstDeviation([1, 1, 2], after)).toBeLessThan(4);
  });

  test("chooses alike with equal weights of any size, so that adding another weight moves few", () => {
    const before = pickAll([3, 3, 3]);
    const after = pickAll([3, 3, 4]);
    expect(pickAll([1, 1, 1])).toEqual(before);
    expect(after.every((pick, at) => pick === 2 || pick === before[at])).toBe(true);
  });

  test("does not depend on the order of the endpoints", () => {
    const endpoints = createEndpoints([1, 2, 3]);
    const reversed = [...endpoints].reverse();
    const pick = createIpHash(endpoints);
    const pickReversed = createIpHash(reversed);
    for (const key of CLIENTS.slice(0, 500)) {
      const input = createInput({ key });
      expect(reversed[pickReversed(createPool(3), input)]).toBe(endpoints[pick(createPool(3), input)]);
    }
  });

  test("spreads clients without an address", () => {
    const pick = createIpHash(createEndpoints([1, 1, 1]));
    const picks = Array.from({ length: 3000 }, (_, ticket) =>
      pick(createPool(3), createInput({ key: "", ticket })),
    );
    expect(worstDeviation([1, 1, 1], picks)).toBeLessThan(4);
  });
});
