/** Start, crash, signals and stop of a real master with real workers. */

import { afterEach, describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createHarness, getFrom, type TestMaster } from "../../support/master-harness.ts";
import { tcpListener, unixListener } from "../../support/test-settings.ts";
import { until } from "../../support/until.ts";

const harness = createHarness();
afterEach(() => harness.end());

async function workerPids(master: TestMaster): Promise<number[]> {
  const { workers } = await master.status();
  const pids = workers.flatMap((worker) =>
    worker.state === "ready" && worker.pid !== undefined ? [worker.pid] : [],
  );
  for (const pid of pids) harness.track(pid);
  return pids;
}

function cellFiles(pid: number): string[] {
  return existsSync("/dev/shm") ? readdirSync("/dev/shm").filter((name) => name.includes(`-${pid}-`)) : [];
}

describe("start", () => {
  test("four workers share one port", async () => {
    const master = await harness.start({ workers: 4 });
    const seen = new Set<number>();
    await until("every worker has answered", async () => {
      seen.add((await master.get()).pid);
      return seen.size === 4;
    });
    expect((await workerPids(master)).sort()).toEqual([...seen].sort());
  });

  test("the admin socket and the pid file are closed to others", async () => {
    const master = await harness.start({});
    const run = join(master.home, "run");
    expect(statSync(run).mode & 0o777).toBe(0o700);
    expect(statSync(join(run, "proxy.sock")).mode & 0o777).toBe(0o600);
    expect(readFileSync(join(run, "proxy.pid"), "utf8")).toStartWith(`${master.pid}\n`);
    expect((await master.ask("GET", "/readyz")).status).toBe(200);
    expect((await master.ask("GET", "/livez")).body).toEqual({ alive: true, pid: master.pid });
  });

  test("workers get the head limit and none of the master's secrets", async () => {
    const master = await harness.start({ maxHeaderBytes: 65_536 });
    const env = (await getFrom(master.port, "/env")) as Record<string, string>;
    expect(env["OPHID_TEST_SECRET"]).toBeUndefined();
    expect(env["BUN_OPTIONS"]).toBe("--max-http-header-size=65536");
    const response = await fetch(`http://127.0.0.1:${master.port}/`, {
      headers: { "x-big": "a".repeat(40_000) },
    });
    expect(response.headers.get("x-size")).toBe("40000");
  });

  test("a broken configuration ends the start with code 1 and leaves nothing", async () => {
    const home = harness.newHome();
    const outcome = await harness.startAndFail({ broken: "config.toml:1:1: unknown key" }, home);
    expect(outcome).toEqual({ exitCode: 1, output: "failed 1 config.toml:1:1: unknown key\n" });
    expect(readdirSync(join(home, "run"))).toEqual([]);
  });

  test("a worker that cannot prepare ends the start with code 2 and leaves nothing", async () => {
    const home = harness.newHome();
    writeFileSync(join(home, "fail-prepare-1"), "");
    const outcome = await harness.startAndFail({ workers: 2 }, home);
    expect(outcome).toEqual({ exitCode: 2, output: "failed 2 Worker 1: the test says no\n" });
    expect(readdirSync(join(home, "run"))).toEqual([]);
  });
});

describe("crash", () => {
  test("a killed worker is replaced well within a second", async () => {
    const master = await harness.start({ workers: 2 });
    const [victim = 0] = await workerPids(master);
    const killedAt = performance.now();
    process.kill(victim, "SIGKILL");
    await until("another worker is ready", async () => {
      const pids = await workerPids(master);
      return pids.length === 2 && !pids.includes(victim);
    });
    expect(performance.now() - killedAt).toBeLessThan(1_000);
    expect((await master.status()).workers[0]).toMatchObject({ index: 0, restarts: 1, state: "ready" });
    expect(master.output()).toContain(`Worker 0 (pid ${victim}) was killed by SIGKILL: starting another now`);
  });

  test("what a killed worker had in flight is taken back", async () => {
    const master = await harness.start({ workers: 1 });
    const [victim = 0] = await workerPids(master);
    const requests = [1, 2, 3].map(() => master.get("/slow").catch(() => "cut off"));
    const inFlight = async () => (await master.status()).endpoints[0]?.inFlight;
    await until("three requests are counted", async () => (await inFlight()) === 3);
    process.kill(victim, "SIGKILL");
    expect(await Promise.all(requests)).toEqual(["cut off", "cut off", "cut off"]);
    await until("nothing is counted any more", async () => (await inFlight()) === 0);
    expect((await master.status()).endpoints[0]?.requests).toBe(3);
    await until("a worker is back", () => master.get());
  });

  test("a worker told to terminate drains and is replaced", async () => {
    const master = await harness.start({ workers: 1 });
    const [old = 0] = await workerPids(master);
    const slow = master.get("/slow");
    await until("the request is counted", async () => (await master.status()).endpoints[0]?.inFlight === 1);
    process.kill(old, "SIGTERM");
    writeFileSync(join(master.home, "go"), "");
    expect((await slow).pid).toBe(old);
    await until("another is ready", async () => (await workerPids(master)).some((pid) => pid !== old));
  });

  test("workers leave and the port is free when the master is killed", async () => {
    const master = await harness.start({ workers: 3 });
    await workerPids(master);
    process.kill(master.pid, "SIGKILL");
    await until("nobody listens", () =>
      fetch(`http://127.0.0.1:${master.port}/`).then(
        () => false,
        () => true,
      ),
    );
    await until("the workers removed the shared memory", () => cellFiles(master.pid).length === 0);
    const next = await harness.start({ listeners: [tcpListener(master.port)] }, master.home);
    expect((await next.get()).generation).toBe(1);
  });
});

