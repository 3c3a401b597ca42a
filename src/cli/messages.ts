/** Messages of a running proxy: on the terminal it was started from, and in the error log of its configuration. */

import { err, ok, type Result } from "../lib/result.ts";
import type { Logger } from "../lib/logger.ts";
import { createLogger, type Logger as FileLogger } from "../observe/logger.ts";

export interface Messages extends Logger {
  /** "stderr" or the absolute path of an error log; nothing changes if it cannot be opened. */
  readonly direct: (target: string) => Result<void, string>;
  readonly reopen: () => void;
  readonly close: () => Promise<void>;
}

interface State {
  readonly stderr: FileLogger;
  target: string;
  file: FileLogger | undefined;
}

export interface MessageOptions {
  /** Keeps standard error beside a file: what a person or a service manager looks at first. */
  readonly alsoStderr: boolean;
  /**
   * Gives every line of a message an entry of its own instead of escaping the line ends. Caller must be sure that no
   * message holds text of a request, which could forge entries.
   */
  readonly splitLines: boolean;
}

export function createMessages({ alsoStderr, splitLines }: MessageOptions): Messages {
  const stderr = createLogger({ level: "info", target: "stderr" });
  if (!stderr.ok) throw new Error(stderr.error);
  const state: State = { stderr: stderr.value, target: "stderr", file: undefined };
  const write = (level: "info" | "warn" | "error") => (message: string) => {
    const entries = splitLines ? message.trimEnd().split("\n") : [message];
    for (const entry of entries) {
      if (state.file === undefined || alsoStderr) state.stderr[level](entry);
      state.file?.[level](entry);
    }
  };
  return {
    info: write("info"),
    warn: write("warn"),
    error: write("error"),
    direct: (target) => direct(state, target),
    reopen: () => void state.file?.reopen(),
    close: async () => {
      await state.file?.close();
      await state.stderr.close();
    },
  };
}

function direct(state: State, target: string): Result<void, string> {
  if (target === state.target) return ok(undefined);
  const opened = target === "stderr" ? undefined : createLogger({ level: "info", target });
  if (opened !== undefined && !opened.ok) return err(opened.error);
  const earlier = state.file;
  state.file = opened?.value;
  state.target = target;
  void earlier?.close();
  return ok(undefined);
}
