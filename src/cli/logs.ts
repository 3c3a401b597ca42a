/** `ophid proxy logs`: the end of the access log, filtered, and what is added to it. */

import { existsSync } from "node:fs";
import { err, ok, type Result } from "../lib/result.ts";
import { formatForPeople, type LogFilter, parseLogFilter } from "../observe/log-filter.ts";
import { DEFAULT_LINES, LogReadError, MAX_LINES, readLog } from "../observe/log-reader.ts";
import { ask } from "./admin.ts";
import { EXIT, type Failure, failed, wrong } from "./failure.ts";
import { defaultConfigPath, logDefaults } from "./home.ts";
import { untilInterrupted } from "./interrupt.ts";
import { describeDiagnostics, loadFile } from "./loader.ts";
import { type CliContext, defineVerb } from "./verb.ts";

export const logs = defineVerb({
  summary: "Show the access log",
  flags: {
    follow: { kind: "switch", short: "f", description: "Go on with new lines until Ctrl-C" },
    route: { kind: "value", value: "name", description: "Only requests of this route" },
    status: { kind: "value", value: "status", description: 'Only "404", "5xx" or "400-499"' },
    lines: {
      kind: "value",
      short: "n",
      value: "number",
      description: `How many of the last lines [${DEFAULT_LINES}]`,
    },
    json: { kind: "switch", description: "Print the lines as they are in the file" },
  },
  examples: ["proxy logs --follow", "proxy logs --status 5xx -n 20"],
  run: async ({ flags }, context) => {
    const { terminal } = context;
    const filter = parseLogFilter({ route: flags.route, status: flags.status });
    if (!filter.ok) return terminal.fail(wrong(filter.error));
    const lines = parseLines(flags.lines);
    if (!lines.ok) return terminal.fail(lines.error);
    const path = await findAccessLog(context);
    if (!path.ok) return terminal.fail(path.error);
    return await show(context, {
      path: path.value,
      follow: flags.follow,
      lines: lines.value,
      filter: filter.value,
      isJson: flags.json,
    });
  },
});

interface Wanted {
  readonly path: string;
  readonly follow: boolean;
  readonly lines: number;
  readonly filter: LogFilter;
  readonly isJson: boolean;
}

async function show({ terminal }: CliContext, wanted: Wanted): Promise<number> {
  const end = untilInterrupted(terminal.closed);
  try {
    for await (const line of readLog({ ...wanted, signal: end.signal })) {
      if (end.signal.aborted) break;
      terminal.print(wanted.isJson ? line : formatForPeople(line, terminal.color));
      // A slow reader slows the reading: nothing piles up here.
      await terminal.drained();
    }
    return EXIT.done;
  } catch (error) {
    if (error instanceof LogReadError) return terminal.fail(failed(error.message));
    throw error;
  } finally {
    end.release();
  }
}

export function parseLines(text: string | undefined): Result<number, Failure> {
  if (text === undefined) return ok(DEFAULT_LINES);
  const lines = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (lines <= MAX_LINES) return ok(lines);
  return err(wrong(`Cannot read --lines "${text}"`, `Write a whole number from 0 to ${MAX_LINES}`));
}

/** The running proxy knows best; without one, the configuration file; without that, the default. */
async function findAccessLog(context: CliContext): Promise<Result<string, Failure>> {
  const { home } = context;
  const reply = await ask(home, { method: "GET", path: "/config" });
  if (reply.ok) {
    const log = reply.value.body["log"] as { readonly access?: unknown } | undefined;
    return toFile(typeof log?.access === "string" ? log.access : "");
  }
  if (reply.error.exitCode !== EXIT.notRunning) return reply;
  const path = defaultConfigPath(home);
  const { access_log } = logDefaults(home);
  // A proxy that was started with --target leaves its log in the default place.
  if (existsSync(path)) return await readAccessLog(path, context);
  return existsSync(access_log) ? ok(access_log) : reply;
}

async function readAccessLog(path: string, context: CliContext): Promise<Result<string, Failure>> {
  const config = await loadFile(path, context);
  if (!config.ok)
    return err(describeDiagnostics(config.error, "find the access log", context.terminal.errorColor));
  return toFile(config.value.general.access_log);
}

function toFile(target: string): Result<string, Failure> {
  if (target === "" || target === "off") {
    return err(failed("Cannot show the access log: it is off", "Set general.access_log to a path"));
  }
  if (target !== "stdout") return ok(target);
  return err(failed("Cannot show the access log: it goes to the standard output of the proxy"));
}
