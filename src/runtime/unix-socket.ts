/**
 * Unix sockets with Bun.serve: there is no reusePort for a path, a second bind fails and `stop()` removes the
 * path it was bound to. A socket bound beside its path and renamed onto it has none of these limits: the
 * rename is atomic, the old listener keeps the connections it has, and its `stop()` removes nothing.
 */

import { chmodSync, lstatSync, renameSync, rmSync } from "node:fs";
import { connect } from "node:net";

/** sun_path holds 108 bytes with its NUL (unix(7)); a temporary name adds a dot and a pid of up to 7 digits. */
export const MAX_UNIX_PATH_BYTES = 107 - 8;
/** Connecting needs write permission: owner and group may, others may not. */
export const UNIX_LISTENER_MODE = 0o660;

const PROBE_TIMEOUT_MS = 1_000;

export type UnixSocketState = "absent" | "stale" | "answering" | "not-a-socket";

/** Where process `pid` binds before it takes over `path`. */
export function temporarySocketPath(path: string, pid: number): string {
  return `${path}.${pid}`;
}

/** Puts a socket bound at its temporary path in place, over whatever socket was there before. */
export function publishSocket(temporaryPath: string, path: string): void {
  chmodSync(temporaryPath, UNIX_LISTENER_MODE);
  renameSync(temporaryPath, path);
}

/** Finds out who is behind a path. Anything but a refused connection counts as an owner. */
export async function probeUnixSocket(path: string): Promise<UnixSocketState> {
  try {
    if (!lstatSync(path).isSocket()) return "not-a-socket";
  } catch {
    return "absent";
  }
  return await new Promise((resolve) => {
    const socket = connect({ path });
    const timer = setTimeout(() => finish("answering"), PROBE_TIMEOUT_MS);
    const finish = (state: UnixSocketState) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(state);
    };
    socket.once("connect", () => finish("answering"));
    socket.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") finish("absent");
      else finish(error.code === "ECONNREFUSED" ? "stale" : "answering");
    });
  });
}

/** Removes a socket file nobody listens on; leaves everything else alone and says what is there. */
export async function removeStaleSocket(path: string): Promise<Exclude<UnixSocketState, "stale">> {
  const state = await probeUnixSocket(path);
  if (state !== "stale") return state;
  rmSync(path, { force: true });
  return "absent";
}
