/** Serves the admin API on its unix socket, closed to everybody but the owner. */

import { rmSync } from "node:fs";
import { err, ok, type Result } from "../lib/result.ts";
import { removeStaleSocket } from "../runtime/unix-socket.ts";
import { MAX_ADMIN_BODY_BYTES } from "./admin.ts";

/** Longer than a reload may take, waiting behind another one included. */
const ANSWER_TIMEOUT_S = 120;
/** Only the owner may connect; set before the socket exists, so that it is never open to others. */
const PRIVATE_UMASK = 0o177;

export interface AdminServer {
  /** Finishes what is being answered, for a moment, then closes. */
  close(): Promise<void>;
}

const CLOSE_TIMEOUT_MS = 500;

export async function serveAdmin(
  path: string,
  fetch: (request: Request) => Response | Promise<Response>,
): Promise<Result<AdminServer, string>> {
  const state = await removeStaleSocket(path);
  if (state === "answering") return err(`Cannot start: another process answers on "${path}"`);
  if (state === "not-a-socket") return err(`Cannot start: "${path}" is in the way and is not a socket`);
  const umask = process.umask(PRIVATE_UMASK);
  try {
    const server = Bun.serve({
      unix: path,
      fetch(request, admin) {
        // The default of 10 s would cut off a slow reload; Bun's types forbid the option on unix sockets.
        admin.timeout(request, ANSWER_TIMEOUT_S);
        return fetch(request);
      },
      development: false,
      maxRequestBodySize: MAX_ADMIN_BODY_BYTES,
    });
    return ok({ close: () => closeServer(server, path) });
  } catch (error) {
    return err(
      `Cannot open the admin socket "${path}": ${error instanceof Error ? error.message : String(error)}`,
    );
  } finally {
    process.umask(umask);
  }
}

async function closeServer(server: Bun.Server<undefined>, path: string): Promise<void> {
  const timeout = Promise.withResolvers<void>();
  const timer = setTimeout(timeout.resolve, CLOSE_TIMEOUT_MS);
  await Promise.race([server.stop(), timeout.promise]);
  clearTimeout(timer);
  await server.stop(true);
  rmSync(path, { force: true });
}
