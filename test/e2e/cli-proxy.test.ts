/** The verbs against a real master with real workers: start, status, reload, route, logs, stop. */

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Backend, type Cli, createCli, freePort, get, startBackend } from "../support/cli.ts";
import { until } from "../support/until.ts";

let cli: Cli;
let backend: Backend;
let port = 0;

beforeEach(() => {
  cli = createCli();
  backend = startBackend("app");
  port = freePort();
});

afterEach(async () => {
  await cli.end();
  await backend.stop();
});

const general = (workers = 1) => `[general]\nlisten = ["127.0.0.1:${port}"]\nworkers = ${workers}\n`;
const route = (host: string) => `[[routes]]\nhost = "${host}"\ntarget = "${backend.address}"\n`;

async function startDetached(text: string): Promise<void> {
  cli.configure(text);
  await cli.must("proxy", "start", "--detach");
}

describe("proxy start", () => {
  test("serves in the foreground, says where, and ends with Ctrl-C", async () => {
    const started = cli.spawn([
      "proxy",
      "start",
      "--listen",
      `127.0.0.1:${port}`,
      "--target",
      backend.address,
    ]);
    await until("the banner is there", () => started.stdout().includes("stop "));
    expect(started.stdout()).toContain(`http://127.0.0.1:${port}\n`);
    expect(started.stdout()).toContain(cli.home);
    expect(await get(port, "any.test", "/x")).toEqual({ status: 200, text: "app /x" });
    started.signal("SIGINT");
    expect(await started.exited).toBe(0);
    expect((await cli.run("proxy", "status")).exitCode).toBe(3);
    expect(readdirSync(join(cli.home, "run"))).toEqual([]);
  });

  test("returns from --detach when it serves; a second start is refused", async () => {
    await startDetached(general(2) + route("a.test"));
    expect((await get(port, "a.test")).status).toBe(200);
    const second = await cli.run("proxy", "start", "--detach");
    expect(second.exitCode).toBe(2);
    expect(second.stderr).toContain("already running on this home");
    expect((await cli.run("proxy", "start")).exitCode).toBe(2);
    expect((await cli.status()).workers.map(({ state }) => state)).toEqual(["ready", "ready"]);
  });

  test("lets flags win over the file", async () => {
    cli.configure(`${general(1).replace(String(port), "1")}${route("a.test")}`);
    await cli.must("proxy", "start", "--detach", "--listen", `127.0.0.1:${port}`, "--workers", "2");
    const status = await cli.status();
    expect(status.listeners.map(({ address }) => address)).toEqual([`127.0.0.1:${port}`]);
    expect(status.workers).toHaveLength(2);
  });

  test("refuses an address that belongs to a stranger, with --detach too", async () => {
    const args = ["proxy", "start", "--listen", backend.address, "--target", "127.0.0.1:9"];
    for (const extra of [[], ["--detach"]]) {
      const result = await cli.run(...args, ...extra);
      expect(result.exitCode).toBe(2);
      expect(result.stderr).toContain("belongs to another process");
    }
    expect(readdirSync(join(cli.home, "run"))).toEqual([]);
  });
});

describe("proxy stop", () => {
  test("waits until everything is gone", async () => {
    await startDetached(general() + route("a.test"));
    const { pid } = await cli.status();
    expect(await cli.must("proxy", "stop", "--timeout", "2s")).toBe(`Stopped ophid with pid ${pid}\n`);
    expect(readdirSync(join(cli.home, "run"))).toEqual([]);
    await expect(get(port, "a.test")).rejects.toThrow();
    expect((await cli.run("proxy", "stop")).exitCode).toBe(3);
  });
});

