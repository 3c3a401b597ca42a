/** Reloads of the compiled program under load: nothing fails, nothing unchanged is closed, nothing broken gets in. */

import { afterEach, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { cleanUp, onCleanUp } from "../support/cleanup.ts";
import { startLoad } from "../support/load.ts";
import {
  configPathOf,
  configure,
  freePort,
  makeHome,
  type Ophid,
  routeTo,
  startOphid,
  startScript,
} from "../support/ophid.ts";
import { until } from "../support/until.ts";
import { openWsClient, type WsClient } from "../support/ws-package.ts";

const TEST_MS = 60_000;
const RELOADS = 20;
const WEBSOCKETS = 100;

afterEach(cleanUp, TEST_MS);

describe.each([1, 4])("with %i workers", (workers) => {
  test(
    `row 64: ${RELOADS} reloads under load fail no request and close no WebSocket of an unchanged route`,
    async () => {
      const backend = await startScript("backend-script.ts");
      const echo = await startScript("ws-echo-script.ts");
      const home = makeHome();
      const port = freePort();
      const write = (added: number) =>
        configure(home, {
          workers,
          port,
          routes: [
            routeTo("/ws/*", echo.ready),
            routeTo("/load/*", backend.ready),
            ...(added > 0 ? [routeTo(`/added-${added}/*`, backend.ready)] : []),
          ].join("\n"),
        });
      write(0);
      const ophid = await startOphid(home);
      const clients = await openEchoes(ophid.port, "/ws/echo", WEBSOCKETS);
      const load = startLoad({
        port: ophid.port,
        keepAlive: 16,
        fresh: 4,
        thinkMs: 5,
        target: (id) => `/load/?id=${id}&ms=${Number(id.slice(1)) % 20}`,
      });
      for (let round = 1; round <= RELOADS; round++) {
        const added = round % 2 === 0 ? 0 : round;
        write(added);
        expect(await ophid.run("proxy", "reload")).toMatchObject({ exitCode: 0, stderr: "" });
        if (added > 0) expect(await statusesOf(ophid.port, `/added-${added}/?id=x`)).toEqual([200]);
        else expect(await statusesOf(ophid.port, `/added-${round - 1}/?id=x`)).toEqual([404]);
        await echoAll(clients, `round ${round}`);
      }
      await load.stop();
      console.log(
        `reload, ${workers} workers: ${load.answered.size} requests on ${load.connections()} connections, ` +
          `${load.failures.length} failed, slowest ${Math.round(load.slowestMs())} ms, ` +
          `${clients.length} WebSockets echoed ${RELOADS} times`,
      );
      expect(load.failures).toEqual([]);
      expect(load.answered.size).toBeGreaterThan(500);
      expect((await ophid.status()).config.generation).toBe(1 + RELOADS);
      expect(clients.map((client) => client.closed()).filter((end) => end !== undefined)).toEqual([]);
    },
    TEST_MS,
  );
});

test(
  "WebSockets of a removed route are told 1001 one by one, at the latest when ophid stops",
  async () => {
    const echo = await startScript("ws-echo-script.ts");
    const home = makeHome();
    const kept = routeTo("/kept/*", echo.ready);
    const common = { port: freePort(), extra: '[timeouts]\ndrain = "2s"\n' };
    configure(home, { ...common, routes: `${kept}\n${routeTo("/removed/*", echo.ready)}` });
    const ophid = await startOphid(home);
    const unchanged = await openEchoes(ophid.port, "/kept/echo", 5);
    // They are spread over five minutes: of 300 the first one goes in about a second.
    const orphans = await openEchoes(ophid.port, "/removed/echo", 300);
    configure(home, { ...common, routes: kept });
    expect(await ophid.run("proxy", "reload")).toMatchObject({ exitCode: 0 });
    const first = await until(
      "one is told to leave",
      () => orphans.find((client) => client.closed()),
      20_000,
    );
    expect(first.closed()?.[0]).toBe(1001);
    const left = orphans.filter((client) => client.closed() === undefined);
    expect(left.length).toBeGreaterThan(200);
    await echoAll([...unchanged, ...left.slice(-10)], "still here");
    expect(await ophid.run("proxy", "stop")).toMatchObject({ exitCode: 0, stderr: "" });
    await until("all are closed", () => [...unchanged, ...orphans].every((client) => client.closed()));
    const codes = new Set([...unchanged, ...orphans].map((client) => client.closed()?.[0]));
    expect([...codes]).toEqual([1001]);
    expect(await ophid.exited).toBe(0);
  },
  TEST_MS,
);

describe("a broken configuration", () => {
  test(
    "is refused by reload with code 1 and its place, and by SIGHUP on standard error; nothing changes",
    async () => {
      const backend = await startScript("backend-script.ts");
      const home = makeHome();
      const good = { port: freePort(), workers: 2, routes: routeTo("/*", backend.ready) };
      configure(home, good);
      const ophid = await startOphid(home);
      const before = await ophid.status();
      const broken = '[[routes]]\nhost = "*"\ntraget = "http://127.0.0.1:1"\n';
      writeFileSync(configPathOf(home), broken);

      const reload = await ophid.run("proxy", "reload");
      expect(reload).toMatchObject({ exitCode: 1, stdout: "" });
      expect(reload.stderr).toMatch(/config\.toml:3:1\b/);
      expect(reload.stderr).toContain("traget");
      expect(reload.stderr).toContain('"target"');

      process.kill(ophid.pid, "SIGHUP");
      await until("the master says why", () => /config\.toml:3:1\b/.test(ophid.output()));
      const after = await ophid.status();
      expect(after.config.generation).toBe(before.config.generation);
      expect(after.config.lastReload?.ok).toBe(false);
      expect(after.workers.map(({ pid }) => pid)).toEqual(before.workers.map(({ pid }) => pid));
      expect(after.routes).toEqual(before.routes);
      expect(await statusesOf(ophid.port, "/?id=x")).toEqual([200]);

      configure(home, { ...good, routes: routeTo("/new/*", backend.ready) });
      process.kill(ophid.pid, "SIGHUP");
      const generation = before.config.generation + 1;
      await until("it is in force", async () => (await ophid.status()).config.generation === generation);
      expect(await statusesOf(ophid.port, "/new/?id=x")).toEqual([200]);
      expect(await statusesOf(ophid.port, "/?id=x")).toEqual([404]);
    },
    TEST_MS,
  );

  test(
    "that only shows when a worker prepares it changes nothing either",
    async () => {
      const backend = await startScript("backend-script.ts");
      const home = makeHome();
      const routes = routeTo("/*", backend.ready);
      const port = freePort();
      configure(home, { port, workers: 2, routes });
      const ophid = await startOphid(home);
      const inTheWay = join(home, "a-file.sock");
      writeFileSync(inTheWay, "precious");
      configure(home, { workers: 2, listen: [`127.0.0.1:${port}`, `unix:${inTheWay}`], routes });
      const reload = await ophid.run("proxy", "reload");
      expect(reload.exitCode).toBe(2);
      expect(reload.stderr).toContain("a file that is not a socket is in the way");
      expect((await ophid.status()).config.generation).toBe(1);
      expect(await statusesOf(ophid.port, "/?id=x")).toEqual([200]);
    },
    TEST_MS,
  );
});

async function openEchoes(port: number, path: string, count: number): Promise<WsClient[]> {
  const clients: WsClient[] = [];
  // In portions: more than 256 dials at once to one endpoint are refused with 503.
  while (clients.length < count) {
    const portion = Array.from({ length: Math.min(100, count - clients.length) }, () =>
      openWsClient(`ws://127.0.0.1:${port}${path}`),
    );
    clients.push(...(await Promise.all(portion)));
  }
  for (const { socket } of clients) onCleanUp(() => socket.terminate());
  return clients;
}

async function echoAll(clients: readonly WsClient[], text: string): Promise<void> {
  for (const { socket } of clients) socket.send(text);
  await until(`everybody got "${text}" back`, () =>
    clients.every(({ messages }) => messages.at(-1) === text),
  );
}

/** The different statuses over several new connections, so that every worker has a chance. */
async function statusesOf(port: Ophid["port"], target: string): Promise<number[]> {
  const answers = await Promise.all(
    Array.from({ length: 8 }, () => fetch(`http://127.0.0.1:${port}${target}`, { keepalive: false })),
  );
  await Promise.all(answers.map((answer) => answer.bytes()));
  return [...new Set(answers.map(({ status }) => status))];
}
