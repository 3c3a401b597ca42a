/** `ophid proxy stop`: orders the stop and waits until everything is gone. */

import { parseDuration } from "../lib/duration.ts";
import { stopMaster } from "../master/client.ts";
import { toFailure } from "./admin.ts";
import { EXIT, wrong } from "./failure.ts";
import { defineVerb } from "./verb.ts";

const MAX_TIMEOUT_MS = 86_400_000;

export const stop = defineVerb({
  summary: "Stop the proxy; requests under way may finish",
  flags: {
    timeout: { kind: "value", value: "duration", description: "How long they may take [timeouts.drain]" },
  },
  examples: ["proxy stop", "proxy stop --timeout 5s"],
  run: async ({ flags }, { terminal, home }) => {
    const timeoutMs = flags.timeout === undefined ? undefined : parseDuration(flags.timeout);
    if (flags.timeout !== undefined && (timeoutMs === undefined || timeoutMs > MAX_TIMEOUT_MS)) {
      return terminal.fail(
        wrong(`Cannot read --timeout "${flags.timeout}"`, 'Write "30s" or "1m30s", "24h" at most'),
      );
    }
    const stopped = await stopMaster(home, timeoutMs);
    if (!stopped.ok) return terminal.fail(toFailure(stopped.error));
    terminal.print(`Stopped ophid with pid ${stopped.value.pid}`);
    return EXIT.done;
  },
});
