/** Waiting until endpoints accept connections. */

import { describe, expect, test } from "bun:test";
import { waitForEndpoints } from "../../../src/cli/wait-endpoints.ts";
import { freePort } from "../../support/cli.ts";

const listen = (port: number) =>
  Bun.listen({ hostname: "127.0.0.1", port, socket: { data: () => undefined } });

describe("waitForEndpoints", () => {
  test("ends when the last endpoint is there", async () => {
    const first = listen(0);
    const port = freePort();
    let isDone = false;
    const waiting = waitForEndpoints([`127.0.0.1:${first.port}`, `127.0.0.1:${port}`]).then((result) => {
      isDone = true;
      return result;
    });
    // The first one accepts, so from here on only the second is waited for.
    await waitForEndpoints([`127.0.0.1:${first.port}`]);
    expect(isDone).toBe(false);
    const second = listen(port);
    expect(await waiting).toMatchObject({ ok: true });
    first.stop(true);
    second.stop(true);
  });

  test("gives up in the end and names the endpoint", async () => {
    const target = `127.0.0.1:${freePort()}`;
    expect(await waitForEndpoints([target], 150)).toMatchObject({
      ok: false,
      error: { exitCode: 2, message: `Cannot add the route: "${target}" accepts no connection after 0.15 s` },
    });
    expect(await waitForEndpoints(["unix:/nowhere/x.sock"], 0)).toMatchObject({ ok: false });
  });

  test("refuses what is no endpoint at once", async () => {
    expect(await waitForEndpoints(["nonsense"])).toMatchObject({ ok: false, error: { exitCode: 1 } });
  });
});
