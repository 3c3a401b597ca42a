/**
 * Log lines on their way to a batch, as bytes from the first moment: kept as strings, hundreds of lines and the
 * pieces they were made of would outlive many collections.
 */

const PAGE_BYTES = 64 * 1024;
/** Of one UTF-16 code unit. */
const UTF8_BYTES_MAX = 3;

export interface Pages {
  full: Uint8Array[];
  current: Buffer | undefined;
  currentBytes: number;
  lines: number;
  bytes: number;
}

export function createPages(): Pages {
  return { full: [], current: undefined, currentBytes: 0, lines: 0, bytes: 0 };
}

export function appendLine(pages: Pages, line: string): void {
  const bytesMax = line.length * UTF8_BYTES_MAX;
  if (pages.current === undefined || pages.current.length - pages.currentBytes < bytesMax) {
    finishPage(pages);
    pages.current = Buffer.allocUnsafeSlow(Math.max(PAGE_BYTES, bytesMax));
  }
  const written = pages.current.write(line, pages.currentBytes, "utf8");
  pages.currentBytes += written;
  pages.bytes += written;
  pages.lines += 1;
}

/** Everything so far in one piece; the pages are empty afterwards. */
export function takePages(pages: Pages): Uint8Array {
  finishPage(pages);
  const [first, ...others] = pages.full;
  const bytes = first === undefined || others.length > 0 ? Buffer.concat(pages.full) : first;
  pages.full = [];
  pages.lines = 0;
  pages.bytes = 0;
  return bytes;
}

function finishPage(pages: Pages): void {
  if (pages.current !== undefined && pages.currentBytes > 0) {
    pages.full.push(pages.current.subarray(0, pages.currentBytes));
  }
  pages.current = undefined;
  pages.currentBytes = 0;
}
