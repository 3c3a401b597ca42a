/** Words of a command line to a typed record, strictly: unknown, repeated and empty flags are errors. */

import { parseArgs } from "node:util";
import { closest } from "../lib/did-you-mean.ts";
import { err, ok, type Result } from "../lib/result.ts";

export type FlagSpec = {
  /** `switch` takes no value, `list` may be repeated. */
  readonly kind: "switch" | "value" | "list";
  readonly description: string;
  /** Shown in the help: `--listen=<address>`. */
  readonly value?: string;
  /** One letter. */
  readonly short?: string;
  readonly required?: boolean;
  /** Known, but not in this version: refused by name with this clause. */
  readonly later?: string;
};

export type FlagSpecs = Readonly<Record<string, FlagSpec>>;

export interface WordSpec {
  /** As in "URL" or "HOST[PATH]". */
  readonly name: string;
  readonly description: string;
  readonly required: boolean;
}

/** One property for every flag, named as the flag. */
export type FlagValues<F extends FlagSpecs> = {
  readonly [K in keyof F]: F[K]["kind"] extends "switch"
    ? boolean
    : F[K]["kind"] extends "list"
      ? readonly string[]
      : string | undefined;
};

export interface ReadArgs<F extends FlagSpecs> {
  readonly flags: FlagValues<F>;
  readonly words: readonly string[];
}

export interface ArgsProblem {
  readonly message: string;
  readonly hint: string | undefined;
}

/** More is a mistake, such as an unquoted "*". */
const MAX_ARGS = 1_000;

/**
 * Reads by tokens: citty's own parser accepts unknown flags, keeps the last of repeated ones and takes the next
 * flag for a missing value.
 */
export function readArgs<F extends FlagSpecs>(
  args: readonly string[],
  specs: F,
  words: readonly WordSpec[],
): Result<ReadArgs<F>, ArgsProblem> {
  if (args.length > MAX_ARGS) return problem(`More than ${MAX_ARGS} arguments`);
  const found = new Map<string, string[]>();
  const rest: string[] = [];
  for (const token of tokenize(args, specs)) {
    if (token.kind === "positional") rest.push(token.value);
    if (token.kind !== "option") continue;
    const checked = checkFlag(token, specs, found);
    if (!checked.ok) return checked;
    found.set(token.name, [...(found.get(token.name) ?? []), checked.value]);
  }
  for (const [name, spec] of Object.entries(specs)) {
    if (spec.required && !found.has(name))
      return problem(`--${name} is missing`, `Add ${usageOf(name, spec)}`);
  }
  const misfit = checkWords(rest, words);
  return misfit ?? ok({ flags: collect(specs, found), words: rest });
}

/** `--listen <address>`, for messages. */
function usageOf(name: string, spec: FlagSpec): string {
  return spec.kind === "switch" ? `--${name}` : `--${name} <${spec.value ?? "value"}>`;
}

function tokenize(args: readonly string[], specs: FlagSpecs): readonly Token[] {
  const options: Record<string, { type: "string" | "boolean"; short?: string; multiple: boolean }> = {};
  for (const [name, { kind, short }] of Object.entries(specs)) {
    options[name] = {
      type: kind === "switch" ? "boolean" : "string",
      multiple: true,
      ...(short === undefined ? {} : { short }),
    };
  }
  return parseArgs({ args: [...args], options, strict: false, allowPositionals: true, tokens: true }).tokens;
}

type Token =
  | { readonly kind: "positional"; readonly value: string }
  | { readonly kind: "option-terminator" }
  | OptionToken;

interface OptionToken {
  readonly kind: "option";
  readonly name: string;
  readonly rawName: string;
  readonly value?: string | undefined;
  readonly inlineValue?: boolean | undefined;
}

function checkFlag(
  token: OptionToken,
  specs: FlagSpecs,
  found: ReadonlyMap<string, readonly string[]>,
): Result<string, ArgsProblem> {
  const { name, rawName, value, inlineValue } = token;
  const spec = Object.hasOwn(specs, name) ? specs[name] : undefined;
  if (spec === undefined) return problem(`Unknown flag "${rawName}"`, suggestFlag(name, specs));
  if (spec.later !== undefined) return problem(`--${name}: ${spec.later} not available in this version`);
  if (spec.kind === "switch") {
    if (value !== undefined) return problem(`--${name} takes no value`);
    return ok("");
  }
  // A flag in the place of a value is a forgotten value; "--name=-x" says that it is meant.
  const isMissing = value === undefined || (inlineValue !== true && /^-./.test(value));
  if (isMissing) return problem(`--${name} has no value`, `Write ${usageOf(name, spec)}`);
  if (value === "") return problem(`--${name} has an empty value`, `Write ${usageOf(name, spec)}`);
  if (spec.kind === "value" && found.has(name)) return problem(`--${name} may be given only once`);
  return ok(value);
}

function suggestFlag(name: string, specs: FlagSpecs): string | undefined {
  const near = closest(
    name,
    Object.keys(specs).filter((key) => specs[key]?.later === undefined),
  );
  return near === undefined ? undefined : `Did you mean "--${near}"?`;
}

function checkWords(
  rest: readonly string[],
  words: readonly WordSpec[],
): Result<never, ArgsProblem> | undefined {
  const missing = words.find((word, index) => word.required && rest[index] === undefined);
  if (missing !== undefined) return problem(`${missing.name} is missing`, missing.description);
  const extra = rest[words.length];
  return extra === undefined ? undefined : problem(`Unexpected argument "${extra}"`);
}

function collect<F extends FlagSpecs>(
  specs: F,
  found: ReadonlyMap<string, readonly string[]>,
): FlagValues<F> {
  const values: Record<string, boolean | string | undefined | readonly string[]> = {};
  for (const [name, { kind }] of Object.entries(specs)) {
    const given = found.get(name);
    values[name] = kind === "switch" ? given !== undefined : kind === "list" ? (given ?? []) : given?.[0];
  }
  // Built key by key from the very specs the type is computed from.
  return values as FlagValues<F>;
}

function problem(message: string, hint?: string): Result<never, ArgsProblem> {
  return err({ message, hint });
}
