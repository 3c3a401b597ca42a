/** The command line as scripts see it, without a running proxy: exit codes, streams, messages. */

import { afterAll, describe, expect, test } from "bun:test";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createCli, freePort, PROGRAM, startBackend } from "../support/cli.ts";
import { until } from "../support/until.ts";

const cli = createCli();
afterAll(cli.end);

const VALID = '[[routes]]\nhost = "a.test"\ntarget = "localhost:3000"\n';

describe("exit codes", () => {
  test.each([
    [["--help"], 0],
    [["help", "proxy", "start"], 0],
    [["proxy", "route", "add", "-h"], 0],
    [["version"], 0],
    [["--version"], 0],
    [[], 1],
    [["proxy"], 1],
    [["proxy", "strat"], 1],
    [["proxy", "start", "--lisen", ":1"], 1],
    [["proxy", "start", "--tls", "auto", "--target", "x:1"], 1],
    [["proxy", "start", "--domain", "x", "--target", "x:1"], 1],
    [["proxy", "start"], 1],
    [["proxy", "start", "--listen", "nonsense", "--target", "x:1"], 1],
    [["proxy", "start", "--workers", "0", "--target", "x:1"], 1],
    [["proxy", "start", "--config", "missing.toml"], 1],
    [["proxy", "start", "--config", "missing.toml", "--detach"], 1],
    [["proxy", "route", "add", "--target", "x:1"], 1],
    [["proxy", "route", "add", "--host", "x", "--target", "x:1", "--require-scan"], 1],
    [["proxy", "route", "add", "--host", "x", "--target", "x:1"], 1],
    [["proxy", "route", "remove"], 1],
    [["proxy", "stop", "--timeout", "soon"], 1],
    [["proxy", "logs", "--status", "6xx"], 1],
    [["proxy", "explain"], 1],
    [["proxy", "validate", "missing.toml"], 1],
    [["demo", "--port", "http"], 1],
    [["__worker"], 1],
    [["proxy", "stop"], 3],
    [["proxy", "reload"], 3],
    [["proxy", "reload", "--dry-run"], 3],
    [["proxy", "status"], 3],
    [["proxy", "status", "--watch"], 3],
    [["proxy", "logs"], 3],
  ])("%j is %i", async (args, exitCode) => {
    const result = await cli.run(...args);
    expect(result.exitCode).toBe(exitCode);
    if (exitCode === 0) expect(result.stderr).toBe("");
    else {
      expect(result.stdout).toBe("");
      expect(result.stderr).not.toMatch(/^\s+at /m);
      expect(result.stderr).not.toContain("\u001b");
    }
  });
});

describe("messages", () => {
  test("name the flag that was meant", async () => {
    const { stderr } = await cli.run("proxy", "start", "--lisen", ":1");
    expect(stderr).toBe('error: Unknown flag "--lisen"\nhint:  Did you mean "--listen"?\n');
  });

  test("show both ways to start", async () => {
    const { stderr } = await cli.run("proxy", "start");
    expect(stderr).toContain(join(cli.home, "proxy", "config.toml"));
    expect(stderr).toContain("--target localhost:3000");
  });

  test("are JSON where it was asked for", async () => {
    expect(JSON.parse(await cli.must("version", "--json"))).toMatchObject({
      version: expect.any(String),
      runtime: `bun ${Bun.version}`,
    });
  });
});

describe("validate and explain", () => {
  const file = join(cli.home, "some.toml");

  test("accept a good file", async () => {
    writeFileSync(file, VALID);
    expect(await cli.must("proxy", "validate", file)).toBe(`${file} is valid: 1 route on 1 listener\n`);
    expect(await cli.must("proxy", "explain", "http://a.test/x", "--config", file)).toContain(
      `Route "a.test/*" (${file}:1) takes it`,
    );
  });

  test("end with 1 if no route takes the request, and say so", async () => {
    const result = await cli.run("proxy", "explain", "http://b.test/", "--config", file);
    expect(result.exitCode).toBe(1);
    expect(result.stdout).toContain("No route takes it: answer 404");
  });

  test("show every mistake with its place", async () => {
    writeFileSync(file, '[[routes]]\nhos = "a"\ntarget = 5\n');
    const result = await cli.run("proxy", "validate", file);
    expect(result.exitCode).toBe(1);
    expect(result.stderr).toContain(`${file}:2:1: error:`);
    expect(result.stderr).toContain(`${file}:3:10: error:`);
    const asJson = await cli.run("proxy", "validate", file, "--json");
    expect(asJson.exitCode).toBe(1);
    const report = JSON.parse(asJson.stdout) as { valid: boolean; diagnostics: { line: number }[] };
    expect(report.valid).toBe(false);
    expect(report.diagnostics.map(({ line }) => line)).toEqual([2, 3]);
    expect((await cli.run("proxy", "explain", "http://a.test/", "--config", file)).exitCode).toBe(1);
  });
});

