/** A worker process in the hands of a strange master. */

import { afterEach, describe, expect, test } from "bun:test";
import { createHarness, MASTER_ENTRY } from "../../support/master-harness.ts";

const harness = createHarness();
afterEach(() => harness.end());

async function startWorker() {
  const greeting = Promise.withResolvers<unknown>();
  const worker = Bun.spawn([process.execPath, MASTER_ENTRY, "__worker"], {
    stdio: ["ignore", "ignore", "ignore"],
    serialization: "json",
    ipc: (message) => greeting.resolve(message),
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

  test("leaves when it cannot use the shared memory", async () => {
    const worker = await startWorker();
    worker.send({ type: "init", cellsPath: "/nonexistent", row: 0, index: 0, home: "/nonexistent" });
    expect(await worker.exited).toBe(2);
  });
});
