import { expect, test } from "bun:test";
import { describeDifference, toReloadReport } from "../../../src/master/report.ts";

const none = {
  listenersAdded: [],
  listenersRemoved: [],
  routesAdded: [],
  routesRemoved: [],
  routesChanged: [],
  endpointsAdded: [],
  endpointsRemoved: [],
  settingsChanged: [],
};
const at = new Date(0);

function describe(difference: Partial<Record<keyof typeof none, string[]>>): string {
  const report = toReloadReport(
    { ok: true, value: { generation: 2, workers: 1, difference: { ...none, ...difference } } },
    at,
    1.6,
  );
  return report.ok ? describeDifference(report.difference) : "failed";
}

test("describeDifference counts in words", () => {
  expect(describe({})).toBe("no change");
  expect(describe({ routesAdded: ["a"], routesRemoved: ["b", "c"], listenersAdded: ["x"] })).toBe(
    "1 listener added, 1 route added, 2 routes removed",
  );
  expect(describe({ settingsChanged: ["workers", "timeouts"] })).toBe("workers changed, timeouts changed");
});

test("toReloadReport keeps the reason of a failure", () => {
  expect(toReloadReport({ ok: false, error: { kind: "config", message: "no" } }, at, 1.6)).toEqual({
    ok: false,
    at: "1970-01-01T00:00:00.000Z",
    tookMs: 2,
    kind: "config",
    message: "no",
  });
});
