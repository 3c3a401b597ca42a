import { describe, expect, test } from "bun:test";
import { allocateSlots, createSlotTable, type SlotTable } from "../../../src/shm/slots.ts";

const always = () => true;
const never = () => false;

function allocate(table: SlotTable, keys: string[], isIdle: (slot: number) => boolean = always) {
  const result = allocateSlots(table, keys, isIdle);
  if (!result.ok) throw new Error(result.error);
  return result.value;
}

describe("allocateSlots", () => {
  test("gives every key its own slot, a repeated key one", () => {
    const { table, recycled } = allocate(createSlotTable("endpoints", 8), ["a", "b", "a"]);
    expect([...table.used]).toEqual([
      ["a", 0],
      ["b", 1],
    ]);
    expect(recycled).toEqual([]);
  });

  test("keeps the slot of a key that stays, whatever the order", () => {
    const first = allocate(createSlotTable("endpoints", 8), ["a", "b", "c"]);
    const second = allocate(first.table, ["c", "x", "a"]);
    expect(second.table.used.get("a")).toBe(0);
    expect(second.table.used.get("c")).toBe(2);
    expect(second.table.used.get("x")).toBe(3);
  });

  test("gives a removed key its old slot back", () => {
    const first = allocate(createSlotTable("endpoints", 2), ["a", "b"]);
    const second = allocate(first.table, ["b"]);
    const third = allocate(second.table, ["b", "a"], never);
    expect(third.table.used.get("a")).toBe(0);
    expect(third.recycled).toEqual([]);
    expect(third.table.retired.size).toBe(0);
  });

  test("reuses slots only when none is fresh, the longest retired first", () => {
    const first = allocate(createSlotTable("endpoints", 3), ["a", "b"]);
    const second = allocate(allocate(first.table, ["b"]).table, []);
    const third = allocate(second.table, ["x", "y"]);
    expect(third.table.used.get("x")).toBe(2);
    expect(third.table.used.get("y")).toBe(0);
    expect(third.recycled).toEqual([0]);
  });

  test("never gives away the slot of a key removed by the same call", () => {
    const full = allocate(createSlotTable("endpoints", 1), ["a"]);
    expect(allocateSlots(full.table, ["b"], always)).toEqual({
      ok: false,
      error:
        "Cannot place 1 new endpoints: all 1 cells are taken, " +
        "some by requests still running on removed ones; try again when these have ended",
    });
    const between = allocate(full.table, []);
    expect(allocate(between.table, ["b"]).table.used.get("b")).toBe(0);
  });

  test("passes over slots that still count requests", () => {
    const full = allocate(createSlotTable("endpoints", 2), ["a", "b"]);
    const empty = allocate(full.table, []);
    expect(allocate(empty.table, ["x"], (slot) => slot === 1).recycled).toEqual([1]);
    expect(allocateSlots(empty.table, ["x"], never).ok).toBe(false);
  });

  test("names the limit when it is exceeded", () => {
    expect(allocateSlots(createSlotTable("pools", 2), ["a", "b", "c"], always)).toEqual({
      ok: false,
      error: "Cannot place 3 pools: the limit is 2",
    });
  });

  test("changes nothing in the table it is given", () => {
    const { table } = allocate(createSlotTable("endpoints", 4), ["a"]);
    allocate(table, ["b", "c"]);
    expect([...table.used]).toEqual([["a", 0]]);
    expect(table.next).toBe(1);
  });
});
