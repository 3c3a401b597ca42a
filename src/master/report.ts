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
