/** Waits until endpoints accept connections: an application that was just started needs a moment. */

import { connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { type Endpoint, parseEndpoint } from "../config/address.ts";
import { err, ok, type Result } from "../lib/result.ts";
import { type Failure, failed, wrong } from "./failure.ts";

export const WAIT_TIMEOUT_MS = 30_000;
const POLL_MS = 100;
const CONNECT_TIMEOUT_MS = 1_000;

export async function waitForEndpoints(
  targets: readonly string[],
  timeoutMs: number = WAIT_TIMEOUT_MS,
): Promise<Result<void, Failure>> {
  const deadline = performance.now() + timeoutMs;
  for (const target of targets) {
    const endpoint = parseEndpoint(target);
    if (!endpoint.ok) {
      return err(wrong(`Cannot read --target "${target}": ${endpoint.error.state}`, endpoint.error.hint));
    }
    while (!(await accepts(endpoint.value))) {
      if (performance.now() >= deadline) {
        return err(
          failed(`Cannot add the route: "${target}" accepts no connection after ${timeoutMs / 1_000} s`),
        );
      }
      await delay(POLL_MS);
    }
  }
  return ok(undefined);
}

function accepts(endpoint: Endpoint): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(
      endpoint.kind === "unix"
        ? { path: endpoint.path }
        : { host: endpoint.hostname.replace(/^\[|\]$/g, ""), port: endpoint.port },
    );
    const finish = (isUp: boolean) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(isUp);
    };
    const timer = setTimeout(() => finish(false), CONNECT_TIMEOUT_MS);
    socket.once("connect", () => finish(true));
    socket.once("error", () => finish(false));
  });
}
