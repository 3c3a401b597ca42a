/** Messages of the control plane for people, through consola: one line each, on stderr or in the error log. */

import * as fs from "node:fs";
import { createConsola } from "consola/core";
import { ok, type Result } from "../lib/result.ts";
import { escapeText } from "./escape.ts";
import { createSink, type Sink } from "./sink.ts";
import { isStream } from "./target.ts";

export type LogLevel = "error" | "warn" | "info" | "debug";

export interface LoggerOptions {
  /** The least important level that is still written. */
  readonly level: LogLevel;
  /** "stderr" or the absolute path of the error log. */
  readonly target: string;
}

export interface Logger {
  readonly error: (message: string) => void;
  readonly warn: (message: string) => void;
  readonly info: (message: string) => void;
  readonly debug: (message: string) => void;
  readonly flush: () => Promise<void>;
  /** Opens the error log anew after a rotation. */
  readonly reopen: () => Promise<void>;
  readonly close: () => Promise<void>;
}

/** A message should be seen at once; this only gathers what one moment produces. */
const LOGGER_FLUSH_MS = 10;

const CONSOLA_LEVELS = { error: 0, warn: 1, info: 3, debug: 4 } as const satisfies Record<LogLevel, number>;

const LABELS = { error: "ERROR", warn: "WARN ", info: "INFO ", debug: "DEBUG" } as const satisfies Record<
  LogLevel,
  string
>;

const COLOURS = { error: 31, warn: 33, info: 36, debug: 90 } as const satisfies Record<LogLevel, number>;

/**
 * Consola filters by level and folds repeats: of the same message within a second, five are written and the
 * rest becomes one line with "(repeated N times)". Writing goes through a sink, so a full disk or a stuck
 * terminal never blocks or throws.
 */
export function createLogger(options: LoggerOptions): Result<Logger, string> {
  const opened = createSink({ path: options.target, report: reportToStderr, flushMs: LOGGER_FLUSH_MS });
  if (!opened.ok) return opened;
  const sink = opened.value;
  const colours = isStream(options.target) && wantsColours();
  const consola = createConsola({
    level: CONSOLA_LEVELS[options.level],
    reporters: [
      {
        log: ({ type, args, date }) =>
          sink.write(formatMessage(toLevel(type), args.join(" "), date, colours)),
      },
    ],
  });
  return ok({
    error: (message) => consola.error(message),
    warn: (message) => consola.warn(message),
    info: (message) => consola.info(message),
    debug: (message) => consola.debug(message),
    ...lifecycleOf(sink),
  });
}

/** `2026-11-22T23:55:56.123Z INFO  message`; control characters in the message are escaped. */
export function formatMessage(level: LogLevel, message: string, date: Date, colours: boolean): string {
  const time = date.toISOString();
  const text = escapeText(message);
  if (!colours) return `${time} ${LABELS[level]} ${text}\n`;
  return `\x1b[90m${time}\x1b[0m \x1b[${COLOURS[level]}m${LABELS[level]}\x1b[0m ${text}\n`;
}

function lifecycleOf(sink: Sink): Pick<Logger, "flush" | "reopen" | "close"> {
  return { flush: sink.flush, reopen: sink.reopen, close: sink.close };
}

/** NO_COLOR counts when it is set and not empty (no-color.org). */
function wantsColours(): boolean {
  return process.stderr.isTTY === true && (process.env["NO_COLOR"] ?? "") === "";
}

function toLevel(type: string): LogLevel {
  return Object.hasOwn(LABELS, type) ? (type as LogLevel) : "info";
}

/** The last resort when the error log itself cannot be written. */
function reportToStderr(message: string): void {
  try {
    fs.writeSync(2, formatMessage("error", message, new Date(), false));
  } catch {
    // Nothing is left to tell it to.
  }
}
