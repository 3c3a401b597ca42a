import { describe, expect, test } from "bun:test";
import { createWeighted, MAX_SEQUENCE, smoothSequence } from "../../../src/balancer/weighted.ts";
import { countPicks, createEndpoints, createInput, createPool } from "../../support/balancer.ts";

describe("smoothSequence", () => {
  const cases: [weights: number[], sequence: number[]][] = [
    [
      [5, 1, 1],
      [0, 0, 1, 0, 2, 0, 0],
    ],
    [
      [1, 1],
      [0, 1],
    ],
    [
      [3, 3, 3],
      [0, 1, 2],
    ],
    [
      [200, 100],
      [0, 1, 0],
    ],
    [
      [1, 0, 2],
      [2, 0, 2],
    ],
    [[0, 0], []],
    [[], []],
  ];
  test.each(cases)("spreads weights %p as %p", (weights, sequence) => {
    expect(Array.from(smoothSequence(createEndpoints(weights)))).toEqual(sequence);
  });

  test("rounds weights that need a cycle above the limit and keeps every endpoint", () => {
    const sequence = smoothSequence(createEndpoints([1_000_003, 499_979, 1]));
    expect(sequence.length).toBeLessThanOrEqual(MAX_SEQUENCE);
    const [heavy = 0, middle = 0, light = 0] = countPicks(3, sequence);
    expect(heavy / middle).toBeCloseTo(2, 1);
    expect(light).toBe(1);
  });

  test("keeps every endpoint when there are more than the limit", () => {
    const weights = Array.from({ length: MAX_SEQUENCE + 5 }, (_, at) => 1 + (at % 2));
    expect(new Set(smoothSequence(createEndpoints(weights))).size).toBe(weights.length);
  });

  test("refuses a weight that is no whole number", () => {
    expect(() => smoothSequence(createEndpoints([0.5, 1]))).toThrow("whole number");
  });
});

describe("createWeighted", () => {
  test("keeps the proportions of the rest when an endpoint is down", () => {
    const pick = createWeighted(createEndpoints([5, 3, 2]));
    const picks = Array.from({ length: 49 }, (_, ticket) =>
      pick(createPool(3, [1]), createInput({ ticket })),
    );
    expect(countPicks(3, picks)).toEqual([35, 0, 14]);
  });
});
