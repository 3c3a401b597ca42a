/** What `npm run bench -- …` can be told. */

import { resolve } from "node:path";
import { parseArgs } from "node:util";

export interface Options {
  readonly seconds: number;
  readonly rounds: number;
  /** Empty for all. */
  readonly cases: readonly string[];
  /** Undefined means dist/ophid, built first. */
  readonly ophid: string | undefined;
  /** A second ophid measured in the same rounds. */
  readonly baseline: string | undefined;
  readonly json: string | undefined;
  readonly check: boolean;
}

export const USAGE = `Usage: npm run bench -- [--quick] [--seconds N] [--rounds N] [--case NAME]... [--ophid FILE] [--baseline FILE] [--json FILE] [--check]
  --quick          one second a round
  --seconds N      seconds a round, one slice of a second each in turn (3)
  --rounds N       interleaved rounds (5)
  --case NAME      only these: small, post, 64k, 1m, routes, close, rate, calls
  --ophid FILE     measure this binary instead of a fresh dist/ophid
  --baseline FILE  another ophid binary, measured in the same rounds
  --json FILE      everything measured, as JSON
  --check          exit code 1 if a limit is not met`;

export const CASE_NAMES = ["small", "post", "64k", "1m", "routes", "close", "rate", "calls"] as const;

export type CaseName = (typeof CASE_NAMES)[number];

const MAX_SECONDS = 60;
const MAX_ROUNDS = 25;

export function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: "boolean", default: false },
      seconds: { type: "string" },
      rounds: { type: "string", default: "5" },
      case: { type: "string", multiple: true, default: [] },
      ophid: { type: "string" },
      baseline: { type: "string" },
      json: { type: "string" },
      check: { type: "boolean", default: false },
    },
  });
  for (const name of values.case) {
    if (!isCaseName(name)) throw new Error(`Unknown case "${name}"`);
  }
  return {
    seconds: toCount("--seconds", values.seconds ?? (values.quick ? "1" : "3"), MAX_SECONDS),
    rounds: toCount("--rounds", values.rounds, MAX_ROUNDS),
    cases: values.case,
    ophid: toPath(values.ophid),
    baseline: toPath(values.baseline),
    json: toPath(values.json),
    check: values.check,
  };
}

function isCaseName(name: string): name is CaseName {
  return CASE_NAMES.some((known) => known === name);
}

function toPath(path: string | undefined): string | undefined {
  return path === undefined ? undefined : resolve(path);
}

function toCount(name: string, text: string, max: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > max) {
    throw new Error(`${name} must be a whole number from 1 to ${max}, not "${text}"`);
  }
  return value;
}
