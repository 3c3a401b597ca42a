/** Writes a request head in one call, through one buffer for the whole process. */

import { type Connection, writeBytes } from "./connection.ts";

/** Heads above this take a buffer of their own; the front bounds them far below. */
const SCRATCH_BYTES = 64 * 1024;
const scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES);

/** `head` holds one character a byte. A string would be written as UTF-8 and change bytes above 127. */
export function sendHead(connection: Connection, head: string): void {
  if (head.length > SCRATCH_BYTES) {
    writeBytes(connection, Buffer.from(head, "latin1"));
    return;
  }
  const length = scratch.write(head, 0, "latin1");
  // What the kernel does not take is copied by writeBytes, so the buffer is free again.
  writeBytes(connection, scratch.subarray(0, length));
}
