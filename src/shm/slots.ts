/**
 * Which cell belongs to which key. A key keeps its slot across reloads; the slot of a removed key is given
 * away only when no request is counted on it any more, and unused slots go first.
 */

import { err, ok, type Result } from "../lib/result.ts";

export interface SlotTable {
  readonly capacity: number;
  /** What is counted, for messages: "endpoints" or "pools". */
  readonly noun: string;
  readonly used: ReadonlyMap<string, number>;
  /** Removed keys whose slots were not given away yet, oldest first. */
  readonly retired: ReadonlyMap<string, number>;
  /** Slots from here on were never used. */
  readonly next: number;
}

export interface SlotAllocation {
  /** Takes effect when the caller keeps it; dropping it undoes everything. */
  readonly table: SlotTable;
  /** Slots that change hands: their counts belong to somebody else and must be reset. */
  readonly recycled: readonly number[];
}

export function createSlotTable(noun: string, capacity: number): SlotTable {
  return { capacity, noun, used: new Map(), retired: new Map(), next: 0 };
}

/** Slots for exactly `keys`. Slots freed by this very call stay untouched until the next one. */
export function allocateSlots(
  table: SlotTable,
  keys: Iterable<string>,
  isIdle: (slot: number) => boolean,
): Result<SlotAllocation, string> {
  const wanted = new Set(keys);
  if (wanted.size > table.capacity) {
    return err(`Cannot place ${wanted.size} ${table.noun}: the limit is ${table.capacity}`);
  }
  const used = new Map<string, number>();
  const retired = new Map(table.retired);
  const unplaced: string[] = [];
  for (const key of wanted) {
    const slot = table.used.get(key) ?? retired.get(key);
    if (slot === undefined) {
      unplaced.push(key);
      continue;
    }
    used.set(key, slot);
    retired.delete(key);
  }
  let next = table.next;
  const recycled: number[] = [];
  const idle = idleSlots(retired, isIdle);
  for (const key of unplaced) {
    if (next < table.capacity) {
      used.set(key, next);
      next += 1;
      continue;
    }
    const found = idle.next();
    if (found.done) return err(describeExhaustion(table, unplaced.length));
    retired.delete(found.value.key);
    used.set(key, found.value.slot);
    recycled.push(found.value.slot);
  }
  for (const [key, slot] of table.used) {
    if (!used.has(key)) retired.set(key, slot);
  }
  return ok({ table: { ...table, used, retired, next }, recycled });
}

function* idleSlots(retired: ReadonlyMap<string, number>, isIdle: (slot: number) => boolean) {
  for (const [key, slot] of [...retired]) {
    if (isIdle(slot)) yield { key, slot };
  }
}

function describeExhaustion(table: SlotTable, added: number): string {
  return (
    `Cannot place ${added} new ${table.noun}: all ${table.capacity} cells are taken, ` +
    "some by requests still running on removed ones; try again when these have ended"
  );
}