describe("proxy status", () => {
  test("counts requests by endpoint and shows a worker that came back", async () => {
    await startDetached(general() + route("a.test"));
    for (let i = 0; i < 3; i++) await get(port, "a.test");
    const before = await cli.status();
    expect(before.endpoints).toMatchObject([
      { name: backend.address, inFlight: 0, requests: 3, failures: 0 },
    ]);
    process.kill(before.workers[0]?.pid ?? 0, "SIGKILL");
    const after = await until("another worker serves", async () => {
      const status = await cli.status();
      return status.ready && status.workers[0]?.pid !== before.workers[0]?.pid ? status : undefined;
    });
    expect(after.workers[0]).toMatchObject({ index: 0, restarts: 1 });
    expect((await get(port, "a.test")).status).toBe(200);
    const text = await cli.must("proxy", "status");
    expect(text).toContain(`http://127.0.0.1:${port}`);
    expect(text).toContain(backend.address);
  });

  test("is shown anew until Ctrl-C", async () => {
    await startDetached(general() + route("a.test"));
    const watching = cli.spawn(["proxy", "status", "--watch", "--json"]);
    await until("a second line is there", () => watching.stdout().trim().split("\n").length >= 2);
    watching.signal("SIGINT");
    expect(await watching.exited).toBe(0);
    for (const line of watching.stdout().trim().split("\n")) {
      expect(JSON.parse(line)).toMatchObject({ phase: "running" });
    }
  });
});

describe("proxy reload", () => {
  test("says what changes before and after", async () => {
    await startDetached(general() + route("a.test"));
    expect(await cli.must("proxy", "reload")).toContain("no change");
    cli.configure(general() + route("a.test") + route("b.test"));
    expect(await cli.must("proxy", "reload", "--dry-run")).toBe("A reload would change: 1 route added\n");
    expect((await get(port, "b.test")).status).toBe(404);
    expect(await cli.must("proxy", "reload")).toContain("1 route added");
    expect((await get(port, "b.test")).status).toBe(200);
    const report = JSON.parse(await cli.must("proxy", "reload", "--json"));
    expect(report).toMatchObject({ ok: true, workers: 1, difference: { routesAdded: 0 } });
  });

  test("keeps what runs if the file is wrong, and shows where", async () => {
    await startDetached(general() + route("a.test"));
    const { config } = await cli.status();
    cli.configure(`${general()}${route("a.test")}taget = "x"\n`);
    for (const extra of [[], ["--dry-run"]]) {
      const result = await cli.run("proxy", "reload", ...extra);
      expect(result.exitCode).toBe(1);
      expect(result.stdout).toBe("");
      expect(result.stderr).toContain(`${cli.configPath}:7:1: error:`);
    }
    const asJson = await cli.run("proxy", "reload", "--json");
    expect(asJson.exitCode).toBe(1);
    expect(JSON.parse(asJson.stdout)).toMatchObject({ ok: false, kind: "config" });
    expect((await get(port, "a.test")).status).toBe(200);
    const after = await cli.status();
    expect(after.config.generation).toBe(config.generation);
    expect(await cli.must("proxy", "status")).toContain("was refused, an earlier configuration runs");
  });

  test("ends with 2 if the file is right but cannot be put to work", async () => {
    await startDetached(general() + route("a.test"));
    cli.configure(general().replace(`127.0.0.1:${port}`, backend.address) + route("a.test"));
    const result = await cli.run("proxy", "reload");
    expect(result.exitCode).toBe(2);
    expect(result.stderr).toContain("belongs to another process");
    expect((await get(port, "a.test")).status).toBe(200);
  });
});

describe("proxy route", () => {
  const folder = () => join(cli.home, "proxy", "routes.d");

  test("adds and removes while requests go on", async () => {
    await startDetached(general(2) + route("a.test"));
    const flags = ["--path", "/v1/*", "--strip-prefix", "/v1", "--method", "get"];
    await cli.must("proxy", "route", "add", "--host", "b.test", "--target", backend.address, ...flags);
    expect(await get(port, "b.test", "/v1/x")).toEqual({ status: 200, text: "app /x" });
    const listed = JSON.parse(await cli.must("proxy", "route", "list", "--json"));
    expect(listed).toMatchObject({
      running: true,
      routes: [
        { host: "a.test" },
        { host: "b.test", path: "/v1/*", methods: ["GET"], to: [backend.address] },
      ],
    });
    expect(await cli.must("proxy", "route", "remove", "b.test/v1/*")).toContain("Removed b.test/v1/*");
    expect((await get(port, "b.test", "/v1/x")).status).toBe(404);
    expect(readdirSync(folder())).toEqual([]);
  });

  test("adds nothing that the running proxy refuses", async () => {
    await startDetached(general() + route("a.test"));
    const result = await cli.run("proxy", "route", "add", "--host", "b.test", "--target", "nonsense");
    expect(result.exitCode).toBe(1);
    expect(result.stderr).toContain("expected:");
    expect(result.stderr).toContain("nothing changed");
    expect(readdirSync(folder())).toEqual([]);
    expect((await cli.status()).config).toMatchObject({ generation: 1, lastReload: { ok: true } });
  });

  test("removes nothing if the rest would not stand", async () => {
    await startDetached(general() + route("a.test"));
    await cli.must("proxy", "route", "add", "--host", "b.test", "--target", backend.address);
    const [file = ""] = readdirSync(folder());
    cli.configure("broken = [");
    expect((await cli.run("proxy", "route", "remove", "b.test")).exitCode).toBe(1);
    expect(readdirSync(folder())).toEqual([file]);
    expect((await get(port, "b.test")).status).toBe(200);
  });

  test("is refused where no file would hold it", async () => {
    const flags = ["--listen", `127.0.0.1:${port}`, "--target", backend.address];
    await cli.must("proxy", "start", "--detach", "--workers", "1", ...flags);
    const result = await cli.run("proxy", "route", "add", "--host", "b.test", "--target", "localhost:1");
    expect(result.exitCode).toBe(1);
    expect(result.stderr).toContain("without a configuration file");
    expect(existsSync(folder())).toBe(false);
  });
});

