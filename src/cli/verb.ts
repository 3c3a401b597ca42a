/** What a command of the program is: its flags, its words, and a function that ends in an exit code. */

import { EXIT } from "./failure.ts";
import { type FlagSpecs, type FlagValues, readArgs, type WordSpec } from "./flags.ts";
import type { Terminal } from "./terminal.ts";

/** What a command may know about the process it runs in. */
export interface CliContext {
  readonly terminal: Terminal;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Absolute path of $OPHID_HOME. */
  readonly home: string;
}

export interface VerbSpec<F extends FlagSpecs> {
  readonly summary: string;
  readonly flags: F;
  readonly words?: readonly WordSpec[];
  /** Command lines without the name of the program. */
  readonly examples?: readonly string[];
  readonly run: (input: VerbInput<F>, context: CliContext) => Promise<number>;
}

export interface VerbInput<F extends FlagSpecs> {
  readonly flags: FlagValues<F>;
  readonly words: readonly string[];
  /** Everything after the verb, as typed. */
  readonly args: readonly string[];
}

export interface Verb {
  readonly summary: string;
  readonly flags: FlagSpecs;
  readonly words: readonly WordSpec[];
  readonly examples: readonly string[];
  readonly execute: (args: readonly string[], context: CliContext) => Promise<number>;
}

/** Understood everywhere: `--help` before any verb is loaded, `--debug` where an exception ends up. */
const COMMON_FLAGS = {
  debug: { kind: "switch", description: "Show a stack trace if something unexpected happens" },
  help: { kind: "switch", short: "h", description: "Show this help" },
} as const satisfies FlagSpecs;

export function defineVerb<const F extends FlagSpecs>(spec: VerbSpec<F>): Verb {
  const flags = { ...spec.flags, ...COMMON_FLAGS };
  const words = spec.words ?? [];
  return {
    summary: spec.summary,
    flags,
    words,
    examples: spec.examples ?? [],
    execute: async (args, context) => {
      const read = readArgs<FlagSpecs>(args, flags, words);
      if (!read.ok) return context.terminal.fail({ exitCode: EXIT.wrong, ...read.error });
      // The specs are those of F and the common ones, so the record has every property of F.
      const values = read.value.flags as FlagValues<F>;
      return spec.run({ flags: values, words: read.value.words, args }, context);
    },
  };
}
