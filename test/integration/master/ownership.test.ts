/** One master a home, one owner a port, and what killed predecessors leave behind. */

import { afterEach, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { askMaster, stopMaster } from "../../../src/master/client.ts";
import { startDetached } from "../../../src/master/detach.ts";
import { identifyProcess } from "../../../src/runtime/process-identity.ts";
import { configure, createHarness, getFrom, MASTER_ENTRY } from "../../support/master-harness.ts";
import { tcpListener } from "../../support/test-settings.ts";
import { until } from "../../support/until.ts";

const harness = createHarness();
let servers: { stop(): unknown }[] = [];
afterEach(async () => {
  for (const server of servers) await server.stop();
  servers = [];
  await harness.end();
});

function stranger() {
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    reusePort: true,
    fetch: () => new Response("mine"),
  });
  servers.push({ stop: () => server.stop(true) });
  return server.port ?? 0;
}

describe("a home", () => {
  test("takes one master only", async () => {
    const master = await harness.start({});
    const second = await harness.startAndFail({}, master.home);
    expect(second.exitCode).toBe(2);
    expect(second.output).toBe(
      `failed 2 Cannot start: ophid is already running on this home with pid ${master.pid}\n`,
    );
    expect((await master.get()).generation).toBe(1);
    expect((await master.ask("GET", "/readyz")).status).toBe(200);
  });

  test("is taken by exactly one of several starts at the same moment", async () => {
    const home = harness.newHome();
    mkdirSync(join(home, "run"));
    writeFileSync(join(home, "run", "proxy.pid"), "999999999\nstart=1\n");
    const settings = {};
    const starts = await Promise.allSettled([1, 2, 3, 4].map(() => harness.start(settings, home)));
    expect(starts.filter((start) => start.status === "fulfilled")).toHaveLength(1);
  });

  test("is free again after its master was killed, socket and pid file notwithstanding", async () => {
    const master = await harness.start({ workers: 2 });
    process.kill(master.pid, "SIGKILL");
    await master.exited;
    expect(existsSync(join(master.home, "run", "proxy.sock"))).toBe(true);
    // At once: the workers of the first may still hold the port.
    const next = await harness.start({ listeners: [tcpListener(master.port)] }, master.home);
    expect((await next.ask("GET", "/livez")).body).toEqual({ alive: true, pid: next.pid });
    expect((await next.get()).generation).toBe(1);
  });

  test("is not blocked by a pid that means another process now", async () => {
    const home = harness.newHome();
    mkdirSync(join(home, "run"));
    writeFileSync(join(home, "run", "proxy.pid"), `${process.pid}\nstart=12345\n`);
    expect((await harness.start({}, home)).pid).toBeGreaterThan(0);
  });

  test("is refused while somebody else answers on its admin socket", async () => {
    const home = harness.newHome();
    mkdirSync(join(home, "run"));
    const path = join(home, "run", "proxy.sock");
    const server: Server = createServer().listen(path);
    servers.push({ stop: () => server.close() });
    await until("the socket is there", () => existsSync(path));
    const outcome = await harness.startAndFail({}, home);
    expect(outcome.output).toBe(`failed 2 Cannot start: another process answers on "${path}"\n`);
    expect(existsSync(path)).toBe(true);
  });
});

describe("a port", () => {
  test("of a stranger is refused even though the stranger would share it", async () => {
    const port = stranger();
    const outcome = await harness.startAndFail({ workers: 2, listeners: [tcpListener(port)] });
    expect(outcome).toEqual({
      exitCode: 2,
      output: `failed 2 Cannot listen on 127.0.0.1:${port}: the port belongs to another process\n`,
    });
  });

  test("of a second ophid on another home is refused", async () => {
    const master = await harness.start({});
    const outcome = await harness.startAndFail({ listeners: [tcpListener(master.port)] });
    expect(outcome.output).toContain("the port belongs to another process");
    expect((await master.get()).generation).toBe(1);
  });

  test("on an address of another machine is refused with that reason", async () => {
    const outcome = await harness.startAndFail({ listeners: [tcpListener(0, "192.0.2.1")] });
    expect(outcome.output).toContain("Cannot listen on 192.0.2.1:0: this machine does not have the address");
  });

  test("on a name that nobody knows is refused with that reason", async () => {
    const outcome = await harness.startAndFail({ listeners: [tcpListener(0, "nobody.invalid")] });
    expect(outcome.output).toBe("failed 2 Cannot listen on nobody.invalid:0: the name cannot be resolved\n");
  });
});

