/**
 * Who owns a listener's address. Workers bind with reusePort, and that alone would let any other process of
 * the same user share the port and take part of the traffic: so each address is first bound without it.
 */

import { accessSync, constants, statSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { err, ok, type Result } from "../lib/result.ts";
import { MAX_UNIX_PATH_BYTES, removeStaleSocket } from "../runtime/unix-socket.ts";
import type { ListenerSpec } from "../snapshot/types.ts";

/** Workers of a master that was killed stop listening when they notice, not at the very moment. */
export const TAKE_OVER_WAIT_MS = 3_000;
const RETRY_EVERY_MS = 50;

export interface ProbeOptions {
  /** Listeners this master already owns: not probed again. */
  readonly owned: readonly ListenerSpec[];
  /** How long an address may stay busy before it counts as somebody else's. */
  readonly patienceMs: number;
}

/** Checks every new listener. The result has real ports where the configuration said 0. */
export async function claimListeners(
  listeners: readonly ListenerSpec[],
  options: ProbeOptions,
): Promise<Result<readonly ListenerSpec[], string>> {
  const owned = new Map(options.owned.map((listener) => [listener.key, listener]));
  const ownPorts = new Set(options.owned.map((listener) => (listener.kind === "tcp" ? listener.port : 0)));
  const deadline = performance.now() + options.patienceMs;
  const claimed: ListenerSpec[] = [];
  for (const listener of listeners) {
    const known = owned.get(listener.key);
    if (known !== undefined && known.kind === listener.kind) {
      claimed.push(known);
      continue;
    }
    const probe = () => (listener.kind === "tcp" ? probeTcp(listener, ownPorts) : probeUnix(listener));
    const result = await insist(probe, deadline);
    if (!result.ok) return err(result.error.message);
    claimed.push(result.value);
  }
  return ok(claimed);
}

interface Refusal {
  readonly message: string;
  readonly isBusy: boolean;
}

type Probe = Result<ListenerSpec, Refusal>;

async function insist(probe: () => Probe | Promise<Probe>, deadline: number): Promise<Probe> {
  for (;;) {
    const result = await probe();
    if (result.ok || !result.error.isBusy || performance.now() >= deadline) return result;
    await delay(RETRY_EVERY_MS);
  }
}

function probeTcp(listener: Extract<ListenerSpec, { kind: "tcp" }>, ownPorts: ReadonlySet<number>): Probe {
  const { hostname, port } = listener;
  // 0.0.0.0:80 collides with our own 127.0.0.1:80, which no bind can tell from a stranger: the workers will see.
  if (port !== 0 && ownPorts.has(port)) return ok(listener);
  try {
    const socket = Bun.listen({
      hostname,
      port,
      socket: { data() {}, open: (client) => client.terminate() },
    });
    const bound = socket.port;
    socket.stop(true);
    return ok({ ...listener, port: bound });
  } catch (error) {
    return err(
      describeBindError(`${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`, port, error),
    );
  }
}

async function probeUnix(listener: Extract<ListenerSpec, { kind: "unix" }>): Promise<Probe> {
  const { path } = listener;
  const refuse = (reason: string, isBusy: boolean) =>
    err({ message: `Cannot listen on unix:${path}: ${reason}`, isBusy });
  if (Buffer.byteLength(path) > MAX_UNIX_PATH_BYTES) {
    return refuse(`the path is longer than ${MAX_UNIX_PATH_BYTES} bytes`, false);
  }
  const folder = dirname(path);
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) {
    return refuse(`there is no folder "${folder}"`, false);
  }
  if (!isWritable(folder)) return refuse(`no permission to write in "${folder}"`, false);
  const state = await removeStaleSocket(path);
  if (state === "answering") return refuse("another process answers on this socket", true);
  if (state === "not-a-socket") return refuse("a file that is not a socket is in the way", false);
  return ok(listener);
}

function isWritable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function describeBindError(address: string, port: number, error: unknown): Refusal {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const refuse = (reason: string) => ({
    message: `Cannot listen on ${address}: ${reason}`,
    isBusy: code === "EADDRINUSE",
  });
  switch (code) {
    case "EADDRINUSE":
      return refuse("the port belongs to another process");
    case "EACCES":
    case "EPERM":
      return refuse(
        `no permission for port ${port}; run as root, grant the right with ` +
          `"setcap cap_net_bind_service=+ep ${process.execPath}", or listen on a port above 1023`,
      );
    case "EADDRNOTAVAIL":
      return refuse("this machine does not have the address");
    case "EAFNOSUPPORT":
      return refuse("this machine does not support the address family");
    case "":
      // The only failure without a code: a name that the resolver does not know.
      return refuse("the name cannot be resolved");
    default:
      return refuse(error instanceof Error ? error.message : String(error));
  }
}
