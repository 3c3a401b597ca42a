import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { PickInput, PoolView } from "../../src/balancer/pick.ts";
import { createPick, POLICY_NAMES } from "../../src/balancer/policies.ts";
import { EXACT_POOL_MAX } from "../../src/balancer/sequence.ts";
import { smoothSequence } from "../../src/balancer/weighted.ts";
import { countPicks, createEndpoints, createInput, createRandom } from "../support/balancer.ts";

interface Endpoint {
  readonly weight: number;
  readonly isReady: boolean;
  readonly isTried: boolean;
  readonly load: number;
}

const endpoint: fc.Arbitrary<Endpoint> = fc.record({
  weight: fc.integer({ min: 0, max: 9 }),
  isReady: fc.boolean(),
  isTried: fc.boolean(),
  load: fc.integer({ min: 0, max: 5 }),
});
const endpoints = fc.array(endpoint, { maxLength: 12 });
const manyEndpoints = fc.oneof(endpoints, fc.array(endpoint, { minLength: EXACT_POOL_MAX, maxLength: 140 }));
const ticket = fc.nat({ max: 2 ** 32 - 1 });
const policy = fc.constantFrom(...POLICY_NAMES);

function isOpen(candidate: Endpoint | undefined): boolean {
  return candidate?.isReady === true && !candidate.isTried && candidate.weight > 0;
}

function toPool(pool: readonly Endpoint[]): PoolView {
  return {
    size: pool.length,
    isReady: (index) => pool[index]?.isReady ?? false,
    load: (index) => pool[index]?.load ?? 0,
  };
}

function toInput(pool: readonly Endpoint[], input: Partial<PickInput>): PickInput {
  const tried = pool.flatMap((candidate, index) => (candidate.isTried ? [index] : []));
  return createInput({ tried, ...input });
}

function createPickFor(name: (typeof POLICY_NAMES)[number], pool: readonly Endpoint[]) {
  return createPick(name, createEndpoints(pool.map((candidate) => candidate.weight)));
}

/** Tickets `0 … count-1` in the order several workers could draw and use them. */
function interleave(count: number, seed: number): number[] {
  const random = createRandom(seed);
  return Array.from({ length: count }, (_, at) => ({ at, rank: random() }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ at }) => at);
}

describe("every policy", () => {
  test("picks an open endpoint if there is one, else -1", () => {
    fc.assert(
      fc.property(
        policy,
        manyEndpoints,
        ticket,
        fc.integer(),
        fc.string(),
        (name, pool, ticket, seed, key) => {
          const input = toInput(pool, { ticket, key, random: createRandom(seed) });
          const index = createPickFor(name, pool)(toPool(pool), input);
          if (pool.some(isOpen)) expect(isOpen(pool[index])).toBe(true);
          else expect(index).toBe(-1);
        },
      ),
      { numRuns: 1000 },
    );
  });

  test("stays inside the pool when readiness changes at every look", () => {
    fc.assert(
      fc.property(
        policy,
        fc.integer({ min: 1, max: 100 }),
        ticket,
        fc.integer(),
        (name, size, ticket, seed) => {
          const random = createRandom(seed);
          const flicker: PoolView = {
            size,
            isReady: () => random() < 0.5,
            load: () => Math.floor(random() * 3),
          };
          const pick = createPick(name, createEndpoints(new Array(size).fill(1)));
          const index = pick(flicker, createInput({ ticket, random }));
          expect(Number.isInteger(index) && index >= -1 && index < size).toBe(true);
        },
      ),
    );
  });
});

describe("round-robin", () => {
  test("gives every open endpoint the same number of turns in whatever order the tickets are used", () => {
    fc.assert(
      fc.property(endpoints, fc.integer(), fc.nat({ max: 1e6 }), (pool, seed, start) => {
        const open = pool.filter(isOpen).length;
        fc.pre(open > 0);
        const pick = createPickFor("round-robin", pool);
        const tickets = interleave(open * 3, seed).map((at) => at + start);
        const picks = tickets.map((ticket) => pick(toPool(pool), toInput(pool, { ticket })));
        expect(countPicks(pool.length, picks)).toEqual(pool.map((one) => (isOpen(one) ? 3 : 0)));
      }),
    );
  });

  test("is as fair in a large pool over one cycle per open endpoint", () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { minLength: EXACT_POOL_MAX + 1, maxLength: 90 }), (ready) => {
        const open = ready.filter(Boolean).length;
        fc.pre(open > 0);
        const pool = ready.map((isReady): Endpoint => ({ weight: 1, isReady, isTried: false, load: 0 }));
        const pick = createPickFor("round-robin", pool);
        const picks = interleave(open * ready.length, 1).map((ticket) =>
          pick(toPool(pool), createInput({ ticket })),
        );
        expect(countPicks(ready.length, picks)).toEqual(ready.map((isReady) => (isReady ? ready.length : 0)));
      }),
      { numRuns: 20 },
    );
  });
});

