import { describe, expect, test } from "bun:test";
import { createReloadQueue } from "../../../src/master/reload-queue.ts";

function createRuns() {
  const runs: PromiseWithResolvers<number>[] = [];
  const queue = createReloadQueue(() => {
    const run = Promise.withResolvers<number>();
    runs.push(run);
    return run.promise;
  });
  const finish = (index: number) => runs[index]?.resolve(index);
  return { queue, runs, finish };
}

describe("createReloadQueue", () => {
  test("runs one at a time; who asks meanwhile shares the next", async () => {
    const { queue, runs, finish } = createRuns();
    const answers = [queue(), queue(), queue(), queue()];
    expect(runs).toHaveLength(1);
    finish(0);
    expect(await answers[0]).toBe(0);
    await Promise.resolve();
    expect(runs).toHaveLength(2);
    const later = queue();
    finish(1);
    expect(await Promise.all(answers.slice(1))).toEqual([1, 1, 1]);
    await Promise.resolve();
    finish(2);
    expect(await later).toBe(2);
    expect(runs).toHaveLength(3);
  });

  test("goes on after a failure", async () => {
    const { queue, runs } = createRuns();
    const first = queue();
    const second = queue();
    runs[0]?.reject(new Error("broken"));
    expect(first).rejects.toThrow("broken");
    await first.catch(() => undefined);
    await Promise.resolve();
    runs[1]?.resolve(1);
    expect(await second).toBe(1);
  });
});
