/**
 * Counters shared by all workers, on one mapped file. An operation is one or two 32-bit atomic adds.
 * The mapping is a plain ArrayBuffer to the engine: Atomics.wait and notify do not work on it.
 */

import { err, ok, type Result } from "../lib/result.ts";
import {
  CELL_BYTES,
  cursorCell,
  endpointCell,
  FAILURES_HIGH,
  FAILURES_LOW,
  fileBytes,
  HEADER_MAGIC,
  HEADER_ROW_LIMIT,
  HEADER_ROWS,
  HEADER_VERSION,
  IN_FLIGHT,
  LAYOUT_VERSION,
  MAGIC,
  MAX_ENDPOINT_SLOTS,
  REQUESTS_HIGH,
  REQUESTS_LOW,
  TABLE_START,
} from "./layout.ts";

export interface EndpointTotals {
  readonly requests: number;
  readonly failures: number;
}

/** What workers do on the hot path. `row` is the worker's own; slots come from the snapshot. */
export interface Cells {
  /** The next number of a pool's shared cursor, an unsigned 32-bit integer that wraps. */
  nextTicket(poolSlot: number): number;
  /** Counts a request onto an endpoint; exactly one `release` must follow. */
  claim(row: number, slot: number): void;
  release(row: number, slot: number): void;
  /** Requests running on an endpoint, over all workers. */
  inFlight(slot: number): number;
  countFailure(row: number, slot: number): void;
  totals(slot: number): EndpointTotals;
}

/** What only the master does. */
export interface CellTable extends Cells {
  readonly rows: number;
  /** Takes back what a dead worker had in flight; its totals stay. Caller must know that the worker is gone. */
  zeroWorker(row: number): void;
  /** True if no row counts anything on the endpoint. */
  isIdle(slot: number): boolean;
  resetEndpoint(slot: number): void;
  resetPool(slot: number): void;
  /** Rows from `count` on are unused: `inFlight` does not look at them. */
  setRowLimit(count: number): void;
}

/** Maps the file at `path`. Bun segfaults if a mapped file is truncated, so nobody may ever do that. */
export function openCells(path: string): Result<CellTable, string> {
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    bytes = Bun.mmap(path, { shared: true });
  } catch (error) {
    return err(
      `Cannot map shared memory "${path}": ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  if (bytes.byteLength < TABLE_START * CELL_BYTES)
    return err(`Cannot use shared memory "${path}": too short`);
  const view = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / CELL_BYTES);
  const rows = view[HEADER_ROWS] ?? 0;
  if (view[HEADER_MAGIC] !== MAGIC || view[HEADER_VERSION] !== LAYOUT_VERSION) {
    return err(`Cannot use shared memory "${path}": it was written by another version`);
  }
  if (bytes.byteLength !== fileBytes(rows)) return err(`Cannot use shared memory "${path}": wrong size`);
  return ok({ ...hotCells(view, rows), ...masterCells(view, rows) });
}

function hotCells(view: Int32Array, rows: number): Cells {
  // Only the owner of a row writes it, so the carry into the high cell needs no compareExchange.
  const count = (low: number, high: number) => {
    if (Atomics.add(view, low, 1) === -1) Atomics.add(view, high, 1);
  };
  return {
    nextTicket: (poolSlot) => Atomics.add(view, cursorCell(poolSlot), 1) >>> 0,
    claim(row, slot) {
      const cell = endpointCell(row, slot);
      Atomics.add(view, cell + IN_FLIGHT, 1);
      count(cell + REQUESTS_LOW, cell + REQUESTS_HIGH);
    },
    release(row, slot) {
      Atomics.sub(view, endpointCell(row, slot) + IN_FLIGHT, 1);
    },
    inFlight(slot) {
      const limit = Atomics.load(view, HEADER_ROW_LIMIT);
      let sum = 0;
      for (let row = 0; row < limit; row++) sum += Atomics.load(view, endpointCell(row, slot) + IN_FLIGHT);
      return sum;
    },
    countFailure(row, slot) {
      const cell = endpointCell(row, slot);
      count(cell + FAILURES_LOW, cell + FAILURES_HIGH);
    },
    totals(slot) {
      let requests = 0;
      let failures = 0;
      for (let row = 0; row < rows; row++) {
        const cell = endpointCell(row, slot);
        requests += readTotal(view, cell + REQUESTS_LOW, cell + REQUESTS_HIGH);
        failures += readTotal(view, cell + FAILURES_LOW, cell + FAILURES_HIGH);
      }
      return { requests, failures };
    },
  };
}

function masterCells(view: Int32Array, rows: number): Omit<CellTable, keyof Cells> {
  return {
    rows,
    zeroWorker(row) {
      for (let slot = 0; slot < MAX_ENDPOINT_SLOTS; slot++) {
        Atomics.store(view, endpointCell(row, slot) + IN_FLIGHT, 0);
      }
    },
    isIdle(slot) {
      for (let row = 0; row < rows; row++) {
        if (Atomics.load(view, endpointCell(row, slot) + IN_FLIGHT) !== 0) return false;
      }
      return true;
    },
    resetEndpoint(slot) {
      for (let row = 0; row < rows; row++) {
        const cell = endpointCell(row, slot);
        for (let offset = REQUESTS_LOW; offset <= FAILURES_HIGH; offset++)
          Atomics.store(view, cell + offset, 0);
      }
    },
    resetPool(slot) {
      Atomics.store(view, cursorCell(slot), 0);
    },
    setRowLimit(count) {
      Atomics.store(view, HEADER_ROW_LIMIT, count);
    },
  };
}

/** Reads high, low, high until no carry happened in between. */
function readTotal(view: Int32Array, low: number, high: number): number {
  for (;;) {
    const before = Atomics.load(view, high);
    const value = Atomics.load(view, low) >>> 0;
    // A worker between its two adds shows a low cell that has just wrapped: off by 2^32 for nanoseconds.
    if (Atomics.load(view, high) === before) return (before >>> 0) * 2 ** 32 + value;
  }
}
