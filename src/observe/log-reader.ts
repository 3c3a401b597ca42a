/** Reads an access log for people: its last lines, then whatever is added, across rotation and truncation. */

import { type FileHandle, open, stat } from "node:fs/promises";
import { judgeLine, type LogFilter, NO_FILTER, ROUTE_NEEDS_JSON } from "./log-filter.ts";
import { errorCode } from "./target.ts";

export interface ReadLogOptions {
  readonly path: string;
  /** Keeps going with new lines until `signal` aborts. */
  readonly follow: boolean;
  /** How many of the last matching lines come first. */
  readonly lines?: number;
  readonly filter?: LogFilter;
  readonly signal?: AbortSignal;
}

/** An expected failure, its message meant for people: no such file, or a filter the format cannot answer. */
export class LogReadError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "LogReadError";
  }
}

export const DEFAULT_LINES = 100;
export const MAX_LINES = 100_000;
/** Longer lines are cut: an access line is bounded by the head limit, this is not one. */
export const MAX_LINE_BYTES = 256 * 1024;
const BLOCK_BYTES = 64 * 1024;
/** How much is searched at a time for the last matching lines, from the end backwards. */
const WINDOW_BYTES = 1024 * 1024;
const FOLLOW_POLL_MS = 200;
const NEWLINE = 0x0a;

/** Lines as they are in the file, without "\n". Throws LogReadError. */
export async function* readLog(options: ReadLogOptions): AsyncGenerator<string, void, undefined> {
  const filter = options.filter ?? NO_FILTER;
  let file = await openLog(options.path);
  try {
    const { size } = await file.stat();
    const end = options.follow ? await lineStartBefore(file, size) : size;
    yield* await readTail(file, end, Math.min(options.lines ?? DEFAULT_LINES, MAX_LINES), filter);
    if (!options.follow) return;

    let reader = createLineReader(file, end);
    for (;;) {
      yield* matching(reader.read(), filter);
      if (options.signal?.aborted === true) return;
      await pause(FOLLOW_POLL_MS, options.signal);
      if (!(await isReplaced(options.path, file))) continue;
      // Other processes may write to the old file until they reopen theirs: one more round for it.
      await pause(FOLLOW_POLL_MS, options.signal);
      yield* matching(reader.read(), filter);
      const next = await open(options.path, "r").catch(() => undefined);
      if (next === undefined) continue;
      await file.close();
      file = next;
      reader = createLineReader(file, 0);
    }
  } finally {
    await file.close();
  }
}

async function* matching(lines: AsyncIterable<string>, filter: LogFilter): AsyncGenerator<string> {
  for await (const line of lines) if (isWanted(filter, line)) yield line;
}

function isWanted(filter: LogFilter, line: string): boolean {
  const verdict = judgeLine(filter, line);
  if (verdict === "unknowable") throw new LogReadError(ROUTE_NEEDS_JSON);
  return verdict === "match";
}

/** The last `count` matching lines before `end`; searches backwards, so a large log costs only what is shown. */
async function readTail(file: FileHandle, end: number, count: number, filter: LogFilter): Promise<string[]> {
  let found: string[] = [];
  let windowEnd = end;
  while (windowEnd > 0 && found.length < count) {
    const windowStart = await lineStartBefore(file, windowEnd - WINDOW_BYTES);
    const lines: string[] = [];
    for await (const line of createLineReader(file, windowStart).read(windowEnd)) {
      const verdict = judgeLine(filter, line);
      // Older lines may be in another format than today's; only if the newest are is the filter hopeless.
      if (verdict === "unknowable" && windowEnd === end) throw new LogReadError(ROUTE_NEEDS_JSON);
      if (verdict === "match") lines.push(line);
    }
    found = [...lines, ...found].slice(-count);
    windowEnd = windowStart;
  }
  return count === 0 ? [] : found;
}

/** The start of the line that `offset` is in; `offset` itself if a line starts there. */
async function lineStartBefore(file: FileHandle, offset: number): Promise<number> {
  const block = Buffer.allocUnsafe(BLOCK_BYTES);
  let end = Math.max(0, offset);
  while (end > 0) {
    const start = Math.max(0, end - BLOCK_BYTES);
    const { bytesRead } = await file.read(block, 0, end - start, start);
    const newline = block.subarray(0, bytesRead).lastIndexOf(NEWLINE);
    if (newline >= 0) return start + newline + 1;
    end = start;
  }
  return 0;
}

interface LineReader {
  /** Whole lines up to `end` (default: as far as the file goes); with `end`, an unfinished last line counts. */
  read(end?: number): AsyncGenerator<string>;
}

/** Remembers its place and an unfinished line between reads. */
function createLineReader(file: FileHandle, start: number): LineReader {
  const block = Buffer.allocUnsafe(BLOCK_BYTES);
  let position = start;
  let begun = Buffer.alloc(0);
  let cut = false;

  const append = (bytes: Buffer): void => {
    const room = MAX_LINE_BYTES - begun.length;
    if (bytes.length > room) cut = true;
    begun = Buffer.concat([begun, bytes.subarray(0, Math.max(0, room))]);
  };
  const take = (): string => {
    const line = cut ? `${begun.toString("utf8")}[cut]` : begun.toString("utf8");
    begun = Buffer.alloc(0);
    cut = false;
    return line;
  };

  return {
    async *read(end) {
      if (end === undefined && (await file.stat()).size < position) {
        // Truncated in place (copytruncate): what is there now is new.
        position = 0;
        begun = Buffer.alloc(0);
        cut = false;
      }
      for (;;) {
        const wanted = Math.min(BLOCK_BYTES, (end ?? Number.POSITIVE_INFINITY) - position);
        const { bytesRead } = wanted > 0 ? await file.read(block, 0, wanted, position) : { bytesRead: 0 };
        if (bytesRead === 0) break;
        position += bytesRead;
        let from = 0;
        for (;;) {
          const newline = block.subarray(0, bytesRead).indexOf(NEWLINE, from);
          append(block.subarray(from, newline < 0 ? bytesRead : newline));
          if (newline < 0) break;
          yield take();
          from = newline + 1;
        }
      }
      if (end !== undefined && begun.length > 0) yield take();
    },
  };
}

async function openLog(path: string): Promise<FileHandle> {
  try {
    return await open(path, "r");
  } catch (error) {
    throw new LogReadError(`Cannot read log "${path}": ${errorCode(error)}`);
  }
}

/** False also while a rotation has left no file at the path. */
async function isReplaced(path: string, current: FileHandle): Promise<boolean> {
  const [there, ours] = await Promise.all([stat(path).catch(() => undefined), current.stat()]);
  return there !== undefined && (there.ino !== ours.ino || there.dev !== ours.dev);
}

function pause(durationMs: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, durationMs);
    if (signal?.aborted === true) done();
    else signal?.addEventListener("abort", done);
  });
}
