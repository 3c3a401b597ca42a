import { describe, expect, test } from "bun:test";
import { createPick, POLICY_NAMES } from "../../../src/balancer/policies.ts";
import { createEndpoints, createInput, createPool } from "../../support/balancer.ts";

describe("createPick", () => {
  test("knows every policy by name", () => {
    expect([...POLICY_NAMES].sort()).toEqual([
      "ip-hash",
      "least-conn",
      "random-two-choices",
      "round-robin",
      "weighted",
    ]);
  });

  describe.each([...POLICY_NAMES])("%s", (policy) => {
    test("picks nothing from an empty pool", () => {
      expect(createPick(policy, [])(createPool(0), createInput())).toBe(-1);
    });

    test("picks nothing when every endpoint has weight 0", () => {
      expect(createPick(policy, createEndpoints([0, 0]))(createPool(2), createInput())).toBe(-1);
    });

    test("picks nothing when every ready endpoint was tried", () => {
      const pick = createPick(policy, createEndpoints([1, 1, 1]));
      expect(pick(createPool(3, [1]), createInput({ tried: [0, 2] }))).toBe(-1);
    });

    test("reaches every endpoint when a request fails on one after another", () => {
      const pick = createPick(policy, createEndpoints([1, 2, 3, 4]));
      const tried: number[] = [];
      for (let attempt = 0; attempt < 4; attempt++) {
        tried.push(pick(createPool(4), createInput({ tried: [...tried] })));
      }
      expect(tried.sort()).toEqual([0, 1, 2, 3]);
    });
  });
});
