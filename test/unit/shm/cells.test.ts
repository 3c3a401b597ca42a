import { afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type CellTable, openCells } from "../../../src/shm/cells.ts";
import { createCellFile, removeCellFile } from "../../../src/shm/file.ts";
import {
  endpointCell,
  fileBytes,
  MAX_ENDPOINT_SLOTS,
  MAX_POOL_SLOTS,
  MAX_ROWS,
  REQUESTS_LOW,
  ROW_CELLS,
  rowsFor,
  TABLE_START,
} from "../../../src/shm/layout.ts";

const CHILD = join(import.meta.dir, "../../support/cells-child.ts");
const paths: string[] = [];
const directories: string[] = [];

afterEach(() => {
  for (const path of paths.splice(0)) removeCellFile(path);
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true });
});

function newDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), "ophid-cells-"));
  directories.push(directory);
  return directory;
}

function newFile(rows = 4): string {
  const file = createCellFile(newDirectory(), rows);
  if (!file.ok) throw new Error(file.error);
  paths.push(file.value);
  return file.value;
}

function open(path: string): CellTable {
  const cells = openCells(path);
  if (!cells.ok) throw new Error(cells.error);
  cells.value.setRowLimit(cells.value.rows);
  return cells.value;
}

async function hammer(path: string, row: number, count: number, ...rest: string[]): Promise<number> {
  const child = Bun.spawn([process.execPath, CHILD, path, String(row), String(count), ...rest], {
    stdout: "pipe",
  });
  const text = await child.stdout.text();
  expect(await child.exited).toBe(0);
  return Number(text);
}

describe("createCellFile", () => {
  test("writes every page for real and closes the file to others", () => {
    const path = newFile();
    const stat = statSync(path);
    expect(stat.size).toBe(fileBytes(4));
    expect(stat.blocks * 512).toBeGreaterThanOrEqual(stat.size);
    expect(stat.mode & 0o777).toBe(0o600);
  });

  test("goes elsewhere when the first choice takes nothing, and names both when neither does", () => {
    // Not a folder, so that no user may write there, root included.
    const blocked = join(newDirectory(), "file");
    writeFileSync(blocked, "");
    const fallback = newDirectory();
    const file = createCellFile(fallback, 4, blocked);
    if (!file.ok) throw new Error(file.error);
    expect(dirname(file.value)).toBe(fallback);
    expect(readdirSync(fallback)).toHaveLength(1);
    const refused = createCellFile(blocked, 4, blocked);
    expect(refused.ok ? "" : refused.error).toMatch(
      /^Cannot create shared memory \(2 MiB needed\) in ".*"; nor in|^Cannot create shared memory \(2 MiB needed\) in ".*": .*; nor in ".*": /,
    );
  });

  test("sweeps up after a process that is gone, and leaves the living alone", () => {
    const path = newFile();
    const directory = dirname(path);
    const name = path.slice(directory.length + 1);
    const stale = join(directory, name.replace(`-${process.pid}-`, "-999999999-"));
    const reused = join(directory, name.replace(/-(\d*)-([0-9a-f]+)$/, "-1-$2"));
    const foreign = join(directory, name.replace(/^ophid-\d+/, "ophid-4294967"));
    for (const file of [stale, reused, foreign]) {
      writeFileSync(file, "");
      paths.push(file);
    }
    newFile();
    const left = readdirSync(directory).map((entry) => join(directory, entry));
    expect(left).toContain(path);
    expect(left).toContain(foreign);
    expect(left).not.toContain(stale);
    expect(left).not.toContain(reused);
  });
});

describe("openCells", () => {
  test("refuses what is missing, cut short or not ours", () => {
    const directory = newDirectory();
    expect(openCells(join(directory, "none")).ok).toBe(false);
    const short = join(directory, "short");
    writeFileSync(short, "x");
    expect(openCells(short)).toMatchObject({ ok: false, error: expect.stringContaining("too short") });
    const alien = join(directory, "alien");
    writeFileSync(alien, new Uint8Array(fileBytes(1)));
    expect(openCells(alien)).toMatchObject({ ok: false, error: expect.stringContaining("another version") });
    const cut = newFile(2);
    truncateSync(cut, fileBytes(1));
    expect(openCells(cut)).toMatchObject({ ok: false, error: expect.stringContaining("wrong size") });
  });

  test("two processes add a million exactly, and draw tickets that are all different", async () => {
    const path = newFile();
    const cells = open(path);
    const drawn = await Promise.all([hammer(path, 0, 500_000), hammer(path, 1, 500_000)]);
    expect(drawn).toEqual([500_000, 500_000]);
    expect(cells.nextTicket(7)).toBe(1_000_000);
    expect(cells.totals(3)).toEqual({ requests: 1_000_000, failures: 500_000 });
    expect(cells.inFlight(3)).toBe(0);
    expect(cells.isIdle(3)).toBe(true);
  });

  test("a dead worker's share is taken back, its totals stay", async () => {
    const path = newFile();
    const cells = open(path);
    cells.claim(0, 3);
    await hammer(path, 2, 5, "hold");
    expect(cells.inFlight(3)).toBe(6);
    cells.zeroWorker(2);
    expect(cells.inFlight(3)).toBe(1);
    expect(cells.isIdle(3)).toBe(false);
    expect(cells.totals(3)).toEqual({ requests: 6, failures: 3 });
  });

  test("totals go on beyond 2^31 and 2^32, tickets wrap at 2^32", () => {
    const path = newFile();
    const cells = open(path);
    const raw = new Int32Array(Bun.mmap(path, { shared: true }).buffer);
    raw[endpointCell(1, 9) + REQUESTS_LOW] = 2 ** 31 - 1;
    cells.claim(1, 9);
    expect(cells.totals(9).requests).toBe(2 ** 31);
    raw[endpointCell(1, 9) + REQUESTS_LOW] = -1;
    cells.claim(1, 9);
    cells.claim(2, 9);
    expect(cells.totals(9).requests).toBe(2 ** 32 + 1);
    raw[16 + 5] = -1;
    expect([cells.nextTicket(5), cells.nextTicket(5)]).toEqual([2 ** 32 - 1, 0]);
  });

  test("sums over workers stop at the row limit, the check for idleness does not", () => {
    const cells = open(newFile());
    cells.claim(3, 0);
    cells.setRowLimit(3);
    expect(cells.inFlight(0)).toBe(0);
    expect(cells.isIdle(0)).toBe(false);
  });

  test("a slot that changes hands starts from zero", () => {
    const cells = open(newFile());
    cells.claim(1, 4);
    cells.release(1, 4);
    cells.countFailure(2, 4);
    cells.nextTicket(4);
    cells.resetEndpoint(4);
    cells.resetPool(4);
    expect(cells.totals(4)).toEqual({ requests: 0, failures: 0 });
    expect(cells.nextTicket(4)).toBe(0);
  });
});

describe("layout", () => {
  test("tables neither overlap nor leave the file", () => {
    const last = endpointCell(3, MAX_ENDPOINT_SLOTS - 1) + 5;
    expect(last * 4).toBe(fileBytes(4));
    expect(endpointCell(1, 0)).toBe(TABLE_START + ROW_CELLS);
    expect(TABLE_START).toBe(16 + MAX_POOL_SLOTS);
  });

  test("there are rows for twice the workers, within bounds", () => {
    expect([1, 4, 8, 64, 1_000].map(rowsFor)).toEqual([8, 8, 16, 128, MAX_ROWS]);
  });
});
