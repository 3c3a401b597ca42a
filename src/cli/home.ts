/** Where $OPHID_HOME is and what a user keeps below it. */

import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import type { LogDefaults } from "../config/parse.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** Absolute; $OPHID_HOME or ~/.ophid. */
export function resolveHome(env: Environment, cwd: string): string {
  const given = env["OPHID_HOME"] ?? "";
  return given === "" ? join(env["HOME"] || homedir(), ".ophid") : resolve(cwd, given);
}

export function defaultConfigPath(home: string): string {
  return join(home, "proxy", "config.toml");
}

export function logDefaults(home: string): LogDefaults {
  return { access_log: join(home, "log", "access.log"), error_log: join(home, "log", "error.log") };
}

/** The folder of routes that belongs to a configuration file. */
export function routesFolder(configPath: string): string {
  return join(dirname(configPath), "routes.d");
}
