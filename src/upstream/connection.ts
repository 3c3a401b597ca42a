/** One socket to an endpoint: ordered writes with backpressure, and who currently uses it. */

import type { Socket } from "bun";

/** Reads stop while more than this many bytes wait for the reader (a stalled client never grows memory). */
export const READ_BUFFER_BYTES = 256 * 1024;

export interface Connection {
  readonly endpointKey: string;
  readonly endpointName: string;
  /** Undefined until the dial has succeeded. */
  socket: Socket<Connection> | undefined;
  user: ConnectionUser | undefined;
  closed: boolean;
  paused: boolean;
  /** Bytes the kernel has not taken yet, in order. */
  readonly pending: Uint8Array[];
  pendingBytes: number;
  /** Responses completed on this connection; above 0 the connection counts as reused. */
  served: number;
  /** Monotonic time at which it became idle. */
  idleSince: number;
  /** How long it may stay idle, from our setting and the peer's Keep-Alive. */
  idleLimitMs: number;
  /** FIN follows the last queued byte. */
  endWhenFlushed: boolean;
  /** Told once when the dial ends in a TLS connection that was verified or not. */
  onSecure: ((problem: string | undefined) => void) | undefined;
}

/** Whoever the socket's events are for: an HTTP call or a tunnel. */
export interface ConnectionUser {
  readonly events: ConnectionEvents;
}

export interface ConnectionEvents {
  readonly data: (connection: Connection, chunk: Buffer) => void;
  readonly drain: (connection: Connection) => void;
  /** `clean` is true after a FIN, false after a reset or an error. */
  readonly closed: (connection: Connection, clean: boolean, detail: string, user: ConnectionUser) => void;
}

export function createConnection(endpointKey: string, endpointName: string): Connection {
  return {
    endpointKey,
    endpointName,
    socket: undefined,
    user: undefined,
    closed: false,
    paused: false,
    pending: [],
    pendingBytes: 0,
    served: 0,
    idleSince: 0,
    idleLimitMs: 0,
    endWhenFlushed: false,
    onSecure: undefined,
  };
}

/**
 * Writes `bytes`, keeping what the kernel does not take. The caller may reuse `bytes` afterwards only if
 * this returns true; false means some of it is queued (copied) and `drain` will be called.
 */
export function writeBytes(connection: Connection, bytes: Uint8Array): boolean {
  const socket = connection.socket;
  if (connection.closed || socket === undefined) return true;
  if (connection.pendingBytes > 0) {
    queueBytes(connection, bytes.slice());
    return false;
  }
  const written = socket.write(bytes);
  if (written >= bytes.length || written < 0) return true;
  queueBytes(connection, bytes.slice(written));
  return false;
}

/** Continues with queued bytes; true when all of them are gone. */
export function flushPending(connection: Connection): boolean {
  const socket = connection.socket;
  if (connection.closed || socket === undefined) return true;
  while (connection.pending.length > 0) {
    const bytes = connection.pending[0] as Uint8Array;
    const written = socket.write(bytes);
    if (written < 0) return true;
    connection.pendingBytes -= Math.min(written, bytes.length);
    if (written < bytes.length) {
      connection.pending[0] = bytes.subarray(written);
      return false;
    }
    connection.pending.shift();
  }
  return true;
}

export function pauseReading(connection: Connection): void {
  if (connection.paused || connection.closed) return;
  connection.paused = true;
  connection.socket?.pause();
}

export function resumeReading(connection: Connection): void {
  if (!connection.paused || connection.closed) return;
  connection.paused = false;
  connection.socket?.resume();
}

/** Closes at once; the user hears nothing more. */
export function destroyConnection(connection: Connection): void {
  connection.user = undefined;
  if (connection.closed) return;
  connection.closed = true;
  connection.pending.length = 0;
  connection.pendingBytes = 0;
  connection.socket?.terminate();
}

function queueBytes(connection: Connection, bytes: Uint8Array): void {
  connection.pending.push(bytes);
  connection.pendingBytes += bytes.length;
}
