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
  /** Such as "timeouts". */
  readonly settingsChanged: readonly string[];
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
    settingsChanged: diff.settingsChanged,
  };
}
