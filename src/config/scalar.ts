/** Leaves every section shares: durations, sizes, whole numbers, words, switches and texts. */

import { formatBytes, parseBytes } from "../lib/bytes.ts";
import { closest } from "../lib/did-you-mean.ts";
import { formatDuration, parseDuration } from "../lib/duration.ts";
import { err, ok, type Result } from "../lib/result.ts";
import { describeType } from "./diagnostic.ts";
import { leaf, type Refusal } from "./schema-library.ts";

/** Why a text is refused; the leaf adds what it expects. */
export interface Complaint {
  readonly state: string;
  readonly hint?: string | undefined;
}

export interface Range {
  readonly min: number;
  readonly max: number;
}

/** A string with a meaning. */
export function text<T>(expected: string, parse: (text: string) => Result<T, Complaint>) {
  return leaf<T>((input) => readText(input, expected, parse));
}

export function readText<T>(
  input: unknown,
  expected: string,
  parse: (text: string) => Result<T, Complaint>,
): Result<T, Refusal> {
  if (typeof input !== "string") return err({ state: `it is ${describeType(input)}`, expected });
  const result = parse(input);
  return result.ok ? result : err({ ...result.error, expected });
}

/** Any string that is not empty. */
export function anyText(expected: string) {
  return text(expected, (value) => (value === "" ? err({ state: "it is empty" }) : ok(value)));
}

export function duration({ min, max, stepMs = 1 }: Range & { readonly stepMs?: number }) {
  const step = stepMs === 1 ? "" : ` in steps of ${formatDuration(stepMs)}`;
  const expected = `a duration from ${formatDuration(min)} to ${formatDuration(max)}${step} such as "10s" or "1m30s"`;
  return leaf<number>((input) => {
    if (typeof input === "number") {
      return err({ state: "it is a number without a unit", expected, hint: hintUnit(input, "s") });
    }
    return readText(input, expected, (value) => {
      const durationMs = parseDuration(value);
      if (durationMs === undefined) return err({ state: "it is not a duration" });
      if (durationMs % stepMs !== 0) return err({ state: "it is between two steps" });
      return inRange(durationMs, { min, max }) ?? ok(durationMs);
    });
  });
}

/** A size as text; a bare number counts bytes. */
export function size({ min, max }: Range) {
  const expected = `a size from ${formatBytes(min)} to ${formatBytes(max)} such as "64KiB"`;
  return leaf<number>((input) => {
    if (typeof input === "number" && Number.isInteger(input)) {
      const wrong = inRange(input, { min, max });
      return wrong === undefined ? ok(input) : err({ ...wrong.error, expected });
    }
    return readText(input, expected, (value) => {
      const sizeBytes = parseBytes(value);
      if (sizeBytes === undefined) return err({ state: "it is not a size" });
      return inRange(sizeBytes, { min, max }) ?? ok(sizeBytes);
    });
  });
}

export function integer({ min, max }: Range) {
  const expected = `a whole number from ${min} to ${max}`;
  return leaf<number>((input) => {
    if (typeof input !== "number") return err({ state: `it is ${describeType(input)}`, expected });
    if (!Number.isInteger(input)) return err({ state: "it is not a whole number", expected });
    const wrong = inRange(input, { min, max });
    return wrong === undefined ? ok(input) : err({ ...wrong.error, expected });
  });
}

export function flag() {
  return leaf<boolean>((input) =>
    typeof input === "boolean"
      ? ok(input)
      : err({ state: `it is ${describeType(input)}`, expected: "true or false" }),
  );
}

/** One of a closed set of words. */
export function oneOf<const T extends string>(words: readonly T[]) {
  const expected = `one of ${words.map((word) => `"${word}"`).join(", ")}`;
  return text<T>(expected, (value) => {
    const found = words.find((word) => word === value);
    if (found !== undefined) return ok(found);
    const near = closest(value, words);
    return err({
      state: "there is no such value",
      hint: near === undefined ? undefined : `Did you mean "${near}"`,
    });
  });
}

function inRange(value: number, { min, max }: Range) {
  if (value < min) return err({ state: "it is too small" });
  return value > max ? err({ state: "it is too large" }) : undefined;
}

function hintUnit(value: number, unit: string): string | undefined {
  return Number.isSafeInteger(value) && value >= 0 ? `Write "${value}${unit}" for seconds` : undefined;
}
