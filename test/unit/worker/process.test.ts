import { expect, test } from "bun:test";
import { runWorker } from "../../../src/worker/process.ts";

test("runWorker refuses to be started by hand", async () => {
  const lines: string[] = [];
  const log = { info: () => {}, warn: () => {}, error: (line: string) => void lines.push(line) };
  const createEngine = () => {
    throw new Error("no engine without a master");
  };
  expect(await runWorker(createEngine, log)).toBe(1);
  expect(lines).toEqual(["Cannot run a worker: it is started by ophid itself, never by hand"]);
});
