/** `ophid proxy status`: what runs, once or redrawn every second. */

import { setTimeout as delay } from "node:timers/promises";
import type { StatusReport } from "../master/status.ts";
import { askStatus } from "./admin.ts";
import { EXIT } from "./failure.ts";
import { untilInterrupted } from "./interrupt.ts";
import { formatStatus } from "./status-text.ts";
import type { Terminal } from "./terminal.ts";
import { type CliContext, defineVerb } from "./verb.ts";

const REDRAW_MS = 1_000;
/** Cursor home and clear below: no flicker, unlike clearing first. */
const HOME = "\u001b[H";
const CLEAR_LINE_END = "\u001b[K";
const CLEAR_BELOW = "\u001b[J";
const CLEAR_SCREEN = "\u001b[2J";

export const status = defineVerb({
  summary: "Show workers, listeners, routes and endpoints of the running proxy",
  flags: {
    json: { kind: "switch", description: "Print as JSON; with --watch one line every second" },
    watch: { kind: "switch", short: "w", description: "Show it anew every second until Ctrl-C" },
  },
  run: async ({ flags }, context) => {
    if (flags.watch) return await watch(context, flags.json);
    const reply = await askStatus(context.home);
    if (!reply.ok) return context.terminal.fail(reply.error);
    if (flags.json) context.terminal.printJson(reply.value);
    else context.terminal.print(formatStatus(reply.value));
    return EXIT.done;
  },
});

async function watch({ terminal, home }: CliContext, isJson: boolean): Promise<number> {
  const end = untilInterrupted(terminal.closed);
  if (terminal.isScreen && !isJson) terminal.write(CLEAR_SCREEN);
  while (!end.signal.aborted) {
    const reply = await askStatus(home);
    if (!reply.ok) return terminal.fail(reply.error);
    if (isJson) terminal.print(JSON.stringify(reply.value));
    else show(terminal, reply.value);
    await terminal.drained();
    await delay(REDRAW_MS, undefined, { signal: end.signal }).catch(() => undefined);
  }
  end.release();
  return EXIT.done;
}

function show(terminal: Terminal, report: StatusReport): void {
  const text = formatStatus(report);
  if (!terminal.isScreen) {
    terminal.print(`${text}\n`);
    return;
  }
  terminal.write(
    `${HOME}${fitScreen(text, terminal.rows).join(`${CLEAR_LINE_END}\n`)}${CLEAR_LINE_END}${CLEAR_BELOW}`,
  );
}

/** A text longer than the screen would scroll and never be redrawn in place. */
export function fitScreen(text: string, rows: number): string[] {
  const lines = text.split("\n");
  if (lines.length <= rows) return lines;
  const shown = lines.slice(0, Math.max(1, rows - 1));
  return [...shown, `… ${lines.length - shown.length} more lines`];
}
