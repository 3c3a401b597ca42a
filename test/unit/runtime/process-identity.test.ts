import { describe, expect, test } from "bun:test";
import { identifyProcess, isStillRunning } from "../../../src/runtime/process-identity.ts";

describe("isStillRunning", () => {
  test("knows this process", () => {
    expect(isStillRunning(identifyProcess(process.pid))).toBe(true);
  });

  test("does not take a later process with the same pid for it", () => {
    expect(isStillRunning({ pid: process.pid, startTime: "1" })).toBe(false);
  });

  test("relies on the pid where no start time is known", () => {
    expect(isStillRunning({ pid: process.pid, startTime: "" })).toBe(true);
    expect(isStillRunning({ pid: 999_999_999, startTime: "" })).toBe(false);
  });

  test("sees the end of a child", async () => {
    const child = Bun.spawn(["sleep", "60"]);
    const identity = identifyProcess(child.pid);
    expect(isStillRunning(identity)).toBe(true);
    child.kill("SIGKILL");
    await child.exited;
    expect(isStillRunning(identity)).toBe(false);
  });
});
