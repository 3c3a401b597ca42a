import { describe, expect, test } from "bun:test";
import { createLeastConn } from "../../../src/balancer/least-conn.ts";
import { createEndpoints, createInput, createPool } from "../../support/balancer.ts";

function pickTickets(weights: readonly number[], loads: readonly number[], tickets: number): number[] {
  const pick = createLeastConn(createEndpoints(weights));
  const pool = createPool(weights.length, [], loads);
  return Array.from({ length: tickets }, (_, ticket) => pick(pool, createInput({ ticket })));
}

describe("createLeastConn", () => {
  test("prefers the endpoint with the fewest requests in flight", () => {
    expect(pickTickets([1, 1, 1], [3, 1, 2], 2)).toEqual([1, 1]);
  });

  test("measures load against weight", () => {
    expect(pickTickets([1, 10], [1, 9], 1)).toEqual([1]);
    expect(pickTickets([1, 10], [1, 11], 1)).toEqual([0]);
  });

  test("alternates between equals, also when others are busier", () => {
    expect(pickTickets([1, 1, 1, 1], [0, 7, 0, 7], 4)).toEqual([0, 2, 0, 2]);
  });

  test("shares an idle pool by weight", () => {
    expect(pickTickets([5, 1, 1], [0, 0, 0], 7)).toEqual([0, 0, 1, 0, 2, 0, 0]);
  });

  test("treats equal shares of different weights as equal", () => {
    expect(pickTickets([1, 3], [2, 6], 4)).toEqual([1, 0, 1, 1]);
  });

  test("survives loads that change between two looks", () => {
    const pick = createLeastConn(createEndpoints([1, 1, 1]));
    let looks = 0;
    const pool = { size: 3, isReady: () => true, load: () => looks++ };
    expect(pick(pool, createInput())).toBe(0);
  });
});
