/** The building blocks of the schema: the only place that knows the validation package. */

import * as v from "valibot";
import { closest } from "../lib/did-you-mean.ts";
import type { Result } from "../lib/result.ts";
import { describeType, type Flaw } from "./diagnostic.ts";
import type { Path } from "./path.ts";

/** Why one value is refused; `path` is relative to it. */
export interface Refusal {
  readonly state: string;
  readonly expected: string;
  readonly hint?: string | undefined;
  readonly path?: Path;
  /** "key" if the name is refused rather than what it stands for. */
  readonly part?: "key" | "value";
}

export type Schema<T = unknown> = v.GenericSchema<unknown, T>;
export type Entries = Record<string, Schema | v.OptionalSchema<Schema, unknown>>;
export type Output<S extends v.GenericSchema> = v.InferOutput<S>;

const SEPARATOR = "\n";

/** A leaf: `read` turns a value into its final form or refuses it, once or several times. */
export function leaf<T>(read: (input: unknown) => Result<T, Refusal | readonly Refusal[]>) {
  return v.pipe(
    v.unknown(),
    v.rawTransform<unknown, T>(({ dataset, addIssue, NEVER }) => {
      const result = read(dataset.value);
      if (result.ok) return result.value;
      for (const refusal of [result.error].flat()) {
        // `received` carries our hint: what was found is quoted from the file, never from here.
        addIssue({
          message: refusal.state,
          expected: refusal.expected,
          received: refusal.hint ?? "",
          ...(refusal.path === undefined ? {} : { path: toIssuePath(refusal.path, refusal.part) }),
        });
      }
      return NEVER;
    }),
  );
}

/** A value somebody else checks. */
export function anything() {
  return v.unknown();
}

/** A table with exactly these keys. */
export function table<const E extends Entries>(entries: E) {
  const known = Object.keys(entries);
  return v.pipe(
    v.custom<Record<string, unknown>>(isTable, typeMessage("a table")),
    // The package reports the first unknown key only; the list of known ones lets `check` report all.
    v.strictObject(entries, (issue) =>
      issue.expected === "never" ? known.join(SEPARATOR) : typeMessage("a value")(issue),
    ),
  );
}

export function list<const S extends v.GenericSchema>(item: S, limit: number) {
  return v.pipe(
    v.custom<unknown[]>(Array.isArray, typeMessage("a list")),
    v.array(item),
    v.maxLength(limit, `it has more than ${limit} entries`),
  );
}

export function optional<const S extends v.GenericSchema>(schema: S) {
  return v.optional(schema);
}

/** The default is written as in a file and read like one. */
export function withDefault<const S extends v.GenericSchema, const D extends NonNullable<v.InferInput<S>>>(
  schema: S,
  value: D,
) {
  return v.optional(schema, value);
}

/** Checks a value and lists everything that is wrong with it, by path below `base`. */
export function check<const S extends v.GenericSchema>(
  schema: S,
  input: unknown,
  base: Path,
): Result<v.InferOutput<S>, Flaw[]> {
  const result = v.safeParse(schema, input);
  if (result.success) return { ok: true, value: result.output };
  return { ok: false, error: result.issues.flatMap((issue) => toFlaws(issue, base)) };
}

function toFlaws(issue: v.BaseIssue<unknown>, base: Path): Flaw[] {
  const path = [...base, ...(issue.path ?? []).map((item) => item.key as string | number)];
  if (issue.type === "strict_object" && issue.expected === "never") {
    return unknownKeys(issue, path.slice(0, -1));
  }
  const isLeaf = issue.type === "raw_transform";
  return [
    {
      kind: "value",
      path,
      part: issue.path?.at(-1)?.origin === "key" ? "key" : "value",
      state: issue.message,
      expected: isLeaf ? (issue.expected ?? undefined) : undefined,
      hint: isLeaf && issue.received !== "" ? issue.received : undefined,
    },
  ];
}

function unknownKeys(issue: v.BaseIssue<unknown>, parent: Path): Flaw[] {
  const known = issue.message.split(SEPARATOR);
  const input = issue.path?.at(-1) as { readonly input: Record<string, unknown> } | undefined;
  return Object.keys(input?.input ?? {})
    .filter((key) => !known.includes(key))
    .map((key) => {
      const near = closest(key, known);
      return {
        kind: "unknown-key",
        path: [...parent, key],
        state: "there is no such key",
        expected: near === undefined ? `one of ${known.join(", ")}` : undefined,
        hint: near === undefined ? undefined : `Did you mean "${near}"`,
      };
    });
}

function typeMessage(expected: string) {
  return (issue: v.BaseIssue<unknown>): string =>
    issue.type === "strict_object" ? "it is missing" : `it is ${describeType(issue.input)}, not ${expected}`;
}

function isTable(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

function toIssuePath(
  path: Path,
  origin: "key" | "value" = "value",
): [v.IssuePathItem, ...v.IssuePathItem[]] | undefined {
  const [first, ...rest] = path.map(
    (key): v.IssuePathItem => ({ type: "unknown", origin, input: undefined, key, value: undefined }),
  );
  return first === undefined ? undefined : [first, ...rest];
}
