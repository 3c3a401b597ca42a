/** An access log as it grows: whether every request got its line is part of what is measured. */

import { closeSync, existsSync, openSync, readSync, truncateSync } from "node:fs";

const NEWLINE = 0x0a;
const CHUNK_BYTES = 1024 * 1024;

export interface LogCursor {
  readonly path: string;
  offset: number;
  lines: number;
}

/** All proxies open their log for appending, so it can be emptied under them: a run writes tens of megabytes. */
export function emptyLog(path: string): LogCursor {
  if (existsSync(path)) truncateSync(path, 0);
  return { path, offset: 0, lines: 0 };
}

/** Counts the lines that came since the last call. */
export function countLines(cursor: LogCursor): number {
  if (!existsSync(cursor.path)) return 0;
  const file = openSync(cursor.path, "r");
  try {
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
    for (;;) {
      const size = readSync(file, chunk, 0, CHUNK_BYTES, cursor.offset);
      if (size === 0) return cursor.lines;
      cursor.offset += size;
      for (let at = chunk.indexOf(NEWLINE); at >= 0 && at < size; at = chunk.indexOf(NEWLINE, at + 1)) {
        cursor.lines += 1;
      }
    }
  } finally {
    closeSync(file);
  }
}
