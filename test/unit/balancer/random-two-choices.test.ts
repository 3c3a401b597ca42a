import { describe, expect, test } from "bun:test";
import { createRandomTwoChoices } from "../../../src/balancer/random-two-choices.ts";
import {
  countPicks,
  createEndpoints,
  createInput,
  createPool,
  createRandom,
} from "../../support/balancer.ts";

describe("createRandomTwoChoices", () => {
  test("compares two different endpoints and takes the less loaded", () => {
    const pick = createRandomTwoChoices(createEndpoints([1, 1]));
    const random = createRandom(1);
    for (let at = 0; at < 200; at++) {
      expect(pick(createPool(2, [], [5, 4]), createInput({ random }))).toBe(1);
    }
  });

  test("never takes the most loaded of all", () => {
    const pick = createRandomTwoChoices(createEndpoints([1, 1, 1, 1]));
    const random = createRandom(2);
    const picks = Array.from({ length: 2000 }, () =>
      pick(createPool(4, [], [1, 9, 1, 1]), createInput({ random })),
    );
    expect(countPicks(4, picks)[1]).toBe(0);
  });

  test("spreads an idle pool by weight", () => {
    const pick = createRandomTwoChoices(createEndpoints([3, 1, 0]));
    const random = createRandom(3);
    const picks = Array.from({ length: 20_000 }, () => pick(createPool(3), createInput({ random })));
    const [heavy = 0, light = 0, none] = countPicks(3, picks);
    expect(heavy / light).toBeGreaterThan(2.8);
    expect(heavy / light).toBeLessThan(3.2);
    expect(none).toBe(0);
  });

  test("finds the last ready endpoint of many", () => {
    const size = 1000;
    const pick = createRandomTwoChoices(createEndpoints(new Array(size).fill(1)));
    const down = Array.from({ length: size }, (_, at) => at).filter((at) => at !== 777);
    expect(pick(createPool(size, down), createInput({ random: createRandom(4) }))).toBe(777);
  });

  test("compares the only two ready ones of many", () => {
    const size = 200;
    const pick = createRandomTwoChoices(createEndpoints(new Array(size).fill(1)));
    const ready = [13, 170];
    const pool = { size, isReady: (index: number) => ready.includes(index), load: (index: number) => index };
    for (let seed = 0; seed < 50; seed++) {
      expect(pick(pool, createInput({ random: createRandom(seed) }))).toBe(13);
    }
  });
});
