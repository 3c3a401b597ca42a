/** A worker that has bound its listeners is a worker that clients are led to, whether it has committed or not. */

import { afterEach, describe, expect, test } from "bun:test";
import { readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Snapshot } from "../../../src/snapshot/types.ts";
import { createEngine } from "../../../src/worker/engine.ts";
import type { Engine } from "../../../src/worker/engine-types.ts";
import { cleanUp, onCleanUp } from "../../support/cleanup.ts";
import { actionRoute, freePort, startProxy } from "../../support/proxy.ts";
import { head, request } from "../../support/raw-client.ts";
import { until } from "../../support/until.ts";

afterEach(cleanUp);

const respond = (body: string) => actionRoute({ kind: "respond", status: 200, body, contentType: "a/b" });
const silent = { info() {}, warn() {}, error() {} };

async function newWorker(): Promise<{
  engine: Engine;
  snapshot: Snapshot;
  port: number;
  log: () => string[];
}> {
  const { cells, snapshot } = await startProxy({ routes: [respond("first")] });
  const port = await freePort();
  const access = join(tmpdir(), `ophid-first-${port}.log`);
  const engine = createEngine({ cells, row: 1, index: 1, home: tmpdir(), log: silent });
  onCleanUp(async () => {
    await engine.drain(50);
    rmSync(access, { force: true });
  });
  return {
    engine,
    port,
    snapshot: {
      ...snapshot,
      listeners: [{ kind: "tcp", key: `tcp:${port}`, hostname: "127.0.0.1", port }],
      log: { ...snapshot.log, access, format: "json" },
    },
    log: () => readFileSync(access, "utf8").split("\n").filter(Boolean),
  };
}

describe("a worker with its first snapshot", () => {
  test("answers from the moment it listens, with one line in the log", async () => {
    const { engine, snapshot, port, log } = await newWorker();
    const prepared = await engine.prepare(snapshot);
    const early = await request(port, head("GET /early"));
    expect([early.status, early.body.toString()]).toEqual([200, "first"]);
    engine.commit(prepared);
    expect((await request(port, head("GET /late"))).status).toBe(200);
    engine.reopenLogs();
    await until("both lines are written", () => log().length >= 2);
    expect(log().map((line) => JSON.parse(line).target)).toEqual(["/early", "/late"]);
  });

  test("goes on answering if a newer one comes before the commit", async () => {
    const { engine, snapshot, port } = await newWorker();
    await engine.discard(await engine.prepare(snapshot));
    expect((await request(port, head("GET /"))).body.toString()).toBe("first");
    const newer = { ...snapshot, generation: snapshot.generation + 1, routes: [respond("second")] };
    engine.commit(await engine.prepare(newer));
    expect((await request(port, head("GET /"))).body.toString()).toBe("second");
    expect(engine.status().listeners.length).toBe(1);
  });

  test("has no listener left if one of them cannot be bound", async () => {
    const { engine, snapshot, port } = await newWorker();
    const bad = { kind: "tcp" as const, key: "bad", hostname: "192.0.2.1", port: 1 };
    await expect(engine.prepare({ ...snapshot, listeners: [...snapshot.listeners, bad] })).rejects.toThrow();
    await expect(request(port, head("GET /"))).rejects.toThrow();
  });
});
