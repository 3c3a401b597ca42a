/** What a new snapshot changes, short enough for a report. */

import type { SnapshotDiff } from "../snapshot/diff.ts";

/** Counts where the lists may be thousands long: the report is kept and shown again. */
export interface Difference {
  readonly listenersAdded: readonly string[];
  readonly listenersRemoved: readonly string[];
  readonly routesAdded: number;
  readonly routesRemoved: number;
  readonly routesChanged: number;
  readonly endpointsAdded: number;
  readonly endpointsRemoved: number;
}

export function summarize(diff: SnapshotDiff): Difference {
  return {
    listenersAdded: diff.listenersAdded,
    listenersRemoved: diff.listenersRemoved,
    routesAdded: diff.routesAdded.length,
    routesRemoved: diff.routesRemoved.length,
    routesChanged: diff.routesChanged.length,
    endpointsAdded: diff.endpointsAdded.length,
    endpointsRemoved: diff.endpointsRemoved.length,
  };
}

/** "2 routes added, 1 route changed", or "no change". */
export function describeDifference(difference: Difference): string {
  const parts = [
    countOf(difference.listenersAdded.length, "listener", "added"),
    countOf(difference.listenersRemoved.length, "listener", "removed"),
    countOf(difference.routesAdded, "route", "added"),
    countOf(difference.routesRemoved, "route", "removed"),
    countOf(difference.routesChanged, "route", "changed"),
    countOf(difference.endpointsAdded, "endpoint", "added"),
    countOf(difference.endpointsRemoved, "endpoint", "removed"),
  ].filter((part) => part !== "");
  return parts.length === 0 ? "no change" : parts.join(", ");
}

function countOf(count: number, noun: string, verb: string): string {
  if (count === 0) return "";
  return `${count} ${noun}${count === 1 ? "" : "s"} ${verb}`;
}
