/** The shared file: created whole and private, removed at exit, swept up after masters that were killed. */

import { closeSync, existsSync, lstatSync, openSync, readdirSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { err, ok, type Result } from "../lib/result.ts";
import { identifyProcess, isStillRunning, pidNamespace } from "../runtime/process-identity.ts";
import {
  fileBytes,
  HEADER_CELLS,
  HEADER_MAGIC,
  HEADER_ROWS,
  HEADER_VERSION,
  LAYOUT_VERSION,
  MAGIC,
} from "./layout.ts";

/** Memory-backed, so that counting never waits for a disk. */
const SHARED_MEMORY_DIR = "/dev/shm";
const WRITE_CHUNK_BYTES = 1 << 20;
const NAME = /^ophid-(\d+)-([A-Za-z0-9]+)-(\d+)-(\d*)-[0-9a-f]+$/;

/** Creates the file in /dev/shm, or in `fallbackDir` where that is missing, full or closed to us. */
export function createCellFile(
  fallbackDir: string,
  rows: number,
  preferredDir: string = SHARED_MEMORY_DIR,
): Result<string, string> {
  const directories = existsSync(preferredDir) ? [preferredDir, fallbackDir] : [fallbackDir];
  const reasons: string[] = [];
  for (const directory of directories) {
    const path = join(directory, cellFileName());
    try {
      removeStaleCellFiles(directory);
      writeZeros(path, rows);
      return ok(path);
    } catch (error) {
      removeIfPossible(path);
      reasons.push(`"${directory}": ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  const mebibytes = Math.ceil(fileBytes(rows) / 2 ** 20);
  return err(`Cannot create shared memory (${mebibytes} MiB needed) in ${reasons.join("; nor in ")}`);
}

/** In a folder that is read-only even the removal of what is not there fails. */
function removeIfPossible(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // Then nothing was written either.
  }
}

export function removeCellFile(path: string): void {
  rmSync(path, { force: true });
}

/** Real zeros, never a sparse file: a page that does not fit into a full tmpfs kills its toucher with SIGBUS. */
function writeZeros(path: string, rows: number): void {
  const header = new Int32Array(HEADER_CELLS);
  header[HEADER_MAGIC] = MAGIC;
  header[HEADER_VERSION] = LAYOUT_VERSION;
  header[HEADER_ROWS] = rows;
  const zeros = new Uint8Array(WRITE_CHUNK_BYTES);
  const fd = openSync(path, "wx", 0o600);
  try {
    writeFully(fd, new Uint8Array(header.buffer));
    let left = fileBytes(rows) - header.byteLength;
    while (left > 0) {
      const part = zeros.subarray(0, Math.min(left, zeros.byteLength));
      writeFully(fd, part);
      left -= part.byteLength;
    }
  } finally {
    closeSync(fd);
  }
}

function writeFully(fd: number, bytes: Uint8Array): void {
  let written = 0;
  while (written < bytes.byteLength) written += writeSync(fd, bytes, written, bytes.byteLength - written);
}

/** User, pid namespace, pid, start time: enough to tell later, from outside, that its owner is gone. */
function cellFileName(): string {
  const { pid, startTime } = identifyProcess(process.pid);
  const random = Buffer.from(crypto.getRandomValues(new Uint8Array(6))).toString("hex");
  return `ophid-${userId()}-${pidNamespace()}-${pid}-${startTime}-${random}`;
}

function removeStaleCellFiles(directory: string): void {
  for (const name of readdirSync(directory)) {
    const match = NAME.exec(name);
    if (match === null) continue;
    const [, user, namespace, pid, startTime] = match;
    if (user !== String(userId()) || namespace !== pidNamespace()) continue;
    if (isStillRunning({ pid: Number(pid), startTime: startTime ?? "" })) continue;
    const path = join(directory, name);
    // Workers that still drain keep their mapping: removing the name takes nothing away from them.
    if (lstatSync(path, { throwIfNoEntry: false })?.isFile()) rmSync(path, { force: true });
  }
}

function userId(): number {
  return process.getuid?.() ?? 0;
}
