/** The files of routes.d: written whole or not at all, taken away so that they can be put back. */

import { linkSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { type FileReader, systemFiles } from "../config/read-file.ts";
import { err, ok, type Result } from "../lib/result.ts";
import { type Failure, failed, wrong } from "./failure.ts";

/** Makes a finished file appear, never over another one. */
export function createRouteFile(path: string, text: string): Result<void, Failure> {
  // The dot keeps a reload from reading it half written.
  const draft = join(dirname(path), `.${basename(path)}.${process.pid}`);
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    writeFileSync(draft, text, { mode: 0o600, flush: true });
    linkSync(draft, path);
    return ok(undefined);
  } catch (error) {
    if (codeOf(error) === "EEXIST") {
      return err(
        wrong(`Cannot add the route: "${path}" has it already`, "Remove it first, or edit that file"),
      );
    }
    return err(failed(`Cannot write "${path}": ${describe(error)}`));
  } finally {
    rmSync(draft, { force: true });
  }
}

export function deleteRouteFile(path: string): void {
  rmSync(path, { force: true });
}

export interface TakenAway {
  readonly putBack: () => void;
  readonly discard: () => void;
}

export function takeAwayRouteFile(path: string): Result<TakenAway, Failure> {
  const aside = join(dirname(path), `.${basename(path)}.removed.${process.pid}`);
  try {
    renameSync(path, aside);
    return ok({ putBack: () => renameSync(aside, path), discard: () => rmSync(aside, { force: true }) });
  } catch (error) {
    return err(failed(`Cannot remove "${path}": ${describe(error)}`));
  }
}

/** The file system as it would be with one file of routes.d written (`text`) or removed (undefined). */
export function withRouteFile(path: string, text: string | undefined): FileReader {
  const folder = resolve(dirname(path));
  const name = basename(path);
  const full = join(folder, name);
  return {
    readText: (asked, maxBytes) =>
      asked === full && text !== undefined
        ? Promise.resolve(ok(text))
        : systemFiles.readText(asked, maxBytes),
    listNames: async (asked) => {
      const listed = await systemFiles.listNames(asked);
      if (!listed.ok || asked !== folder) return listed;
      const others = listed.value.filter((each) => each !== name);
      return ok(text === undefined ? others : [...others, name]);
    },
  };
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