describe("unix listener", () => {
  const ask = async (path: string) =>
    (await (await fetch("http://x/", { unix: path, keepalive: false })).json()) as { pid: number };

  test("is served by one worker and handed over when that one dies", async () => {
    const home = harness.newHome();
    const path = join(home, "front.sock");
    const master = await harness.start({ workers: 2, listeners: [unixListener(path)] }, home);
    const owner = (await ask(path)).pid;
    expect(await workerPids(master)).toContain(owner);
    expect(statSync(path).mode & 0o777).toBe(0o660);
    process.kill(owner, "SIGKILL");
    const heir = await until("another worker answers on the path", () => ask(path));
    expect(heir.pid).not.toBe(owner);
    process.kill(master.pid, "SIGTERM");
    expect(await master.exited).toBe(0);
    expect(existsSync(path)).toBe(false);
  });

  test("a stale socket file is replaced, a socket in use and a plain file are not", async () => {
    const home = harness.newHome();
    const path = join(home, "front.sock");
    const stranger = Bun.spawn([
      process.execPath,
      "-e",
      `Bun.serve({ unix: ${JSON.stringify(path)}, fetch: () => new Response("mine") })`,
    ]);
    harness.track(stranger.pid);
    await until("the stranger serves", () => fetch("http://x/", { unix: path, keepalive: false }));
    const settings = { listeners: [unixListener(path)] };
    const refused = await harness.startAndFail(settings, home);
    expect(refused.output).toBe(
      `failed 2 Cannot listen on unix:${path}: another process answers on this socket\n`,
    );
    stranger.kill("SIGKILL");
    await stranger.exited;
    expect(existsSync(path)).toBe(true);
    const master = await harness.start(settings, home);
    expect((await ask(path)).pid).toBeGreaterThan(0);
    process.kill(master.pid, "SIGTERM");
    await master.exited;
    writeFileSync(path, "precious");
    const inTheWay = await harness.startAndFail(settings, home);
    expect(inTheWay.output).toContain("a file that is not a socket is in the way");
    expect(readFileSync(path, "utf8")).toBe("precious");
  });
});

test("a unix listener whose folder is missing ends the start with that reason", async () => {
  const home = harness.newHome();
  const path = join(home, "nowhere", "front.sock");
  const refused = await harness.startAndFail({ listeners: [unixListener(path)] }, home);
  expect(refused.output).toBe(
    `failed 2 Cannot listen on unix:${path}: there is no folder "${join(home, "nowhere")}"\n`,
  );
});

describe("stop", () => {
  test("row 65: SIGTERM turns readiness off, finishes what is under way, refuses new work and exits with 0", async () => {
    const master = await harness.start({ workers: 2 });
    const slow = master.get("/slow");
    await until("the request is counted", async () => (await master.status()).endpoints[0]?.inFlight === 1);
    process.kill(master.pid, "SIGTERM");
    await until("readiness is off", async () => (await master.ask("GET", "/readyz")).status === 503);
    await until("nobody accepts", () =>
      fetch(`http://127.0.0.1:${master.port}/`).then(
        () => false,
        () => true,
      ),
    );
    const status = await master.status();
    expect(status.phase).toBe("stopping");
    // The idle one leaves at once, and nobody waits for another in its place.
    expect(new Set(status.workers.map(({ state }) => state))).toEqual(new Set(["draining"]));
    writeFileSync(join(master.home, "go"), "");
    expect((await slow).generation).toBe(1);
    expect(await master.exited).toBe(0);
    expect(readdirSync(join(master.home, "run"))).toEqual([]);
    expect(cellFiles(master.pid)).toEqual([]);
  });

  test("the admin API takes a deadline; what is left then is cut off", async () => {
    const master = await harness.start({ workers: 2 });
    const slow = master.get("/slow").catch(() => "cut off");
    await until("the request is counted", async () => (await master.status()).endpoints[0]?.inFlight === 1);
    expect((await master.ask("POST", "/stop", { timeoutMs: "soon" })).status).toBe(400);
    const stop = await master.ask("POST", "/stop", { timeoutMs: 200 });
    expect(stop).toEqual({ status: 202, body: { stopping: true, pid: master.pid, drainMs: 200 } });
    expect(await slow).toBe("cut off");
    expect(await master.exited).toBe(0);
  });

  test("a second signal does not wait", async () => {
    const master = await harness.start({ workers: 1, drainMs: 60_000 });
    const slow = master.get("/slow").catch(() => "cut off");
    await until("the request is counted", async () => (await master.status()).endpoints[0]?.inFlight === 1);
    process.kill(master.pid, "SIGINT");
    await until("it is stopping", async () => (await master.status()).phase === "stopping");
    process.kill(master.pid, "SIGINT");
    expect(await slow).toBe("cut off");
    expect(await master.exited).toBe(0);
  });

  test("SIGUSR1 reopens the logs of the master and every worker", async () => {
    const master = await harness.start({ workers: 2 });
    process.kill(master.pid, "SIGUSR1");
    const reopened = await until("both have reopened", () => {
      const text = readFileSync(join(master.home, "reopened"), "utf8");
      return text.length >= 4 ? text : undefined;
    });
    expect(reopened.trim().split("\n").sort()).toEqual(["0", "1"]);
    await until("so has the master", () => master.output().includes("own log reopened"));
  });
});
