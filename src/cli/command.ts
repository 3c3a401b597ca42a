/** The tree of commands, held and described by citty: finds the command that is meant, or says why there is none. */

import { type ArgsDef, type CommandDef, defineCommand, renderUsage, runCommand } from "citty";
import { closest } from "../lib/did-you-mean.ts";
import { err, ok, type Result } from "../lib/result.ts";
import { type Failure, wrong } from "./failure.ts";
import type { CliContext, Verb } from "./verb.ts";

export interface Group {
  readonly summary: string;
  readonly children: Readonly<Record<string, Entry>>;
}

/** A verb is loaded when it is asked for: most commands need a small part of the program. */
export type Entry =
  | { readonly kind: "group"; readonly group: Group }
  | { readonly kind: "verb"; readonly summary: string; readonly load: () => Promise<Verb> };

export interface Found {
  /** "proxy route add". */
  readonly name: string;
  /** Undefined for a group, whose help is all there is. */
  readonly verb: Verb | undefined;
  readonly args: readonly string[];
  readonly command: CommandDef;
  readonly parent: CommandDef;
}

/** Walks down by the leading words; flags come after the verb. */
export async function findCommand(
  program: string,
  root: Group,
  args: readonly string[],
): Promise<Result<Found, Failure>> {
  let group = root;
  const names: string[] = [];
  for (const [index, word] of args.entries()) {
    if (word.startsWith("-")) {
      if (isHelp(word)) break;
      return err(wrong(`Unknown flag "${word}"`, helpHint(program, names)));
    }
    // Own keys only: "constructor" is no command.
    const entry = Object.hasOwn(group.children, word) ? group.children[word] : undefined;
    if (entry === undefined) return err(unknownCommand(program, names, word, group));
    names.push(word);
    if (entry.kind === "verb") {
      const verb = await entry.load();
      return ok({ ...describeVerb(program, names, verb), verb, args: args.slice(index + 1) });
    }
    group = entry.group;
  }
  return ok({ ...describeGroup(program, names, group), verb: undefined, args: args.slice(names.length) });
}

export async function runVerb(verb: Verb, args: readonly string[], context: CliContext): Promise<number> {
  // The verb reads its arguments itself, strictly; citty is given none that it could read differently.
  const command = defineCommand({ run: () => verb.execute(args, context) });
  const { result } = await runCommand(command, { rawArgs: [] });
  return Number(result);
}

export async function renderHelp(found: Found, program: string, color: boolean): Promise<string> {
  const usage = await renderUsage(found.command, found.parent);
  const examples = (found.verb?.examples ?? []).map((line) => `  ${program} ${line}`);
  const text = [
    usage.replace(/[ \t]+$/gm, "").trimEnd(),
    ...(examples.length > 0 ? ["", "EXAMPLES", "", ...examples] : []),
  ].join("\n");
  return color ? text : Bun.stripANSI(text);
}

export function isHelp(word: string): boolean {
  return word === "--help" || word === "-h";
}

export function helpHint(program: string, names: readonly string[]): string {
  return `See: ${[program, ...names, "--help"].join(" ")}`;
}

function unknownCommand(program: string, names: readonly string[], word: string, group: Group): Failure {
  const near = closest(word, Object.keys(group.children));
  const hint =
    near === undefined ? helpHint(program, names) : `Did you mean "${[...names, near].join(" ")}"?`;
  return wrong(`Unknown command "${[...names, word].join(" ")}"`, hint);
}

type Description = Pick<Found, "name" | "command" | "parent">;

function describeVerb(program: string, names: readonly string[], verb: Verb): Description {
  const args: ArgsDef = {};
  for (const { name, description, required } of verb.words) {
    args[name] = { type: "positional", description, required };
  }
  for (const [name, flag] of Object.entries(verb.flags)) {
    if (flag.later !== undefined) continue;
    const repeatable = flag.kind === "list" ? " (repeatable)" : "";
    const common = {
      description: `${flag.description}${repeatable}`,
      required: flag.required === true,
      ...(flag.short === undefined ? {} : { alias: flag.short }),
    };
    args[name] =
      flag.kind === "switch"
        ? { type: "boolean", ...common }
        : { type: "string", valueHint: flag.value ?? "value", ...common };
  }
  return describe(program, names, { summary: verb.summary, args });
}

function describeGroup(program: string, names: readonly string[], group: Group): Description {
  const subCommands: Record<string, CommandDef> = {};
  for (const [name, entry] of Object.entries(group.children)) {
    const summary = entry.kind === "group" ? entry.group.summary : entry.summary;
    subCommands[name] = defineCommand({ meta: { description: summary } });
  }
  return describe(program, names, { summary: group.summary, subCommands });
}

/** citty puts the name of the parent before the command's own. */
function describe(
  program: string,
  names: readonly string[],
  parts: {
    readonly summary: string;
    readonly args?: ArgsDef;
    readonly subCommands?: Record<string, CommandDef>;
  },
): Description {
  const path = [program, ...names];
  return {
    name: names.join(" "),
    command: {
      meta: { name: path.at(-1) ?? program, description: parts.summary },
      ...(parts.args === undefined ? {} : { args: parts.args }),
      ...(parts.subCommands === undefined ? {} : { subCommands: parts.subCommands }),
    },
    parent: path.length > 1 ? { meta: { name: path.slice(0, -1).join(" ") } } : {},
  };
}
