/**
 * Where every counter lives in the shared file: a header, one cursor a pool, then a table [row][endpoint].
 * A row belongs to one worker process, so a dead worker's share can be taken back.
 */

/** 32-bit cells: 64-bit atomics cost five times as much (BigInt). */
export const CELL_BYTES = 4;

export const MAGIC = 0x4f504844;
export const LAYOUT_VERSION = 1;
export const HEADER_CELLS = 16;

export const HEADER_MAGIC = 0;
export const HEADER_VERSION = 1;
export const HEADER_ROWS = 2;
/** Rows from here on have nothing in flight: sums over all workers stop there. */
export const HEADER_ROW_LIMIT = 3;

export const MAX_ENDPOINT_SLOTS = 16_384;
export const MAX_POOL_SLOTS = 20_480;
export const MAX_WORKERS = 64;
/** Twice the workers: while they are replaced, the old ones still count down. */
export const MAX_ROWS = 2 * MAX_WORKERS;
/** Room for `general.workers` to grow on a reload. */
const MIN_ROWS = 8;

/** Cells of one endpoint in one row. Totals are two cells, low and high, so that they never wrap. */
export const ENDPOINT_CELLS = 5;
export const IN_FLIGHT = 0;
export const REQUESTS_LOW = 1;
export const REQUESTS_HIGH = 2;
export const FAILURES_LOW = 3;
export const FAILURES_HIGH = 4;

export const ROW_CELLS = MAX_ENDPOINT_SLOTS * ENDPOINT_CELLS;
export const TABLE_START = HEADER_CELLS + MAX_POOL_SLOTS;

export function rowsFor(workers: number): number {
  return Math.min(MAX_ROWS, Math.max(MIN_ROWS, 2 * workers));
}

export function fileBytes(rows: number): number {
  return (TABLE_START + rows * ROW_CELLS) * CELL_BYTES;
}

export function cursorCell(poolSlot: number): number {
  return HEADER_CELLS + poolSlot;
}

export function endpointCell(row: number, slot: number): number {
  return TABLE_START + row * ROW_CELLS + slot * ENDPOINT_CELLS;
}
