/**
 * oven-sh/bun#21193: Bun.serve gives a body of bytes without a Content-Type one of its own making, which changes
 * what a browser does with it. A stream gets none; one that is closed at once and shorter than 256 bytes even keeps
 * its length.
 */

/** A response body for `bytes` that is sent without a Content-Type. */
export function toUntypedBody(bytes: Uint8Array): ReadableStream<Uint8Array> | string {
  // An empty string has no type either, and keeps the connection out of chunked coding.
  if (bytes.length === 0) return "";
  return new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(bytes);
      controller.close();
    },
  });
}
