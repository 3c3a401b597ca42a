/** A master and its workers around the test engine: `bun master-entry.ts HOME`, settings in HOME/test.json. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { err, ok, type Result } from "../../src/lib/result.ts";
import type { LoadedConfig } from "../../src/master/config-source.ts";
import { startMaster, WORKER_ROLE } from "../../src/master/master.ts";
import { runWorker } from "../../src/worker/process.ts";
import { createTestEngine } from "./test-engine.ts";
import { type TestSettings, toLoadedConfig } from "./test-settings.ts";

const log = {
  info: (message: string) => console.log(`info ${message}`),
  warn: (message: string) => console.log(`warn ${message}`),
  error: (message: string) => console.log(`error ${message}`),
};

const [role = ""] = process.argv.slice(2);
process.exit(role === WORKER_ROLE ? await runWorker(createTestEngine, log) : await runMaster(role));

async function runMaster(home: string): Promise<number> {
  const load = async (): Promise<Result<LoadedConfig, string>> => {
    const settings = JSON.parse(readFileSync(join(home, "test.json"), "utf8")) as TestSettings;
    return settings.broken === undefined ? ok(toLoadedConfig(settings)) : err(settings.broken);
  };
  const master = await startMaster({
    home,
    version: "test",
    configPath: join(home, "test.json"),
    load,
    log,
    reopenLog: () => log.info("own log reopened"),
  });
  if (!master.ok) {
    console.log(`failed ${master.error.exitCode} ${master.error.message}`);
    return master.error.exitCode;
  }
  console.log(`ready ${master.value.listeners.join(" ")}`);
  return await master.value.done;
}
