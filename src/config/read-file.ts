/** Reading of configuration files with limits: the file system as the loader sees it. */

import { constants } from "node:fs";
import { open, readdir } from "node:fs/promises";
import { err, ok, type Result } from "../lib/result.ts";

/** Failures are clauses that complete "Cannot read …: ". */
export interface FileReader {
  readonly readText: (path: string, maxBytes: number) => Promise<Result<string, string>>;
  /** Names of the entries of a folder; a folder that does not exist has none. */
  readonly listNames: (folder: string) => Promise<Result<readonly string[], string>>;
}

export const systemFiles: FileReader = { readText, listNames };

async function readText(path: string, maxBytes: number): Promise<Result<string, string>> {
  try {
    // Without O_NONBLOCK, opening a named pipe waits for a writer that may never come.
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const stats = await file.stat();
      if (!stats.isFile()) return err("it is not a regular file");
      const bytes = new Uint8Array(maxBytes + 1);
      let length = 0;
      while (length < bytes.length) {
        const { bytesRead } = await file.read(bytes, length, bytes.length - length, null);
        if (bytesRead === 0) break;
        length += bytesRead;
      }
      if (length > maxBytes) return err(`the file is larger than ${maxBytes} bytes`);
      return decode(bytes.subarray(0, length));
    } finally {
      await file.close();
    }
  } catch (error) {
    return err(describe(error));
  }
}

async function listNames(folder: string): Promise<Result<readonly string[], string>> {
  try {
    return ok(await readdir(folder));
  } catch (error) {
    return codeOf(error) === "ENOENT" ? ok([]) : err(describe(error));
  }
}

/** A byte order mark is dropped: the TOML parser refuses it. */
function decode(bytes: Uint8Array): Result<string, string> {
  try {
    return ok(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    return err("the file is not UTF-8 text");
  }
}

function describe(error: unknown): string {
  switch (codeOf(error)) {
    case "ENOENT":
      return "there is no such file";
    case "EACCES":
    case "EPERM":
      return "permission is denied";
    case "EISDIR":
      return "it is a folder";
    case "ENOTDIR":
      return "a part of the path is not a folder";
    default:
      return `the system says ${codeOf(error)}`;
  }
}

function codeOf(error: unknown): string {
  const code = (error as { readonly code?: unknown } | null)?.code;
  return typeof code === "string" ? code : "UNKNOWN";
}
