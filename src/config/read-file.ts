/** Reading of configuration files with limits: the file system as the loader sees it. */

import { constants } from "node:fs";
import { type FileHandle, open, readdir } from "node:fs/promises";
import { err, ok, type Result } from "../lib/result.ts";

/** Failures are clauses that complete "Cannot read …: ". */
export interface FileReader {
  readonly readText: (path: string, maxBytes: number) => Promise<Result<string, string>>;
  /** Names of the entries of a folder; a folder that does not exist has none. */
  readonly listNames: (folder: string) => Promise<Result<readonly string[], string>>;
}

const MIN_BUFFER_BYTES = 4096;

export const systemFiles: FileReader = { readText, listNames };

async function readText(path: string, maxBytes: number): Promise<Result<string, string>> {
  try {
    // Without O_NONBLOCK, opening a named pipe waits for a writer that may never come.
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const stats = await file.stat();
      if (!stats.isFile()) return err("it is not a regular file");
      const bytes = await readBytes(file, Math.min(stats.size, maxBytes) + 1, maxBytes);
      return bytes === undefined ? err(`the file is larger than ${maxBytes} bytes`) : decode(bytes);
    } finally {
      await file.close();
    }
  } catch (error) {
    return err(describe(error));
  }
}

/** Undefined if there is more than the limit. The size is a guess: files in /proc have none and others grow. */
async function readBytes(
  file: FileHandle,
  sizeGuess: number,
  maxBytes: number,
): Promise<Uint8Array | undefined> {
  let bytes = new Uint8Array(Math.max(sizeGuess, MIN_BUFFER_BYTES));
  let length = 0;
  while (length <= maxBytes) {
    if (length === bytes.length) {
      const larger = new Uint8Array(bytes.length * 2);
      larger.set(bytes);
      bytes = larger;
    }
    const { bytesRead } = await file.read(bytes, length, bytes.length - length, null);
    if (bytesRead === 0) return bytes.subarray(0, length);
    length += bytesRead;
  }
  return undefined;
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
