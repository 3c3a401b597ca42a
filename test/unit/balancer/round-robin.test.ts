import { describe, expect, test } from "bun:test";
import { createRoundRobin } from "../../../src/balancer/round-robin.ts";
import { EXACT_POOL_MAX } from "../../../src/balancer/sequence.ts";
import { countPicks, createEndpoints, createInput, createPool } from "../../support/balancer.ts";

function pickTickets(size: number, down: readonly number[], tickets: number, start = 0): number[] {
  const pick = createRoundRobin(createEndpoints(new Array(size).fill(1)));
  const pool = createPool(size, down);
  return Array.from({ length: tickets }, (_, at) => pick(pool, createInput({ ticket: start + at })));
}

describe("createRoundRobin", () => {
  test("takes the endpoints in turn", () => {
    expect(pickTickets(3, [], 7)).toEqual([0, 1, 2, 0, 1, 2, 0]);
  });

  test("keeps strict turns among the rest when an endpoint is down", () => {
    expect(pickTickets(4, [1], 6)).toEqual([0, 2, 3, 0, 2, 3]);
  });

  test("deals the turns of closed endpoints of a large pool evenly to all others", () => {
    const size = EXACT_POOL_MAX + 36;
    const down = Array.from({ length: size / 2 }, (_, at) => at * 2);
    const counts = countPicks(size, pickTickets(size, down, size * (size / 2)));
    expect(counts).toEqual(Array.from({ length: size }, (_, at) => (at % 2 === 0 ? 0 : size)));
  });

  test("looks at one endpoint of a large pool while that one is ready", () => {
    const size = 16_000;
    const pick = createRoundRobin(createEndpoints(new Array(size).fill(1)));
    let looks = 0;
    const isReady = (): boolean => {
      looks++;
      return true;
    };
    expect(pick({ size, isReady, load: () => 0 }, createInput({ ticket: 16_007 }))).toBe(7);
    expect(looks).toBe(1);
  });

  test("ignores weights but never picks weight 0", () => {
    const pick = createRoundRobin(createEndpoints([9, 0, 1]));
    const picks = [0, 1, 2, 3].map((ticket) => pick(createPool(3), createInput({ ticket })));
    expect(picks).toEqual([0, 2, 0, 2]);
  });

  test("reads a ticket of a signed cursor as unsigned", () => {
    const pick = createRoundRobin(createEndpoints([1, 1, 1]));
    expect(pick(createPool(3), createInput({ ticket: -1 }))).toBe((2 ** 32 - 1) % 3);
  });

  test("survives readiness that changes between two looks", () => {
    const pick = createRoundRobin(createEndpoints([1, 1, 1]));
    let looks = 0;
    const pool = { size: 3, isReady: () => looks++ < 2, load: () => 0 };
    expect([0, 1]).toContain(pick(pool, createInput({ ticket: 5 })));
  });
});