describe("admin API", () => {
  test("row 62: refuses browsers and large bodies", async () => {
    const master = await harness.start({});
    const unix = join(master.home, "run", "proxy.sock");
    const ask = (init: RequestInit) => fetch("http://x/status", { unix, keepalive: false, ...init });
    expect((await ask({ headers: { origin: "https://evil.test" } })).status).toBe(403);
    expect((await ask({ headers: { "sec-fetch-site": "cross-site" } })).status).toBe(403);
    expect((await ask({})).status).toBe(200);
    expect((await ask({ method: "POST", body: "x".repeat(100_000) })).status).toBe(413);
    expect((await master.ask("GET", "/nothing")).status).toBe(404);
  });

  test("shows the running configuration", async () => {
    const master = await harness.start({ routes: 2 });
    const { body } = await master.ask("GET", "/config");
    expect(body).toMatchObject({ generation: 1, routes: [{ id: "r1" }, { id: "r2" }] });
    expect((body as { slots: unknown }).slots).toEqual({ e1: 0, e2: 1, p1: 0, p2: 1 });
  });
});

describe("askMaster", () => {
  test("tells a home without a master from a master that fails", async () => {
    const home = harness.newHome();
    const absent = await askMaster(home, { method: "GET", path: "/status" });
    expect(absent).toEqual({
      ok: false,
      error: { kind: "not-running", message: `ophid is not running on home "${home}"` },
    });
    const master = await harness.start({}, home);
    process.kill(master.pid, "SIGKILL");
    await master.exited;
    expect(await askMaster(home, { method: "GET", path: "/status" })).toMatchObject({
      ok: false,
      error: { kind: "not-running" },
    });
  });
});

describe("stopMaster", () => {
  test("returns when the process is gone", async () => {
    const master = await harness.start({});
    expect(await stopMaster(master.home, 1_000)).toEqual({ ok: true, value: { pid: master.pid } });
    expect(await master.exited).toBe(0);
    expect(await stopMaster(master.home, 1_000)).toMatchObject({ ok: false, error: { kind: "not-running" } });
  });
});

describe("startDetached", () => {
  const command = (home: string) => [process.execPath, MASTER_ENTRY, home];

  test("returns when the master serves, in a session of its own", async () => {
    const home = harness.newHome();
    configure(home, { workers: 1 });
    const started = await startDetached({ home, command: command(home) });
    if (!started.ok) throw new Error(started.error.message);
    const { pid, logFile } = started.value;
    harness.track(pid);
    expect(identifyProcess(pid).pid).toBe(pid);
    const session = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ")[3];
    expect(session).toBe(String(pid));
    const port = Number(/ready \S+:(\d+)/.exec(readFileSync(logFile, "utf8"))?.[1]);
    expect(await getFrom(port)).toMatchObject({ generation: 1 });
    expect(await stopMaster(home, 1_000)).toEqual({ ok: true, value: { pid } });
  });

  test("hands on what the background process says when it gives up", async () => {
    const home = harness.newHome();
    configure(home, { broken: "config.toml:1:1: unknown key" });
    expect(await startDetached({ home, command: command(home) })).toEqual({
      ok: false,
      error: { exitCode: 1, message: "failed 1 config.toml:1:1: unknown key", isQuoted: true },
    });
  });

  test("says so when its log cannot be opened", async () => {
    const home = harness.newHome();
    mkdirSync(join(home, "log", "ophid.log"), { recursive: true });
    const started = await startDetached({ home, command: command(home) });
    if (started.ok) harness.track(started.value.pid);
    expect(started).toMatchObject({
      ok: false,
      error: { exitCode: 2, message: expect.stringMatching(/^Cannot start: .*ophid\.log/), isQuoted: false },
    });
  });
});
