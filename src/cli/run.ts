/** From the words of a command line to an exit code. */

import { findCommand, helpHint, isHelp, renderHelp, runVerb } from "./command.ts";
import { commands } from "./commands.ts";
import { EXIT, wrong } from "./failure.ts";
import { resolveHome } from "./home.ts";
import { createTerminal, type Terminal } from "./terminal.ts";

const PROGRAM = "ophid";

export interface CliInput {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
}

/** Resolves when everything printed has left the process, so that it may end. */
export async function runCli(input: CliInput): Promise<number> {
  const terminal = createTerminal(input, input.env);
  const args = expandShortcuts(input.args);
  let exitCode: number;
  try {
    exitCode = await dispatch(args, terminal, input);
  } catch (error) {
    exitCode = reportBug(error, terminal, args);
  }
  await terminal.drained();
  return exitCode;
}

async function dispatch(
  args: readonly string[],
  terminal: Terminal,
  { env, cwd }: Pick<CliInput, "env" | "cwd">,
): Promise<number> {
  const found = await findCommand(PROGRAM, commands, args);
  if (!found.ok) return terminal.fail(found.error);
  const { verb, args: rest, name } = found.value;
  if (beforeTerminator(rest).some(isHelp)) {
    terminal.print(await renderHelp(found.value, PROGRAM, terminal.color));
    return EXIT.done;
  }
  if (verb === undefined) {
    terminal.warn(await renderHelp(found.value, PROGRAM, terminal.errorColor));
    const names = name === "" ? [] : name.split(" ");
    return terminal.fail(wrong("A command is missing", helpHint(PROGRAM, names)));
  }
  return await runVerb(verb, rest, { terminal, env, cwd, home: resolveHome(env, cwd) });
}

/** What people try first. */
function expandShortcuts(args: readonly string[]): readonly string[] {
  const [first, ...rest] = args;
  if (first === "--version" || first === "-v") return ["version", ...rest];
  return first === "help" ? [...rest, "--help"] : args;
}

function beforeTerminator(args: readonly string[]): readonly string[] {
  const end = args.indexOf("--");
  return end < 0 ? args : args.slice(0, end);
}

/** Expected failures never get here: this is a mistake in ophid itself. */
function reportBug(error: unknown, terminal: Terminal, args: readonly string[]): number {
  const isDebug = args.includes("--debug");
  return terminal.fail({
    exitCode: EXIT.failed,
    message: `Unexpected error: ${error instanceof Error ? error.message : String(error)}`,
    hint: isDebug ? undefined : "Run it again with --debug for the stack trace",
    details: isDebug && error instanceof Error ? error.stack : undefined,
  });
}
