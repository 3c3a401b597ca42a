/** How a reload ended, for whoever asked for it and for `status`. */

import type { Result } from "../lib/result.ts";
import { type Difference, summarize } from "./diff.ts";
import type { ReloadFailure, ReloadSuccess } from "./reload.ts";

export type ReloadReport =
  | {
      readonly ok: true;
      readonly at: string;
      readonly tookMs: number;
      readonly generation: number;
      readonly workers: number;
      readonly difference: Difference;
    }
  | {
      readonly ok: false;
      readonly at: string;
      readonly tookMs: number;
      /** `config`: the file is wrong. `runtime`: it could not be put to work. */
      readonly kind: ReloadFailure["kind"];
      /** For the user, several lines for several problems. */
      readonly message: string;
    };

export function toReloadReport(
  result: Result<ReloadSuccess, ReloadFailure>,
  at: Date,
  tookMs: number,
): ReloadReport {
  const base = { at: at.toISOString(), tookMs: Math.round(tookMs) };
  if (!result.ok) return { ok: false, ...base, ...result.error };
  return { ok: true, ...base, ...result.value, difference: summarize(result.value.difference) };
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
    ...difference.settingsChanged.map((words) => `${words} changed`),
  ].filter((part) => part !== "");
  return parts.length === 0 ? "no change" : parts.join(", ");
}

function countOf(count: number, noun: string, verb: string): string {
  if (count === 0) return "";
  return `${count} ${noun}${count === 1 ? "" : "s"} ${verb}`;
}
