/** A worker process in the hands of a strange master. */

import { afterEach, describe, expect, test } from "bun:test";
import { createCellFile, removeCellFile } from "../../../src/shm/file.ts";
import { createHarness, MASTER_ENTRY } from "../../support/master-harness.ts";
import { toSnapshot } from "../../support/test-settings.ts";
import { until } from "../../support/until.ts";

const harness = createHarness();
afterEach(() => harness.end());

async function startWorker(said: unknown[] = []) {
  const greeting = Promise.withResolvers<unknown>();
  const worker = Bun.spawn([process.execPath, MASTER_ENTRY, "__worker"], {
    stdio: ["ignore", "ignore", "ignore"],
    serialization: "json",
    ipc: (message) => {
      said.push(message);
      greeting.resolve(message);
    },
  });
  harness.track(worker.pid);
  expect(await greeting.promise).toEqual({ type: "hello" });
  return worker;
}

describe("a worker", () => {
  test("leaves when it gets no snapshot", async () => {
    const worker = await startWorker();
    const start = performance.now();
    expect(await worker.exited).toBe(2);
    expect(performance.now() - start).toBeGreaterThan(9_000);
  }, 15_000);

  test("leaves when the master goes away before the first order", async () => {
    const worker = await startWorker();
    worker.disconnect();
    expect(await worker.exited).toBe(0);
  });

  test("leaves when it cannot understand its master", async () => {
    const worker = await startWorker();
    worker.send({ type: "selfdestruct" });
    expect(await worker.exited).toBe(2);
  });

  test("follows orders that arrive in one piece: a snapshot taken back makes room for the next", async () => {
    const said: unknown[] = [];
    const worker = await startWorker(said);
    const home = harness.newHome();
    const file = createCellFile(home, 2);
    if (!file.ok) throw new Error(file.error);
    worker.send({ type: "init", cellsPath: file.value, row: 0, index: 0, home });
    const prepare = (id: number) => {
      const snapshot = { ...toSnapshot({}), generation: id, slots: {} };
      worker.send({ type: "prepare", id, snapshot });
    };
    // As a master does whose reload overtakes the start of a worker.
    process.kill(worker.pid, "SIGSTOP");
    prepare(1);
    for (const id of [2, 3, 4]) {
      worker.send({ type: "discard", id: id - 1 });
      prepare(id);
    }
    process.kill(worker.pid, "SIGCONT");
    await until("the last is prepared", () =>
      said.some((each) => JSON.stringify(each) === '{"type":"done","id":4}'),
    );
    worker.send({ type: "commit", id: 4 });
    await until(
      "it is committed",
      () => said.filter((each) => JSON.stringify(each).includes('"id":4')).length === 2,
    );
    expect(JSON.stringify(said)).not.toContain("refused");
    worker.send({ type: "drain", deadlineMs: 0 });
    expect(await worker.exited).toBe(0);
    removeCellFile(file.value);
  });

  test("leaves when it cannot use the shared memory", async () => {
    const worker = await startWorker();
    worker.send({ type: "init", cellsPath: "/nonexistent", row: 0, index: 0, home: "/nonexistent" });
    expect(await worker.exited).toBe(2);
  });
});
