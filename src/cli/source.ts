/** What a proxy is started from: a file, or flags alone. */

import { existsSync } from "node:fs";
import { resolve } from "node:path";
import type { Flags, ProxyFlags } from "../config/flags.ts";
import { err, ok, type Result } from "../lib/result.ts";
import { type Failure, wrong } from "./failure.ts";
import { defaultConfigPath } from "./home.ts";

export type Source =
  | { readonly kind: "file"; readonly path: string; readonly flags: Flags }
  | { readonly kind: "flags"; readonly flags: ProxyFlags };

/** Shown in place of a path. */
export const COMMAND_LINE = "command line";

export interface SourceFlags {
  readonly config: string | undefined;
  readonly listen: readonly string[];
  readonly target: readonly string[];
  readonly workers: string | undefined;
}

interface Place {
  readonly home: string;
  readonly cwd: string;
}

export function chooseSource(
  given: SourceFlags,
  { home, cwd }: Place,
  exists: (path: string) => boolean = existsSync,
): Result<Source, Failure> {
  const flags: Flags = {
    ...(given.listen.length === 0 ? {} : { listen: given.listen }),
    ...(given.workers === undefined ? {} : { workers: given.workers }),
  };
  if (given.target.length > 0) {
    if (given.config === undefined) return ok({ kind: "flags", flags: { ...flags, target: given.target } });
    return err(wrong("--config and --target exclude each other", "Write the target into the file"));
  }
  // Absolute, because the file is read again at every reload, whatever folder that is asked from.
  const path = resolve(cwd, given.config ?? defaultConfigPath(home));
  if (given.config === undefined && !exists(path)) return err(nothingToStart(path));
  return ok({ kind: "file", path, flags });
}

function nothingToStart(path: string): Failure {
  return wrong(
    `Cannot start: there is no configuration file "${path}" and no --target`,
    "Write that file (or name another with --config), or start without one: " +
      "ophid proxy start --listen :8080 --target localhost:3000",
  );
}
