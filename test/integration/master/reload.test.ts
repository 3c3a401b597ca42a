/** The two-phase reload: everywhere or nowhere. */

import { afterEach, describe, expect, test } from "bun:test";
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { configure, createHarness, getFrom, type TestMaster } from "../../support/master-harness.ts";
import { tcpListener, unixListener } from "../../support/test-settings.ts";
import { until } from "../../support/until.ts";

const harness = createHarness();
afterEach(() => harness.end());

/** What every worker runs: asks until each index has answered. */
async function generations(master: TestMaster, workers: number): Promise<number[]> {
  const seen = new Map<number, number>();
  await until("every worker has answered", async () => {
    const answer = await master.get();
    seen.set(answer.index, answer.generation);
    return seen.size === workers;
  });
  return [...seen.values()];
}

async function freePort(): Promise<number> {
  const probe = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const { port } = probe;
  probe.stop(true);
  return port;
}

describe("reload", () => {
  test("every worker runs the new snapshot when the order is answered", async () => {
    const master = await harness.start({ workers: 3, routes: 1 });
    configure(master.home, { workers: 3, routes: 5 });
    const { status, body } = await master.ask("POST", "/reload");
    expect(status).toBe(200);
    expect(body).toMatchObject({
      ok: true,
      generation: 2,
      workers: 3,
      difference: { routesAdded: 4, routesRemoved: 0 },
    });
    expect(await generations(master, 3)).toEqual([2, 2, 2]);
    expect((await master.status()).config.lastReload).toEqual(body as never);
  });

  test("SIGHUP reloads", async () => {
    const master = await harness.start({ workers: 2 });
    configure(master.home, { workers: 2, routes: 2 });
    process.kill(master.pid, "SIGHUP");
    await until("the report is there", async () => (await master.status()).config.generation === 2);
    expect(await generations(master, 2)).toEqual([2, 2]);
    expect(master.output()).toContain("Reloaded: 1 route added, 1 endpoint added");
  });

  test("a broken file changes nothing and comes back as diagnostics", async () => {
    const master = await harness.start({ workers: 2 });
    configure(master.home, { broken: "config.toml:3:7: expected a port" });
    const { status, body } = await master.ask("POST", "/reload");
    expect(status).toBe(422);
    expect(body).toMatchObject({ ok: false, kind: "config", message: "config.toml:3:7: expected a port" });
    expect(await generations(master, 2)).toEqual([1, 1]);
  });

  test("row 64: one worker that cannot prepare rolls back all of them, new listeners included", async () => {
    const master = await harness.start({ workers: 3 });
    const port = await freePort();
    writeFileSync(join(master.home, "fail-prepare-1"), "");
    configure(master.home, { workers: 3, listeners: [tcpListener(0), tcpListener(port)] });
    const { status, body } = await master.ask("POST", "/reload");
    expect(status).toBe(409);
    expect(body).toMatchObject({ ok: false, kind: "runtime", message: "Worker 1: the test says no" });
    expect(await generations(master, 3)).toEqual([1, 1, 1]);
    await until("the new port is closed", () =>
      getFrom(port).then(
        () => false,
        () => true,
      ),
    );
    rmSync(join(master.home, "fail-prepare-1"));
    expect((await master.ask("POST", "/reload")).status).toBe(200);
    expect(await generations(master, 3)).toEqual([2, 2, 2]);
    expect(await getFrom(port)).toMatchObject({ generation: 2 });
  });

  test("a worker that dies in between rolls back and comes back with the committed snapshot", async () => {
    const master = await harness.start({ workers: 2 });
    configure(master.home, { workers: 2, routes: 2 });
    writeFileSync(join(master.home, "die-prepare-0"), "");
    const reload = master.ask("POST", "/reload");
    const { body } = await reload;
    rmSync(join(master.home, "die-prepare-0"));
    expect(body).toMatchObject({ ok: false, message: "Worker 0: it was killed by SIGKILL" });
    expect(await generations(master, 2)).toEqual([1, 1]);
  });

  test("a worker killed during the reload of the others ends up with what they run", async () => {
    const master = await harness.start({ workers: 3 });
    const victim = (await master.status()).workers[2]?.pid ?? 0;
    configure(master.home, { workers: 3, routes: 2 });
    const reload = master.ask("POST", "/reload");
    process.kill(victim, "SIGKILL");
    const committed = (await reload).status === 200 ? 2 : 1;
    expect(await generations(master, 3)).toEqual([committed, committed, committed]);
  });

  test("waits for a worker that hangs, then rolls back", async () => {
    const master = await harness.start({ workers: 2 });
    writeFileSync(join(master.home, "hang-prepare-1"), "");
    configure(master.home, { workers: 2, routes: 2 });
    const { body } = await master.ask("POST", "/reload");
    expect(body).toMatchObject({ ok: false, message: "Worker 1: it did not answer within 10 s" });
    expect(await generations(master, 2)).toEqual([1, 1]);
  }, 20_000);

  test("many orders at once become two reloads", async () => {
    const master = await harness.start({ workers: 1 });
    const [worker] = (await master.status()).workers;
    // The first one waits for the worker until all have been asked for.
    process.kill(worker?.pid ?? 0, "SIGSTOP");
    const orders = [1, 2, 3, 4, 5].map(() => master.ask("POST", "/reload"));
    expect((await master.status()).workers).toMatchObject([{ state: "unresponsive" }]);
    process.kill(worker?.pid ?? 0, "SIGCONT");
    const replies = await Promise.all(orders);
    expect(replies.map((reply) => reply.status)).toEqual([200, 200, 200, 200, 200]);
    expect((await master.status()).config.generation).toBe(3);
  });

  test("a dry run changes nothing and says what would change", async () => {
    const master = await harness.start({ workers: 1 });
    configure(master.home, { routes: 3 });
    const { body } = await master.ask("POST", "/reload?dry_run=1");
    expect(body).toMatchObject({ ok: true, difference: { routesAdded: 2, routesRemoved: 0 } });
    expect((await master.get()).generation).toBe(1);
  });

  test("a new port that belongs to a stranger is refused", async () => {
    const master = await harness.start({ workers: 1 });
    const stranger = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      reusePort: true,
      fetch: () => new Response("mine"),
    });
    const port = stranger.port ?? 0;
    configure(master.home, { listeners: [tcpListener(0), tcpListener(port)] });
    const { status, body } = await master.ask("POST", "/reload");
    await stranger.stop(true);
    expect(status).toBe(409);
    expect(body).toMatchObject({
      message: `Cannot listen on 127.0.0.1:${port}: the port belongs to another process`,
    });
    expect((await master.get()).generation).toBe(1);
  });

  test("a removed listener closes, a kept port-0 listener keeps its port", async () => {
    const home = harness.newHome();
    const path = join(home, "front.sock");
    const extra = await freePort();
    const master = await harness.start(
      { workers: 2, listeners: [tcpListener(0), tcpListener(extra), unixListener(path)] },
      home,
    );
    expect(await getFrom(extra)).toMatchObject({ generation: 1 });
    configure(home, { workers: 2, listeners: [tcpListener(0)] });
    expect((await master.ask("POST", "/reload")).status).toBe(200);
    await until("the extra port is closed", () =>
      getFrom(extra).then(
        () => false,
        () => true,
      ),
    );
    expect(existsSync(path)).toBe(false);
    expect(await generations(master, 2)).toEqual([2, 2]);
  });
});

