/** Picking by position in a fixed cyclic order, which one shared cursor makes exact across workers. */

import { isOpen, type Pick, type PickInput, type PoolView } from "./pick.ts";

/**
 * Up to this many endpoints every pick looks at the whole pool, so that the remaining endpoints still strictly
 * take turns while some are down. Above it a pick looks at one endpoint while that one is open.
 */
export const EXACT_POOL_MAX = 16;

/**
 * `order` holds indexes below `size`, each at least once. `indexes` are the distinct values in it.
 * The cursor wraps at 2^32: if that is no multiple of the cycle, one cycle in four billion requests is cut short.
 */
export function createSequencePick(order: Int32Array, indexes: Int32Array, size: number): Pick {
  const length = order.length;
  if (length === 0) return () => -1;
  const open = new Uint8Array(size);
  const isExact = indexes.length <= EXACT_POOL_MAX;
  return (pool, input) => {
    const ticket = input.ticket >>> 0;
    const preferred = order[ticket % length] as number;
    if (!isExact && isOpen(pool, input.tried, preferred)) return preferred;
    const openCount = markOpen(open, indexes, pool, input);
    if (openCount === indexes.length) return preferred;
    // Only the turns of closed endpoints come here in a large pool, often the same position of every cycle:
    // counting cycles as well deals those turns out evenly.
    const turn = isExact ? ticket : Math.floor(ticket / length) + (ticket % length);
    return pickMarked(order, open, turn);
  };
}

/** The positions of marked endpoints take turns as if the others were cut out of the order; -1 if none is marked. */
export function pickMarked(order: Int32Array, marks: Uint8Array, turn: number): number {
  let count = 0;
  for (let at = 0; at < order.length; at++) count += marks[order[at] as number] as number;
  if (count === 0) return -1;
  let left = turn % count;
  for (let at = 0; at < order.length; at++) {
    const index = order[at] as number;
    if (marks[index] === 1 && left-- === 0) return index;
  }
  return -1;
}

/** Notes readiness once per pick: it may change between two looks, and counting and choosing must agree. */
function markOpen(marks: Uint8Array, indexes: Int32Array, pool: PoolView, input: PickInput): number {
  let count = 0;
  for (let at = 0; at < indexes.length; at++) {
    const index = indexes[at] as number;
    const mark = isOpen(pool, input.tried, index) ? 1 : 0;
    marks[index] = mark;
    count += mark;
  }
  return count;
}
