/** The backend and the proxies: their files from the templates in conf/, started and answering. */

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Child, hasEnded, outputOf, startChild } from "./children.ts";
import type { Cores } from "./machine.ts";

export interface Lab {
  /** Temporary folder of this benchmark. */
  readonly dir: string;
  readonly cores: Cores;
  readonly backend: Backend;
}

export interface Backend {
  readonly port: number;
  /** Served as they are; uploads/ takes PUT. */
  readonly filesDir: string;
  readonly child: Child;
}

export interface ProxyServer {
  readonly name: string;
  readonly child: Child;
  readonly port: number;
  readonly accessLog: string;
}

/** nginx workers run as whoever runs the benchmark, so that they reach its files. */
const USER_NAME = Bun.spawnSync(["id", "-un"]).stdout.toString().trim();
const READY_TIMEOUT_MS = 20_000;
const POLL_MS = 50;

export async function startBackend(
  lab: Pick<Lab, "dir" | "cores">,
  port: number,
  files: Readonly<Record<string, Uint8Array>>,
): Promise<Backend> {
  const dir = makeDir(lab.dir, "backend");
  const filesDir = makeDir(dir, "files");
  makeDir(filesDir, "upload");
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(filesDir, name), bytes);
  const config = fill("backend.conf", { DIR: dir, PORT: port, FILES: filesDir, USER: USER_NAME });
  const child = startNginx("backend", dir, config, lab.cores.backend);
  await waitUntilReady(child, port, "/small");
  return { port, filesDir, child };
}

export async function startNginxProxy(lab: Lab, port: number): Promise<ProxyServer> {
  const dir = makeDir(lab.dir, "nginx");
  const accessLog = join(dir, "access.log");
  const config = fill("nginx.conf", {
    DIR: dir,
    LOG: accessLog,
    PORT: port,
    BACKEND: lab.backend.port,
    USER: USER_NAME,
  });
  const child = startNginx("nginx", dir, config, lab.cores.proxy);
  await waitUntilReady(child, port, "/small");
  return { name: "nginx", child, port, accessLog };
}

function startNginx(name: string, dir: string, config: string, core: number): Child {
  const configPath = join(dir, "nginx.conf");
  writeFileSync(configPath, config);
  const command = ["nginx", "-p", dir, "-e", join(dir, "error.log"), "-c", configPath];
  return startChild({ name, core, command, outputPath: join(dir, "output.log") });
}

export async function startCaddyProxy(lab: Lab, port: number): Promise<ProxyServer> {
  const dir = makeDir(lab.dir, "caddy");
  const accessLog = join(dir, "access.log");
  const configPath = join(dir, "Caddyfile");
  writeFileSync(
    configPath,
    fill("Caddyfile", { DIR: dir, LOG: accessLog, PORT: port, BACKEND: lab.backend.port }),
  );
  const child = startChild({
    name: "caddy",
    core: lab.cores.proxy,
    command: ["caddy", "run", "--config", configPath, "--adapter", "caddyfile"],
    outputPath: join(dir, "output.log"),
    // One core is what it gets; more threads than that would only be moved about.
    env: { GOMAXPROCS: "1", HOME: dir, XDG_DATA_HOME: dir, XDG_CONFIG_HOME: dir },
  });
  await waitUntilReady(child, port, "/small");
  return { name: "caddy", child, port, accessLog };
}

export interface OphidOptions {
  readonly name: string;
  readonly binary: string;
  readonly port: number;
  /** Hosts that have a route of their own; "*" is any. */
  readonly hosts: readonly string[];
}

export async function startOphid(
  lab: Lab,
  { name, binary, port, hosts }: OphidOptions,
): Promise<ProxyServer> {
  const dir = makeDir(lab.dir, name.replace(/[^a-z0-9]/gi, "-"));
  const accessLog = join(dir, "access.log");
  const routes = hosts
    .map((host) => fill("ophid-route.toml", { HOST: host, BACKEND: lab.backend.port }))
    .join("");
  const configPath = join(dir, "config.toml");
  writeFileSync(configPath, fill("ophid.toml", { DIR: dir, LOG: accessLog, PORT: port, ROUTES: routes }));
  const child = startChild({
    name,
    core: lab.cores.proxy,
    command: [binary, "proxy", "start", "--config", configPath],
    outputPath: join(dir, "output.log"),
    env: { OPHID_HOME: join(dir, "home") },
  });
  const host = hosts[0] === "*" ? undefined : hosts[0];
  await waitUntilReady(child, port, "/small", host);
  return { name, child, port, accessLog };
}

function makeDir(parent: string, name: string): string {
  const dir = join(parent, name);
  mkdirSync(dir, { recursive: true });
  return dir;
}

function fill(template: string, values: Readonly<Record<string, string | number>>): string {
  const text = readFileSync(join(import.meta.dir, "conf", template), "utf8");
  return text.replace(/@([A-Z]+)@/g, (_, key: string) => {
    const value = values[key];
    if (value === undefined) throw new Error(`conf/${template} wants @${key}@, which nobody gives`);
    return String(value);
  });
}

async function waitUntilReady(child: Child, port: number, path: string, host?: string): Promise<void> {
  const deadline = performance.now() + READY_TIMEOUT_MS;
  while (!(await answers(port, path, host))) {
    if (hasEnded(child) || performance.now() > deadline) {
      const state = hasEnded(child) ? "it ended" : "it does not answer";
      throw new Error(`Cannot start ${child.name}: ${state}\n${outputOf(child)}`);
    }
    await Bun.sleep(POLL_MS);
  }
}

async function answers(port: number, path: string, host: string | undefined): Promise<boolean> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, {
      proxy: "",
      keepalive: false,
      headers: host === undefined ? {} : { Host: host },
      signal: AbortSignal.timeout(2000),
    });
    await response.bytes();
    return response.status === 200;
  } catch {
    return false;
  }
}
