/**
 * oven-sh/bun#33660: Bun.serve keeps the end of a response head back until the first byte of a streamed body, so a
 * browser would not open an event stream before its first event. Nothing can be done about other answers.
 */

/** A comment, which readers of event streams skip. */
const EVENT_STREAM_COMMENT: Uint8Array = Buffer.from(":\n");

/** What to send at once so that the head of a silent answer leaves; undefined if nothing harmless exists. */
export function silentOpening(headers: readonly string[]): Uint8Array | undefined {
  let isEvents = false;
  for (let i = 0; i < headers.length; i += 2) {
    const name = (headers[i] as string).toLowerCase();
    if (name === "content-encoding") return undefined;
    if (name === "content-type")
      isEvents = (headers[i + 1] as string).toLowerCase().startsWith("text/event-stream");
  }
  return isEvents ? EVENT_STREAM_COMMENT : undefined;
}