describe("weighted", () => {
  test("gives every open endpoint turns in exact proportion to its weight", () => {
    fc.assert(
      fc.property(endpoints, fc.integer(), fc.nat({ max: 1e6 }), (pool, seed, start) => {
        const cycle = pool.reduce((sum, one) => sum + (isOpen(one) ? one.weight : 0), 0);
        fc.pre(cycle > 0);
        const pick = createPickFor("weighted", pool);
        const tickets = interleave(cycle, seed).map((at) => at + start);
        const picks = tickets.map((ticket) => pick(toPool(pool), toInput(pool, { ticket })));
        expect(countPicks(pool.length, picks)).toEqual(pool.map((one) => (isOpen(one) ? one.weight : 0)));
      }),
    );
  });

  test("is smooth: after every turn each endpoint is less than one turn per rival away from its share", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 8 }), (weights) => {
        const total = weights.reduce((sum, weight) => sum + weight, 0);
        const counts = new Array<number>(weights.length).fill(0);
        for (const [at, index] of smoothSequence(createEndpoints(weights)).entries()) {
          counts[index] = (counts[index] ?? 0) + 1;
          for (const [other, weight] of weights.entries()) {
            const due = ((at + 1) * weight) / total;
            expect(Math.abs((counts[other] ?? 0) - due)).toBeLessThan(Math.max(1, weights.length - 1));
          }
        }
      }),
    );
  });
});

describe("least-conn", () => {
  test("picks a minimum of load by weight among the open endpoints", () => {
    fc.assert(
      fc.property(manyEndpoints, ticket, (pool, ticket) => {
        const picked = pool[createPickFor("least-conn", pool)(toPool(pool), toInput(pool, { ticket }))];
        fc.pre(picked !== undefined);
        for (const other of pool.filter(isOpen)) {
          expect(picked.load * other.weight).toBeLessThanOrEqual(other.load * picked.weight);
        }
      }),
    );
  });

  test("lets equals of equal weight take strict turns", () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 2 }), { minLength: 1, maxLength: 10 }), ticket, (loads, start) => {
        const pool = loads.map((load): Endpoint => ({ weight: 1, isReady: true, isTried: false, load }));
        const least = Math.min(...loads);
        const equals = loads.filter((load) => load === least).length;
        fc.pre(start + equals * 2 < 2 ** 32);
        const pick = createPickFor("least-conn", pool);
        const picks = Array.from({ length: equals * 2 }, (_, at) =>
          pick(toPool(pool), createInput({ ticket: start + at })),
        );
        expect(picks.slice(equals)).toEqual(picks.slice(0, equals));
        expect(new Set(picks).size).toBe(equals);
      }),
    );
  });
});

describe("ip-hash", () => {
  test("moves no client of an endpoint that stays open when others close or were tried", () => {
    fc.assert(
      fc.property(endpoints, fc.ipV4(), (pool, key) => {
        const pick = createPickFor("ip-hash", pool);
        const whole = pool.map((one): Endpoint => ({ ...one, isReady: true, isTried: false }));
        const before = pick(toPool(whole), createInput({ key }));
        const after = pick(toPool(pool), toInput(pool, { key }));
        if (isOpen(pool[before])) expect(after).toBe(before);
      }),
    );
  });

  test("moves no client of an endpoint that stays configured when another is removed", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 2, maxLength: 12 }),
        fc.nat(),
        fc.ipV6(),
        (weights, at, key) => {
          const all = createEndpoints(weights);
          const removed = at % all.length;
          const rest = all.filter((_, index) => index !== removed);
          const pickOf = (list: typeof all): number =>
            createPick("ip-hash", list)(
              { size: list.length, isReady: () => true, load: () => 0 },
              createInput({ key }),
            );
          const before = pickOf(all);
          if (before !== removed) expect(rest[pickOf(rest)]).toBe(all[before]);
        },
      ),
    );
  });
});

describe("random-two-choices", () => {
  test("never takes the worse of the two it compares", () => {
    fc.assert(
      fc.property(manyEndpoints, fc.integer(), (pool, seed) => {
        const compared: number[] = [];
        const view: PoolView = {
          ...toPool(pool),
          load: (index) => {
            compared.push(index);
            return pool[index]?.load ?? 0;
          },
        };
        const index = createPickFor("random-two-choices", pool)(
          view,
          toInput(pool, { random: createRandom(seed) }),
        );
        const picked = pool[index];
        const open = pool.filter(isOpen).length;
        expect(new Set(compared).size).toBe(open < 2 ? 0 : 2);
        if (picked === undefined || open < 2) return;
        expect(compared).toContain(index);
        for (const other of compared.flatMap((at) => pool[at] ?? [])) {
          expect(picked.load * other.weight).toBeLessThanOrEqual(other.load * picked.weight);
        }
      }),
    );
  });
});
