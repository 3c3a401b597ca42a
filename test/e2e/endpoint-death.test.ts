/** One of two endpoints is killed and comes back while the compiled program carries load. */

import { afterEach, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { cleanUp } from "../support/cleanup.ts";
import { type Load, startLoad } from "../support/load.ts";
import {
  type AccessLine,
  configure,
  freePort,
  kill,
  makeDirectory,
  makeHome,
  routeTo,
  startOphid,
  startScript,
} from "../support/ophid.ts";
import { isRunning } from "../support/processes.ts";
import { until } from "../support/until.ts";

const TEST_MS = 60_000;
const ROUNDS = 3;
const WORK_MS = 15;
/** A connection counts as usable until the proxy has read that it was closed. */
const NOTICE_MS = 50;

afterEach(cleanUp, TEST_MS);

/** What a request may have met that was on its way to the endpoint when that was killed. */
const CUT_OFF = ["upstream_closed", "upstream_truncated"];

describe.each([
  ["GET", () => "GET"],
  ["GET and POST", (count: number) => (count % 2 === 0 ? "POST" : "GET")],
])("%s", (name, method) => {
  test(
    "only requests in flight on the killed endpoint fail, with 502 and a cause, and none is executed twice",
    async () => {
      const directory = makeDirectory();
      const ports = [freePort(), freePort()];
      const records = ports.map((port) => join(directory, `${port}`));
      const start = (which: number) =>
        startScript("backend-script.ts", String(ports[which]), records[which] as string);
      const stable = await start(0);
      let victim = await start(1);
      const home = makeHome();
      configure(home, { port: freePort(), workers: 2, routes: routeTo("/*", stable.ready, victim.ready) });
      const ophid = await startOphid(home);
      const load = startLoad({
        port: ophid.port,
        keepAlive: 24,
        fresh: 2,
        thinkMs: 2,
        method,
        target: (id) => `/?id=${id}&ms=${WORK_MS}`,
      });
      const deaths: { readonly from: number; readonly to: number }[] = [];
      for (let round = 0; round < ROUNDS; round++) {
        await answers(load, 300);
        const from = performance.now();
        await killAndWait(victim.pid);
        deaths.push({ from, to: performance.now() });
        await answers(load, 300);
        victim = await start(1);
        const before = readFileSync(records[1] as string, "utf8").length;
        await until("it is used again", () => readFileSync(records[1] as string, "utf8").length > before);
      }
      await load.stop();
      await until("nothing is in flight", async () =>
        (await ophid.status()).endpoints.every(({ inFlight }) => inFlight === 0),
      );
      const lines = await until("every request is in the log", () => {
        const all = ophid.accessLog();
        return all.length >= load.answered.size ? all : undefined;
      });
      report(name, load, lines);

      const executed = records.flatMap((path) => readFileSync(path, "utf8").trim().split("\n"));
      const posts = executed.filter((line) => line.startsWith("POST "));
      expect(posts.length - new Set(posts).size).toBe(0);

      const byId = new Map(lines.map((line) => [idOf(line), line]));
      for (const failure of load.failures) {
        expect(failure).toMatchObject({ kind: "status", status: 502 });
        // It was already on its way when the endpoint died.
        const death = deaths.findLast(({ from }) => failure.failedAt >= from);
        expect(failure.sentAt - (death?.to ?? Number.NaN)).toBeLessThan(NOTICE_MS);
        const line = byId.get(failure.id);
        expect(line).toMatchObject({ status: 502, endpoint: `127.0.0.1:${ports[1]}` });
        expect(CUT_OFF).toContain(line?.cause ?? "");
      }
      expect(load.answered.size).toBe(lines.length);
    },
    TEST_MS,
  );
});

async function answers(load: Load, more: number): Promise<void> {
  const wanted = load.answered.size + more;
  await until(`${more} more requests are answered`, () => load.answered.size >= wanted, 20_000);
}

/** Its sockets are closed once it is a zombie. */
async function killAndWait(pid: number): Promise<void> {
  kill(pid);
  await until("it is dead", () => !isRunning(pid));
}

function idOf(line: AccessLine): string {
  return new URLSearchParams(line.target.slice(line.target.indexOf("?"))).get("id") ?? "";
}

function report(name: string, load: Load, lines: readonly AccessLine[]): void {
  const causes = new Map<string, number>();
  for (const { cause } of lines) if (cause !== "") causes.set(cause, (causes.get(cause) ?? 0) + 1);
  const retried = lines.filter(({ retries }) => retries > 0).length;
  console.log(
    `endpoint death, ${name}: ${ROUNDS} kills, ${load.answered.size} requests, ${load.failures.length} failed ` +
      `(${[...causes].map(([cause, count]) => `${cause} ${count}`).join(", ")}), ${retried} retried, ` +
      `slowest ${Math.round(load.slowestMs())} ms`,
  );
}