describe("number of workers", () => {
  test("grows and shrinks on reload; those that leave finish their requests", async () => {
    const master = await harness.start({ workers: 1 });
    configure(master.home, { workers: 4 });
    expect((await master.ask("POST", "/reload")).status).toBe(200);
    expect(await generations(master, 4)).toEqual([2, 2, 2, 2]);
    for (const worker of (await master.status()).workers) harness.track(worker.pid ?? 0);
    // Enough connections for every worker to hold some.
    const slow = Array.from({ length: 40 }, () => master.get("/slow"));
    await until("all are counted", async () => (await master.status()).endpoints[0]?.inFlight === 40);
    configure(master.home, { workers: 1 });
    expect((await master.ask("POST", "/reload")).status).toBe(200);
    expect((await master.status()).workers.map((worker) => worker.state).sort()).toEqual([
      "draining",
      "draining",
      "draining",
      "ready",
    ]);
    writeFileSync(join(master.home, "go"), "");
    expect(await Promise.all(slow)).toHaveLength(40);
    await until("they are gone", async () => (await master.status()).workers.length === 1);
    expect((await master.status()).endpoints[0]?.inFlight).toBe(0);
  });

  test("more than this start has room for is refused clearly", async () => {
    const master = await harness.start({ workers: 1 });
    configure(master.home, { workers: 60 });
    const { body } = await master.ask("POST", "/reload");
    expect(body).toMatchObject({ kind: "runtime" });
    expect((body as { message: string }).message).toMatch(
      /^Cannot run 60 workers: this start has room for \d+; more need a restart$/,
    );
  });
});

describe("request head limit", () => {
  test("a new one replaces all workers, and requests under way end in the old ones", async () => {
    const home = harness.newHome();
    const path = join(home, "front.sock");
    const listeners = [tcpListener(0), unixListener(path)];
    const master = await harness.start({ workers: 2, listeners }, home);
    const before = (await master.status()).workers.map((worker) => worker.pid);
    const slow = master.get("/slow");
    await until("the request is counted", async () => (await master.status()).endpoints[0]?.inFlight === 1);
    configure(home, { workers: 2, listeners, maxHeaderBytes: 65_536 });
    expect((await master.ask("POST", "/reload")).status).toBe(200);
    const replaced = (await master.status()).workers.filter((worker) => worker.state === "ready");
    for (const worker of replaced) harness.track(worker.pid ?? 0);
    expect(replaced).toHaveLength(2);
    expect(replaced.some((worker) => before.includes(worker.pid))).toBe(false);
    const overUnix = await fetch("http://x/", { unix: path, keepalive: false });
    expect(await overUnix.json()).toMatchObject({ generation: 2 });
    const big = await fetch(`http://127.0.0.1:${master.port}/`, { headers: { "x-big": "a".repeat(40_000) } });
    expect(big.headers.get("x-size")).toBe("40000");
    writeFileSync(join(home, "go"), "");
    expect(before).toContain((await slow).pid);
    await until("the old ones are gone", async () => (await master.status()).workers.length === 2);
    expect(existsSync(path)).toBe(true);
  });
});
