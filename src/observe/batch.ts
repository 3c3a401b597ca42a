/** A run of whole log lines on its way into a file, written so that lines of several processes never mix. */

import * as fs from "node:fs";
import { errorCode, type Target } from "./target.ts";

export interface Batch {
  readonly bytes: Uint8Array;
  /** Bytes already written. */
  offset: number;
  /** Set while another thread has it. */
  inFlight: InFlight | undefined;
}

interface InFlight {
  /** Position of the descriptor before the write; undefined where the system does not tell. */
  readonly positionBefore: string | undefined;
}

const NEWLINE = 0x0a;
/** When a full pipe delays the exit of a process. */
const EXIT_RETRIES = 5;
const EXIT_RETRY_MS = 20;
/** Longest wait at the exit for a write on another thread. */
const EXIT_WAIT_MS = 500;
const EXIT_POLL_MS = 2;
/** The same where its end cannot be seen. */
const EXIT_BLIND_WAIT_MS = 50;

export function createBatch(bytes: Uint8Array): Batch {
  return { bytes, offset: 0, inFlight: undefined };
}

export function linesLeft(batch: Batch): number {
  let count = 0;
  let at = batch.bytes.indexOf(NEWLINE, batch.offset);
  while (at >= 0) {
    count++;
    at = batch.bytes.indexOf(NEWLINE, at + 1);
  }
  return count;
}

/** Moves on to the next whole line; false if the batch stands at the beginning of one. */
export function skipTornLine(batch: Batch): boolean {
  if (batch.offset === 0 || batch.bytes[batch.offset - 1] === NEWLINE) return false;
  const end = batch.bytes.indexOf(NEWLINE, batch.offset);
  batch.offset = end < 0 ? batch.bytes.length : end + 1;
  return true;
}

/** One system call; the result is the name of the error, or undefined after progress. */
export function writeSome(target: Target, batch: Batch): Promise<string | undefined> | string | undefined {
  if (target.nonblocking) return writeSomeSync(target, batch);
  const length = lengthOfWrite(target, batch);
  return new Promise((resolve) => {
    batch.inFlight = { positionBefore: positionOf(target) };
    fs.write(target.fd, batch.bytes, batch.offset, length, null, (error, written) => {
      batch.inFlight = undefined;
      // The callback gets undefined instead of null in some versions of the runtime.
      resolve(error ? errorCode(error) : advance(batch, written, length));
    });
  });
}

/**
 * Waits, without the event loop, for the write another thread is at. A process that exits at once loses it
 * (measured: nothing of it was in the file); the descriptor's position moves when it is done.
 */
export function waitForWriteSync(target: Target, { positionBefore }: InFlight): void {
  if (positionBefore === undefined) {
    Bun.sleepSync(EXIT_BLIND_WAIT_MS);
    return;
  }
  const deadline = performance.now() + EXIT_WAIT_MS;
  while (positionOf(target) === positionBefore && performance.now() < deadline) Bun.sleepSync(EXIT_POLL_MS);
}

/** Linux only; 17 µs, once a batch. */
function positionOf(target: Target): string | undefined {
  try {
    return /^pos:\t(\d+)/.exec(fs.readFileSync(`/proc/self/fdinfo/${target.fd}`, "latin1"))?.[1];
  } catch {
    return undefined;
  }
}

/** For the exit of a process: waits a little for a full pipe, gives up on any other error. */
export function writeAllSync(target: Target, batch: Batch): void {
  for (let retries = 0; batch.offset < batch.bytes.length; ) {
    const failure = writeSomeSync(target, batch);
    if (failure === undefined) continue;
    if (failure !== "EAGAIN" || retries++ === EXIT_RETRIES) return;
    Bun.sleepSync(EXIT_RETRY_MS);
  }
}

function writeSomeSync(target: Target, batch: Batch): string | undefined {
  const length = lengthOfWrite(target, batch);
  try {
    return advance(batch, fs.writeSync(target.fd, batch.bytes, batch.offset, length), length);
  } catch (error) {
    return errorCode(error);
  }
}

/** A write that takes nothing and reports no error must not be repeated for ever. */
function advance(batch: Batch, written: number, length: number): string | undefined {
  batch.offset += written;
  return written === 0 && length > 0 ? "EIO" : undefined;
}

/** As many whole lines as one uncuttable write takes; a line longer than that goes alone. */
function lengthOfWrite(target: Target, batch: Batch): number {
  const { bytes, offset } = batch;
  if (bytes.length - offset <= target.maxWriteBytes) return bytes.length - offset;
  const lastNewline = bytes.lastIndexOf(NEWLINE, offset + target.maxWriteBytes - 1);
  const end = lastNewline >= offset ? lastNewline : bytes.indexOf(NEWLINE, offset);
  return (end < 0 ? bytes.length : end + 1) - offset;
}
