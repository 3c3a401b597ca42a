import { afterEach, describe, expect, test } from "bun:test";
import { cleanUp } from "../../support/cleanup.ts";
import { proxyRoute, startProxy } from "../../support/proxy.ts";
import { head, openClient, type RawClient } from "../../support/raw-client.ts";
import { OK, patternOf, startRawUpstream } from "../../support/upstream.ts";
import { until } from "../../support/until.ts";

afterEach(cleanUp);

/** Bun.serve's timer works in steps of four seconds and may fire that much early. */
const KEEPALIVE_MS = 5000;
const CLIENTS = 100;

describe("row 63: idle client connections", () => {
  test("100 of them are closed after the keepalive time, also after slow answers, uploads and streams", async () => {
    const upstream = await startRawUpstream({
      async serve(connection, got) {
        if (got.target === "/slow") await Bun.sleep(KEEPALIVE_MS + 1500);
        if (got.target === "/stream") {
          connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n");
          await Bun.sleep(KEEPALIVE_MS + 1500);
          connection.send("1\r\ny\r\n0\r\n\r\n");
        } else if (got.target === "/large") {
          connection.send("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
          connection.send(patternOf(100_000));
        } else {
          connection.send(OK);
        }
      },
    });
    const routes = [proxyRoute([upstream.port])];
    const proxy = await startProxy({ routes, timeouts: { keepalive: KEEPALIVE_MS, responseHeader: 20_000 } });
    const clients: RawClient[] = [];
    for (let i = 0; i < CLIENTS; i++) clients.push(await openClient(proxy.port));
    const start = performance.now();
    await Promise.all(clients.map((client, i) => useOnce(client, i)));
    // Nothing was cut while it was in use, though that took longer than the keepalive time.
    expect(performance.now() - start).toBeGreaterThan(KEEPALIVE_MS);
    await until("all are closed", () => clients.every((client) => client.isClosed()), KEEPALIVE_MS + 3000);
    await proxy.accessLog(CLIENTS);
  }, 30_000);
});

async function useOnce(client: RawClient, i: number): Promise<void> {
  switch (i % 5) {
    case 0:
      client.send(head("GET /slow"));
      break;
    case 1:
      client.send(head("GET /stream"));
      break;
    case 2:
      client.send(head("GET /large"));
      break;
    case 3:
      client.send(head("POST /upload", "Content-Length: 13"));
      for (let sent = 0; sent < 13; sent++) {
        await Bun.sleep(500);
        client.send("x");
      }
      break;
    default:
      client.send(head("GET /"));
  }
  const response = await client.read("GET", 15_000);
  expect([response.status, response.complete]).toEqual([200, true]);
}
