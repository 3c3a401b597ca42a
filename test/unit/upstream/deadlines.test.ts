import { describe, expect, test } from "bun:test";
import {
  createDeadlines,
  SWEEP_INTERVAL_MS,
  type Timed,
  unwatch,
  watch,
} from "../../../src/upstream/deadlines.ts";
import { until } from "../../support/until.ts";

interface Entry extends Timed {
  readonly name: string;
  swept: number;
}

const createEntry = (name: string): Entry => ({ name, swept: 0, deadlineAt: 0, sweepIndex: -1 });

describe("deadlines", () => {
  test("sweep everything that is watched and stop when nothing is", async () => {
    const deadlines = createDeadlines<Entry>(
      () => 0,
      (entry) => {
        entry.swept += 1;
      },
    );
    const entries = ["a", "b", "c"].map(createEntry);
    for (const entry of entries) watch(deadlines, entry);
    await until("all were swept", () => entries.every((entry) => entry.swept > 0));
    for (const entry of entries) unwatch(deadlines, entry);
    await until("the timer is gone", () => deadlines.timer === undefined, SWEEP_INTERVAL_MS * 10);
    expect(deadlines.entries).toEqual([]);
  });

  test("an entry that goes away during a sweep hides no other", async () => {
    const seen: string[] = [];
    const deadlines = createDeadlines<Entry>(
      () => 0,
      (entry) => {
        seen.push(entry.name);
        unwatch(deadlines, entry);
      },
    );
    for (const name of ["a", "b", "c", "d"]) watch(deadlines, createEntry(name));
    await until("all were swept", () => seen.length === 4);
    expect(seen.sort()).toEqual(["a", "b", "c", "d"]);
  });

  test("unwatching another entry, or twice, keeps every place right", () => {
    const deadlines = createDeadlines<Entry>(
      () => 0,
      () => undefined,
    );
    const [a, b, c] = ["a", "b", "c"].map(createEntry) as [Entry, Entry, Entry];
    for (const entry of [a, b, c]) watch(deadlines, entry);
    unwatch(deadlines, a);
    unwatch(deadlines, a);
    expect(deadlines.entries.map((entry) => [entry.name, entry.sweepIndex])).toEqual([
      ["c", 0],
      ["b", 1],
    ]);
    unwatch(deadlines, b);
    unwatch(deadlines, c);
    expect(deadlines.entries).toEqual([]);
    clearInterval(deadlines.timer);
  });
});
