import { describe, expect, test } from "bun:test";
import { parseMasterMessage, parseWorkerMessage } from "../../../src/worker/messages.ts";
import { toSnapshot } from "../../support/test-settings.ts";

const status = {
  connections: 1,
  inFlight: 2,
  websockets: 3,
  rssBytes: 4,
  listeners: [{ key: "k", address: "a" }],
};
const snapshot = { ...toSnapshot({}), generation: 1, slots: {} };

describe("parseWorkerMessage", () => {
  test.each([
    [{ type: "hello" }],
    [{ type: "done", id: 1 }],
    [{ type: "refused", id: 1, message: "no" }],
    [{ type: "status", id: 1, status }],
  ])("takes %j", (message) => {
    expect(parseWorkerMessage(structuredClone(message))).toEqual(message as never);
  });

  test("drops what it does not know", () => {
    expect(parseWorkerMessage({ type: "done", id: 1, extra: true })).toEqual({ type: "done", id: 1 });
  });

  test("refuses everything else", () => {
    const messages: unknown[] = [
      undefined,
      null,
      "hello",
      [],
      { type: "done" },
      { type: "done", id: -1 },
      { type: "done", id: 1.5 },
      { type: "done", id: "1" },
      { type: "refused", id: 1 },
      { type: "refused", id: 1, message: "x".repeat(20_000) },
      { type: "prepare", id: 1, snapshot },
      { type: "status", id: 1 },
      { type: "status", id: 1, status: { ...status, inFlight: Number.NaN } },
      { type: "status", id: 1, status: { ...status, listeners: [{ key: 1 }] } },
      { type: "status", id: 1, status: { ...status, listeners: new Array(5_000).fill(status.listeners[0]) } },
    ];
    for (const message of messages) {
      expect({ message, parsed: parseWorkerMessage(message) }).toEqual({ message, parsed: undefined });
    }
  });
});

describe("parseMasterMessage", () => {
  test.each([
    [{ type: "init", cellsPath: "/c", row: 0, index: 1, home: "/h" }],
    [{ type: "prepare", id: 1, snapshot }],
    [{ type: "commit", id: 1 }],
    [{ type: "discard", id: 1 }],
    [{ type: "status", id: 1 }],
    [{ type: "drain", deadlineMs: 5 }],
    [{ type: "reopen-logs" }],
  ])("takes %j", (message) => {
    expect(parseMasterMessage(JSON.parse(JSON.stringify(message)))).toEqual(message as never);
  });

  test("refuses everything else", () => {
    const messages: unknown[] = [
      null,
      { type: "init", cellsPath: "/c", row: -1, index: 1, home: "/h" },
      { type: "prepare", id: 1 },
      { type: "prepare", id: 1, snapshot: { ...snapshot, routes: {} } },
      { type: "drain" },
      { type: "commit" },
      { type: "selfdestruct", id: 1 },
    ];
    for (const message of messages) {
      expect({ message, parsed: parseMasterMessage(message) }).toEqual({ message, parsed: undefined });
    }
  });
});
