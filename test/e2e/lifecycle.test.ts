/** The life of the compiled program: start, listeners, rotation, death and stop, as clients see them. */

import { afterEach, describe, expect, test } from "bun:test";
import { existsSync, readdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { cleanUp, onCleanUp } from "../support/cleanup.ts";
import { startLoad } from "../support/load.ts";
import {
  accessLogOf,
  configure,
  freePort,
  kill,
  makeHome,
  processesOf,
  readAccessLog,
  routeTo,
  spawnOphid,
  startOphid,
  startScript,
} from "../support/ophid.ts";
import { isListenedOn, memoryOf } from "../support/processes.ts";
import { until } from "../support/until.ts";
import { openWsClient } from "../support/ws-package.ts";

const TEST_MS = 60_000;
const MIB = 1024 ** 2;
/** The target is 90 MiB; how much of the mapped program is resident varies with the machine. */
const IDLE_LIMIT_MIB = 120;
const START_RUNS = 5;
/** The target is 150 ms on an idle machine; what is asserted holds on a busy one. */
const START_LIMIT_MS = 1_500;

afterEach(cleanUp, TEST_MS);

describe("start", () => {
  test(
    "serves soon and takes little memory while idle",
    async () => {
      const backend = await startScript("backend-script.ts");
      const times: number[] = [];
      for (let run = 0; run < START_RUNS; run++) {
        const home = makeHome();
        const port = freePort();
        configure(home, { port, routes: routeTo("/*", backend.ready) });
        const startedAt = performance.now();
        const subprocess = spawnOphid(home, ["proxy", "start"]);
        while (!(await answers(port))) await Bun.sleep(1);
        times.push(performance.now() - startedAt);
        subprocess.kill("SIGINT");
        await subprocess.exited;
      }
      const median = times.toSorted((a, b) => a - b)[START_RUNS >> 1] ?? Number.NaN;
      const home = makeHome();
      configure(home, { port: freePort(), routes: routeTo("/*", backend.ready) });
      const ophid = await startOphid(home);
      const sizes = [ophid.pid, ...(await ophid.workerPids())].map((pid) => memoryOf(pid)?.nowBytes ?? 0);
      const totalMib = sizes.reduce((sum, bytes) => sum + bytes, 0) / MIB;
      console.log(
        `start to first answer: median ${Math.round(median)} ms of ${times.map(Math.round).join(", ")}; ` +
          `idle master + 1 worker: ${Math.round(totalMib)} MiB (${sizes.map((bytes) => Math.round(bytes / MIB)).join(" + ")})`,
      );
      expect(median).toBeLessThan(START_LIMIT_MS);
      expect(totalMib).toBeLessThan(IDLE_LIMIT_MIB);
    },
    TEST_MS,
  );

  test(
    "listens on IPv4, IPv6 and a unix socket at once",
    async () => {
      const backend = await startScript("backend-script.ts");
      const home = makeHome();
      const port = freePort();
      const path = join(home, "front.sock");
      const listen = [`127.0.0.1:${port}`, `[::1]:${port}`, `unix:${path}`];
      configure(home, { workers: 2, listen, routes: routeTo("/*", backend.ready) });
      const ophid = await startOphid(home);
      const text = async (url: string, init = {}) =>
        await (await fetch(url, { keepalive: false, ...init })).text();
      expect(await text(`http://127.0.0.1:${port}/?id=four`)).toBe("four");
      expect(await text(`http://[::1]:${port}/?id=six`)).toBe("six");
      expect(await text("http://any.test/?id=unix", { unix: path })).toBe("unix");
      const lines = await until("all three are in the log", () => {
        const all = readAccessLog(accessLogOf(home)) as unknown as { peer: string }[];
        return all.length === 3 ? all : undefined;
      });
      expect(lines.map(({ peer }) => peer).sort()).toEqual(["", "127.0.0.1", "::1"]);
      expect(await ophid.run("proxy", "stop")).toMatchObject({ exitCode: 0 });
      expect(existsSync(path)).toBe(false);
      expect(readdirSync(join(home, "run"))).toEqual([]);
    },
    TEST_MS,
  );
});

describe("access log", () => {
  test(
    "rotated under load by SIGUSR1: every request is in exactly one of the files",
    async () => {
      const backend = await startScript("backend-script.ts");
      const home = makeHome();
      configure(home, { workers: 2, port: freePort(), routes: routeTo("/*", backend.ready) });
      const ophid = await startOphid(home);
      const target = (id: string) => `/?id=${id}`;
      const load = startLoad({ port: ophid.port, keepAlive: 8, fresh: 2, thinkMs: 2, target });
      const log = accessLogOf(home);
      const files: string[] = [log];
      for (let rotation = 1; rotation <= 5; rotation++) {
        const wanted = load.answered.size + 200;
        await until("some more are answered", () => load.answered.size >= wanted);
        renameSync(log, `${log}.${rotation}`);
        files.push(`${log}.${rotation}`);
        process.kill(ophid.pid, "SIGUSR1");
        await until("there is a new file", () => existsSync(log));
      }
      await load.stop();
      expect(load.failures).toEqual([]);
      expect(await ophid.run("proxy", "stop")).toMatchObject({ exitCode: 0 });
      const targets = files.flatMap((file) => readAccessLog(file).map((line) => line.target));
      expect(targets.toSorted()).toEqual([...load.answered.keys()].map(target).toSorted());
      console.log(`rotation: ${targets.length} lines in ${files.length} files, none lost, none twice`);
    },
    TEST_MS,
  );
});

describe("stop", () => {
  test(
    "row 65: finishes what is under way, tells WebSockets 1001 and leaves nobody on the port",
    async () => {
      const backend = await startScript("backend-script.ts");
      const echo = await startScript("ws-echo-script.ts");
      const home = makeHome();
      configure(home, {
        workers: 2,
        port: freePort(),
        extra: '[timeouts]\ndrain = "4s"\n',
        routes: `${routeTo("/*", backend.ready)}\n${routeTo("/ws/*", echo.ready)}`,
      });
      const ophid = await startOphid(home);
      const clients = await Promise.all(
        Array.from({ length: 20 }, () => openWsClient(`ws://127.0.0.1:${ophid.port}/ws/echo`)),
      );
      for (const { socket } of clients) onCleanUp(() => socket.terminate());
      const slow = Array.from({ length: 8 }, async (_, index) => {
        const response = await fetch(`http://127.0.0.1:${ophid.port}/?id=slow${index}&ms=1500`);
        return await response.text();
      });
      await until("they are in flight", async () => (await endpointsInFlight(ophid)) >= 8);
      process.kill(ophid.pid, "SIGTERM");
      await until("nobody accepts", () => !isListenedOn(ophid.port));
      expect(await Promise.all(slow)).toEqual(slow.map((_, index) => `slow${index}`));
      expect(await ophid.exited).toBe(0);
      await until("all WebSockets are closed", () => clients.every((client) => client.closed()));
      expect(new Set(clients.map((client) => client.closed()?.[0]))).toEqual(new Set([1001]));
      expect(processesOf(home)).toEqual([]);
      expect(readdirSync(join(home, "run"))).toEqual([]);
      await until("the other ends heard it too", () => echo.output().match(/^closed /gm)?.length === 20);
    },
    TEST_MS,
  );
});

describe("death of the master", () => {
  test(
    "frees the port at once, what is under way finishes, and the next start serves",
    async () => {
      const backend = await startScript("backend-script.ts");
      const home = makeHome();
      configure(home, { workers: 2, port: freePort(), routes: routeTo("/*", backend.ready) });
      const ophid = await startOphid(home);
      const slow = fetch(`http://127.0.0.1:${ophid.port}/?id=slow&ms=1500`).then((answer) => answer.text());
      await until("it is in flight", async () => (await endpointsInFlight(ophid)) === 1);
      const killedAt = performance.now();
      kill(ophid.pid);
      await until("the port is free", () => !isListenedOn(ophid.port));
      const freeMs = performance.now() - killedAt;
      const next = await startOphid(home);
      const answer = await fetch(`http://127.0.0.1:${next.port}/?id=again`);
      expect(await answer.text()).toBe("again");
      expect(next.port).toBe(ophid.port);
      console.log(
        `master killed: port free after ${Math.round(freeMs)} ms, served again after ${Math.round(performance.now() - killedAt)} ms`,
      );
      expect(await slow).toBe("slow");
      expect(freeMs).toBeLessThan(1_000);
      await until("the old workers are gone", async () => {
        const expected = [next.pid, ...(await next.workerPids())].toSorted((a, b) => a - b);
        return String(processesOf(home).toSorted((a, b) => a - b)) === String(expected);
      });
    },
    TEST_MS,
  );
});

async function answers(port: number): Promise<boolean> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/?id=x`, { keepalive: false });
    return (await response.text()) === "x";
  } catch {
    return false;
  }
}

async function endpointsInFlight(ophid: Awaited<ReturnType<typeof startOphid>>): Promise<number> {
  return (await ophid.status()).endpoints.reduce((sum, endpoint) => sum + endpoint.inFlight, 0);
}
