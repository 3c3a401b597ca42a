/** Real programs behind the compiled one: every byte arrives, nothing slow is cut, memory stays small. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { randomFillSync } from "node:crypto";
import { join } from "node:path";
import { cleanUp, onCleanUp } from "../support/cleanup.ts";
import {
  download,
  FILES,
  type FileName,
  formatMemory,
  MEMORY_LIMIT_BYTES,
  memoryOfAll,
  openStalledClient,
  readEvents,
  type Site,
  startSite,
  upload,
  uploadSlowly,
} from "../support/real-input.ts";
import { until } from "../support/until.ts";
import { openWsClient, type WsClient } from "../support/ws-package.ts";

const TEST_MS = 60_000;
const STALLED = 50;
const MIB = 1024 ** 2;

/** Shorter than a slow upload takes, so that an idle timer which runs during one would cut it. */
const KEEPALIVE = '[timeouts]\nkeepalive = "4s"\n';
const SLOW_UPLOAD_SECONDS = 10;

let site: Site;

beforeAll(async () => {
  site = await startSite(KEEPALIVE, 1);
}, TEST_MS);

afterAll(cleanUp, TEST_MS);

describe("slow clients and backends", () => {
  test(
    "row 46: events arrive at once, and an upload of 5 KB a second outlives the keep-alive time meanwhile",
    async () => {
      const slow = uploadSlowly(site, "slow", SLOW_UPLOAD_SECONDS);
      const [proxied, direct] = await Promise.all([
        readEvents(site.ophid.port, 100),
        readEvents(site.ssePort, 100),
      ]);
      console.log(
        `events: worst lag ${Math.max(...proxied.lagsMs)} ms through the proxy, ${Math.max(...direct.lagsMs)} ms without`,
      );
      expect(proxied.inOrder).toBe(true);
      expect(Math.max(...proxied.lagsMs)).toBeLessThan(100);
      const uploaded = await slow;
      console.log(`slow upload: ${uploaded.answer} after ${uploaded.seconds.toFixed(1)} s`);
      expect(uploaded.answer).toContain("201");
      expect(uploaded.storedSha256).toBe(uploaded.sentSha256);
    },
    TEST_MS,
  );
});

describe("files of nginx", () => {
  test.each(Object.keys(FILES) as FileName[])(
    "%s arrives identical",
    async (name) => {
      const startedAt = performance.now();
      expect(await download(site.ophid.port, `/files/${name}`)).toEqual({
        status: 200,
        sha256: site.sha256[name],
      });
      const seconds = (performance.now() - startedAt) / 1000;
      console.log(`download ${name}: identical, ${(FILES[name] / MIB / seconds).toFixed(0)} MiB/s`);
    },
    TEST_MS,
  );

  test(
    "200 MiB are stored identical",
    async () => {
      const startedAt = performance.now();
      const stored = await upload(site, "large", Bun.file(join(site.files, "200MiB")));
      const seconds = (performance.now() - startedAt) / 1000;
      console.log(`upload 200MiB: identical, ${(200 / seconds).toFixed(0)} MiB/s`);
      expect(stored).toEqual({ status: 201, sha256: site.sha256["200MiB"] });
    },
    TEST_MS,
  );

  test(
    `row 45: ${STALLED} clients that stop reading 200 MiB cost no memory and hold nobody up`,
    async () => {
      const clients = await Promise.all(
        Array.from({ length: STALLED }, () => openStalledClient(site.ophid.port, "/files/200MiB")),
      );
      await until("all are under way", async () => (await inFlight()) === STALLED);
      const startedAt = performance.now();
      for (let i = 0; i < 20; i++) {
        expect((await download(site.ophid.port, "/files/64KiB")).sha256).toBe(site.sha256["64KiB"]);
      }
      console.log(
        `${STALLED} stalled: 20 downloads of 64 KiB beside them took ${Math.round(performance.now() - startedAt)} ms; ` +
          formatMemory(await memoryOfAll(site.ophid)),
      );
      const [first, ...others] = clients;
      expect(await first?.finish()).toBe(site.sha256["200MiB"]);
      for (const { socket } of others) socket.destroy();
      await until("the endpoint is free again", async () => (await inFlight()) === 0);
    },
    TEST_MS,
  );
});

describe("WebSockets of ws", () => {
  test(
    "text and 1 MiB binary come back",
    async () => {
      const client = await open("/ws/echo");
      const binary = randomFillSync(Buffer.allocUnsafe(MIB));
      client.socket.send("Grüße");
      client.socket.send(binary);
      await until("both are back", () => client.messages.length === 2);
      expect(client.messages[0]).toBe("Grüße");
      expect(binary.equals(client.messages[1] as Buffer)).toBe(true);
      client.socket.close(1000);
      await until("it is closed", () => client.closed());
      expect(client.closed()).toEqual([1000, ""]);
    },
    TEST_MS,
  );

  test(
    "close codes and reasons pass in both directions",
    async () => {
      const byServer = await open("/ws/close/4005/bye");
      await until("the server's close is here", () => byServer.closed());
      expect(byServer.closed()).toEqual([4005, "bye"]);

      const byClient = await open("/ws/echo-close");
      byClient.socket.close(4006, "enough");
      await until("the server got the code", () =>
        site.wsOutput().includes("closed /echo-close 4006 enough"),
      );

      const lost = await open("/ws/echo-lost");
      lost.socket.terminate();
      await until("the server saw it go", () => /^closed \/echo-lost 100[16] /m.test(site.wsOutput()));

      const killed = await open("/ws/kill");
      killed.socket.send("die");
      await until("the client saw it go", () => killed.closed());
      console.log(`WebSocket whose server vanished: client told ${killed.closed()?.[0]}`);
      expect([1001, 1006, 1011, 1014]).toContain(killed.closed()?.[0] ?? 0);
    },
    TEST_MS,
  );
});

test("no process needed more than 150 MiB for all that", async () => {
  const memory = await memoryOfAll(site.ophid);
  console.log(formatMemory(memory));
  for (const { peakMib } of memory) expect(peakMib * MIB).toBeLessThan(MEMORY_LIMIT_BYTES);
});

async function inFlight(): Promise<number> {
  return (await site.ophid.status()).endpoints.reduce((sum, endpoint) => sum + endpoint.inFlight, 0);
}

async function open(path: string): Promise<WsClient> {
  const client = await openWsClient(`ws://127.0.0.1:${site.ophid.port}${path}`);
  onCleanUp(() => client.socket.terminate());
  return client;
}