describe("routes without a running proxy", () => {
  const folder = join(cli.home, "proxy", "routes.d");
  const add = (host: string, target: string) =>
    cli.run("proxy", "route", "add", "--host", host, "--target", target);

  test("are added, listed and removed in the files", async () => {
    cli.configure(VALID);
    expect((await add("b.test", "localhost:1")).exitCode).toBe(0);
    expect(readdirSync(folder)).toHaveLength(1);
    const listed = await cli.run("proxy", "route", "list");
    expect(listed.stdout).toContain("b.test");
    expect(listed.stderr).toContain("not running");
    expect((await add("b.test", "localhost:2")).exitCode).toBe(1);
    await cli.must("proxy", "route", "remove", "b.test");
    expect(readdirSync(folder)).toEqual([]);
  });

  test("are not kept if the whole configuration would not stand", async () => {
    cli.configure(VALID);
    const duplicate = await add("a.test", "localhost:1");
    expect(duplicate.exitCode).toBe(1);
    expect(duplicate.stderr).toContain("error");
    expect((await add("b.test", "nonsense")).exitCode).toBe(1);
    expect(readdirSync(folder)).toEqual([]);
  });

  test("of the user's own file are named, never removed", async () => {
    const result = await cli.run("proxy", "route", "remove", "a.test");
    expect(result.exitCode).toBe(1);
    expect(result.stderr).toContain(`${cli.configPath}:1`);
    expect(await Bun.file(cli.configPath).text()).toBe(VALID);
  });

  test("wait for their endpoints if asked to", async () => {
    cli.configure(VALID);
    const backend = startBackend("late");
    const args = ["proxy", "route", "add", "--host", "w.test", "--target", backend.address, "--wait"];
    expect(await cli.must(...args)).toContain("w.test/*");
    await cli.must("proxy", "route", "remove", "w.test");
    await backend.stop();
  });
});

describe("output", () => {
  test("is whole also through a slow pipe, and a reader that leaves is no failure", async () => {
    const log = join(cli.home, "log");
    const line = `${JSON.stringify({ status: 200, target: "x".repeat(2_000) })}\n`;
    await Bun.write(join(log, "access.log"), line.repeat(2_000));
    cli.configure(VALID);
    const command = [...PROGRAM, "proxy", "logs", "--json", "-n", "2000"].join(" ");
    const piped = (rest: string) => {
      const script = `set -o pipefail; ${command} | ${rest}`;
      return Bun.spawnSync(["bash", "-c", script], { env: { ...process.env, OPHID_HOME: cli.home } });
    };
    const counted = piped("(sleep 0.3; wc -c)");
    expect(counted.stdout.toString().trim()).toBe(String(line.length * 2_000));
    const left = piped("head -n 1");
    expect(left.exitCode).toBe(0);
    expect(left.stderr.toString()).toBe("");
  });

  test("has colours on a terminal only, and none with NO_COLOR", () => {
    const onTerminal = (env: Record<string, string>) => {
      const command = [...PROGRAM, "proxy", "nonsense"].join(" ");
      const run = Bun.spawnSync(["script", "-qec", command, "/dev/null"], {
        env: { ...process.env, TERM: "xterm", NO_COLOR: "", OPHID_HOME: cli.home, ...env },
      });
      return run.stdout.toString();
    };
    expect(onTerminal({})).toContain("\u001b[31merror:");
    expect(onTerminal({ NO_COLOR: "1" })).not.toContain("\u001b");
    expect(onTerminal({ TERM: "dumb" })).not.toContain("\u001b");
  });
});

describe("demo", () => {
  test("serves two backends in turn and leaves nothing behind", async () => {
    const port = freePort();
    const demo = cli.spawn(["demo", "--port", String(port)]);
    const home = await until("the demo serves", () => /OPHID_HOME=(\S+)/.exec(demo.stdout())?.[1]);
    const answers: string[] = [];
    for (let i = 0; i < 10; i++) {
      const response = await fetch(`http://127.0.0.1:${port}/`, { keepalive: false });
      answers.push((await response.text()).slice(0, "backend one".length));
    }
    const turns = ["backend one", "backend two"];
    const first = answers[0] === turns[0] ? 0 : 1;
    expect(answers).toEqual(answers.map((_, i) => turns[(i + first) % 2] ?? ""));
    const status = cli.spawn(["proxy", "status", "--json"], { OPHID_HOME: home });
    expect(await status.exited).toBe(0);
    const endpoints = (JSON.parse(status.stdout()) as { endpoints: { requests: number }[] }).endpoints;
    expect(endpoints.map(({ requests }) => requests)).toEqual([5, 5]);
    demo.signal("SIGINT");
    expect(await demo.exited).toBe(0);
    expect(existsSync(home)).toBe(false);
  });

  test("says what to do if the port is taken", async () => {
    const backend = startBackend("taken");
    const [, port = ""] = backend.address.split(":");
    const result = await cli.run("demo", "--port", port);
    await backend.stop();
    expect(result.exitCode).toBe(2);
    expect(result.stderr).toContain("--port");
  });
});
