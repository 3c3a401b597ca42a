import { expect, test } from "bun:test";
import { isCompiled, selfCommand } from "../../../src/runtime/self.ts";

test("selfCommand runs the same entry with other arguments from source", () => {
  expect(isCompiled()).toBe(false);
  expect(selfCommand(["__worker"])).toEqual([process.execPath, Bun.main, "__worker"]);
});
