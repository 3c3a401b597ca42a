/** Hammers the shared cells from a process of its own: `bun cells-child.ts PATH ROW COUNT [hold]`. */

import { openCells } from "../../src/shm/cells.ts";

const [path = "", row = "0", count = "0", hold] = process.argv.slice(2);
const cells = openCells(path);
if (!cells.ok) throw new Error(cells.error);
const tickets = new Set<number>();
for (let i = 0; i < Number(count); i++) {
  tickets.add(cells.value.nextTicket(7));
  cells.value.claim(Number(row), 3);
  if (hold === undefined) cells.value.release(Number(row), 3);
  if (i % 2 === 0) cells.value.countFailure(Number(row), 3);
}
console.log(tickets.size);
