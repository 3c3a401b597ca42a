/**
 * oven-sh/bun#33660: Bun.serve keeps the end of a response head back until the first byte of a streamed body, so a
 * browser would not open an event stream before its first event. Nothing can be done about other answers.
 */

/** A comment, which readers of event streams skip. */
const EVENT_STREAM_COMMENT: Uint8Array = Buffer.from(":\n");

/** What to send at once so that the head of a silent answer leaves; undefined if nothing harmless exists. */
export function silentOpening(headers: Headers): Uint8Array | undefined {
  const isPlainEvents =
    headers.get("content-type")?.toLowerCase().startsWith("text/event-stream") === true &&
    !headers.has("content-encoding");
  return isPlainEvents ? EVENT_STREAM_COMMENT : undefined;
}
