import { expect, test } from "bun:test";
import fc from "fast-check";
import { allocateSlots, createSlotTable } from "../../src/shm/slots.ts";

const CAPACITY = 6;
const key = fc.constantFrom(..."abcdefghij");
const step = fc.record({
  keys: fc.uniqueArray(key, { maxLength: 8 }),
  busy: fc.uniqueArray(fc.nat(CAPACITY - 1)),
});

test("allocateSlots: slots are unique, in range, stable, and never taken from a busy or just removed key", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      let table = createSlotTable("endpoints", CAPACITY);
      for (const { keys, busy } of steps) {
        const result = allocateSlots(table, keys, (slot) => !busy.includes(slot));
        if (!result.ok) continue;
        const next = result.value.table;
        expect([...next.used.keys()].sort()).toEqual([...keys].sort());
        const all = [...next.used.values(), ...next.retired.values()];
        expect(new Set(all).size).toBe(all.length);
        expect(all.every((slot) => slot >= 0 && slot < CAPACITY)).toBe(true);
        for (const [name, slot] of table.used) {
          if (next.used.has(name)) expect(next.used.get(name)).toBe(slot);
          else expect(next.retired.get(name)).toBe(slot);
        }
        for (const slot of result.value.recycled) {
          expect(busy).not.toContain(slot);
          expect([...table.retired.values()]).toContain(slot);
        }
        table = next;
      }
    }),
  );
});