describe("logs", () => {
  test("are shown with filters and followed", async () => {
    await startDetached(general() + route("a.test"));
    await get(port, "a.test", "/one");
    await get(port, "none.test", "/two");
    const lines = await until("both lines are in the file", async () => {
      const text = await cli.must("proxy", "logs", "--json");
      const all = text.trim().split("\n");
      return all.length === 2 ? all.map((line) => JSON.parse(line)) : undefined;
    });
    expect(lines).toMatchObject([
      { target: "/one", status: 200 },
      { target: "/two", status: 404 },
    ]);
    expect(await cli.must("proxy", "logs", "--status", "4xx")).toMatch(
      /^\S+ \S+ 404 GET none\.test\/two .*\n$/,
    );
    expect(await cli.must("proxy", "logs", "--route", "a.test/*", "--json")).toContain("/one");
    expect(await cli.must("proxy", "logs", "-n", "0")).toBe("");
    const following = cli.spawn(["proxy", "logs", "--follow", "--lines", "1"]);
    await until("the last line is shown", () => following.stdout().includes("/two"));
    await get(port, "a.test", "/three");
    await until("the new line is shown", () => following.stdout().includes("/three"));
    expect(following.stdout()).not.toContain("/one");
    following.signal("SIGINT");
    expect(await following.exited).toBe(0);
  });

  test("go to new files after a rotation, messages and failures included", async () => {
    const dead = startBackend("dead");
    await dead.stop();
    const broken = route("dead.test").replace(backend.address, dead.address);
    await startDetached(general() + route("a.test") + broken);
    const log = join(cli.home, "log");
    const read = (name: string) => readFileSync(join(log, name), "utf8");
    expect((await get(port, "dead.test")).status).toBe(502);
    await until("the failure is described", () => read("error.log").includes("dead.test"));
    for (const name of ["access.log", "error.log"]) renameSync(join(log, name), join(log, `${name}.1`));
    process.kill((await cli.status()).pid, "SIGUSR1");
    await until(
      "new files are there",
      () => existsSync(join(log, "access.log")) && existsSync(join(log, "error.log")),
    );
    await get(port, "a.test", "/after");
    await until("the new line is in the new file", () => read("access.log").includes("/after"));
    await cli.must("proxy", "reload");
    await until("the reload is in the new file", () => read("error.log").includes("Reloaded"));
    expect((await get(port, "dead.test")).status).toBe(502);
    await until("the next failure is there too", () => read("error.log").includes("dead.test"));
    expect(read("access.log.1")).not.toContain("/after");
  });

  test("move with a changed error log, and tell every line of a refused file", async () => {
    await startDetached(general() + route("a.test"));
    const moved = join(cli.home, "moved.log");
    cli.configure(`${general()}error_log = "${moved}"\n${route("a.test")}`);
    await cli.must("proxy", "reload");
    writeFileSync(cli.configPath, "broken = [");
    expect((await cli.run("proxy", "reload")).exitCode).toBe(1);
    const text = await until("the refusal is there", () => {
      const found = readFileSync(moved, "utf8");
      return found.includes("Cannot reload") ? found : undefined;
    });
    expect(text).toContain(`ERROR ${cli.configPath}:`);
  });
});
