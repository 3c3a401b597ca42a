/** Where log bytes go: an append-only file that is created when missing, or one of the standard streams. */

import * as fs from "node:fs";
import { dirname } from "node:path";
import { err, ok, type Result } from "../lib/result.ts";

export interface Target {
  readonly fd: number;
  /** False for the standard streams themselves, which are not ours to close. */
  readonly owned: boolean;
  /**
   * True if a write never waits, so it may be made on the event loop. Regular files always wait for the disk
   * and are written from another thread.
   */
  readonly nonblocking: boolean;
  /**
   * Longest write that no other process can cut in two. Regular files in append mode take a write of any size
   * whole; pipes, terminals and sockets only promise PIPE_BUF bytes (POSIX write()).
   */
  readonly maxWriteBytes: number;
}

const PIPE_BUF_BYTES = 4096;
const FILE_MODE = 0o640;
const DIRECTORY_MODE = 0o750;

const STREAMS: Readonly<Record<string, number>> = {
  stdout: 1,
  stderr: 2,
  "/dev/stdout": 1,
  "/dev/stderr": 2,
};

export function isStream(path: string): boolean {
  return Object.hasOwn(STREAMS, path);
}

/** Opens an absolute path, "stdout" or "stderr" for appending; the error is a sentence for people. */
export function openTarget(path: string): Result<Target, string> {
  try {
    const stream = Object.hasOwn(STREAMS, path) ? STREAMS[path] : undefined;
    return ok(stream === undefined ? openFile(path) : openStream(stream));
  } catch (error) {
    return err(`Cannot open log "${path}": ${errorCode(error)}`);
  }
}

export function closeTarget(target: Target): void {
  if (target.owned) fs.closeSync(target.fd);
}

/** The system's name of an error ("ENOSPC"), else its message. */
export function errorCode(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return (error as NodeJS.ErrnoException).code ?? error.message;
}

function openFile(path: string): Target {
  fs.mkdirSync(dirname(path), { recursive: true, mode: DIRECTORY_MODE });
  const { O_WRONLY, O_APPEND, O_CREAT, O_NONBLOCK } = fs.constants;
  // O_NONBLOCK: opening a named pipe nobody reads must fail, not wait. Regular files ignore it.
  const fd = fs.openSync(path, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK, FILE_MODE);
  return describe(fd, true);
}

/**
 * A pipe or terminal is opened once more, because O_NONBLOCK on the inherited descriptor would change it for
 * every process that shares it. A redirection to a regular file keeps the inherited descriptor: a second one
 * in append mode and the shell's own would overwrite each other.
 */
function openStream(fd: number): Target {
  const stat = fs.fstatSync(fd);
  if (!stat.isFIFO() && !stat.isCharacterDevice()) return { ...describe(fd, false), nonblocking: false };
  try {
    const again = fs.openSync(`/dev/fd/${fd}`, fs.constants.O_WRONLY | fs.constants.O_NONBLOCK);
    return describe(again, true);
  } catch {
    return { ...describe(fd, false), nonblocking: false };
  }
}

function describe(fd: number, owned: boolean): Target {
  const isFile = fs.fstatSync(fd).isFile();
  return {
    fd,
    owned,
    nonblocking: !isFile,
    maxWriteBytes: isFile ? Number.POSITIVE_INFINITY : PIPE_BUF_BYTES,
  };
}
