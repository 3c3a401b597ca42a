/** Configuration to snapshot, for everything that needs one: start and reload, validate, explain, route. */

import type { Diagnostic } from "../config/diagnostic.ts";
import { configFromFlags, loadConfig } from "../config/load.ts";
import type { Config } from "../config/parse.ts";
import type { FileReader } from "../config/read-file.ts";
import { formatDiagnostics } from "../config/report.ts";
import { ok, type Result } from "../lib/result.ts";
import { compile } from "../snapshot/compile.ts";
import type { ConfigLoader } from "../master/config-source.ts";
import { EXIT, type Failure } from "./failure.ts";
import { logDefaults } from "./home.ts";
import { readMachine, resolveWorkers } from "./machine.ts";
import type { Source } from "./source.ts";
import type { CliContext } from "./verb.ts";

type Place = Pick<CliContext, "home" | "env">;

export function loadFrom(source: Source, { home, env }: Place): Promise<Result<Config, Diagnostic[]>> {
  const defaults = logDefaults(home);
  if (source.kind === "flags") return Promise.resolve(configFromFlags(source.flags, defaults));
  return loadConfig({ path: source.path, env, defaults, flags: source.flags });
}

export function loadFile(
  path: string,
  { home, env }: Place,
  files?: FileReader,
): Promise<Result<Config, Diagnostic[]>> {
  return loadConfig({ path, env, defaults: logDefaults(home), ...(files === undefined ? {} : { files }) });
}

/** `first` is what was read already; every later call reads anew. */
export function createLoader(
  source: Source,
  place: Place,
  first: Config,
  onLoaded: (config: Config) => Result<void, string>,
): ConfigLoader {
  let unused: Config | undefined = first;
  return async () => {
    const loaded = unused === undefined ? await loadFrom(source, place) : ok(unused);
    unused = undefined;
    if (!loaded.ok) return { ok: false, error: formatDiagnostics(loaded.error, { color: false }) };
    const config = loaded.value;
    const noted = onLoaded(config);
    if (!noted.ok) return noted;
    return ok({
      snapshot: compile(config),
      workers: resolveWorkers(config.general.workers, readMachine()),
    });
  };
}

/** The failure of a command that could not use a configuration. */
export function describeDiagnostics(
  diagnostics: readonly Diagnostic[],
  action: string,
  color: boolean,
): Failure {
  const count = diagnostics.length;
  return {
    exitCode: EXIT.wrong,
    message: `Cannot ${action}: ${count} error${count === 1 ? "" : "s"} in the configuration`,
    details: formatDiagnostics(diagnostics, { color }),
  };
}
