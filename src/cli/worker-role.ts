/** The hidden role of a worker process: the data plane, its messages in the error log of the snapshot it runs. */

import type { CreateEngine, Engine } from "../worker/engine-types.ts";
import { createEngine } from "../worker/engine.ts";
import { runWorker } from "../worker/process.ts";
import { createMessages, type Messages } from "./messages.ts";

export async function runWorkerRole(): Promise<number> {
  const messages = createMessages({ alsoStderr: false, splitLines: false });
  const exitCode = await runWorker(withErrorLog(createEngine, messages), messages);
  await messages.close();
  return exitCode;
}

/** A snapshot names its error log, so it changes with the commit. */
function withErrorLog(create: CreateEngine, messages: Messages): CreateEngine {
  return (context) => {
    const engine: Engine = create(context);
    return {
      ...engine,
      commit(prepared) {
        engine.commit(prepared);
        const directed = messages.direct(prepared.snapshot.log.error);
        // Committed is committed: without its file, what is wrong goes to standard error.
        if (!directed.ok) messages.error(directed.error);
      },
      reopenLogs() {
        engine.reopenLogs();
        messages.reopen();
      },
    };
  };
}
