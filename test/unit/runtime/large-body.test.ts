import { afterEach, describe, expect, test } from "bun:test";
import { toLargeBody } from "../../../src/runtime/large-body.ts";
import { cleanUp, onCleanUp } from "../../support/cleanup.ts";
import { head, openClient, type RawClient } from "../../support/raw-client.ts";
import { patternOf } from "../../support/upstream.ts";
import { until } from "../../support/until.ts";

/** More than the kernel takes for a client that does not read. */
const BYTES = patternOf(24 * 1024 * 1024);

afterEach(cleanUp);

/** A server that has answered a client that does not read. */
async function answer(): Promise<{ server: Bun.Server<undefined>; client: RawClient }> {
  let asked = false;
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch() {
      await Promise.resolve();
      asked = true;
      return new Response(toLargeBody(BYTES));
    },
  });
  onCleanUp(() => server.stop(true));
  const client = await openClient(server.port ?? 0);
  client.socket.pause();
  client.send(head("GET /"));
  await until("it is asked", () => asked);
  return { server, client };
}

describe("toLargeBody", () => {
  test("row 65: a graceful stop waits for a client that is still reading", async () => {
    const { server, client } = await answer();
    const stopped = server.stop(false);
    client.socket.resume();
    const response = await client.read("GET", 10_000);
    expect([response.complete, Buffer.compare(response.body, BYTES)]).toEqual([true, 0]);
    await stopped;
  });

  test("row 45: a client that leaves is let go", async () => {
    const { server, client } = await answer();
    client.reset();
    await until("nothing is left", () => server.pendingRequests === 0);
    await server.stop(false);
  });
});
