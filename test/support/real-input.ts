/** The program in front of Debian's nginx with a folder of files, of a `ws` server and of a stream of events. */

import { createHash, randomFillSync } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { onCleanUp } from "./cleanup.ts";
import {
  configure,
  freePort,
  kill,
  makeDirectory,
  makeHome,
  type Ophid,
  routeTo,
  startOphid,
  startScript,
} from "./ophid.ts";
import { memoryOf } from "./processes.ts";
import { until } from "./until.ts";

const KIB = 1024;
const MIB = 1024 * KIB;

export const MEMORY_LIMIT_BYTES = 150 * MIB;
export const LARGE_BYTES = 200 * MIB;

/** Names of the files that nginx serves, with their sizes. */
export const FILES = {
  "1KiB": KIB,
  "64KiB": 64 * KIB,
  "1MiB": MIB,
  "200MiB": LARGE_BYTES,
} as const;

export type FileName = keyof typeof FILES;

export interface Site {
  readonly ophid: Ophid;
  /** Of nginx itself, without the proxy. */
  readonly nginxPort: number;
  readonly ssePort: number;
  readonly wsOutput: () => string;
  readonly files: string;
  readonly uploads: string;
  readonly sha256: Readonly<Record<FileName, string>>;
}

export async function startSite(extra: string, workers: number): Promise<Site> {
  const directory = makeDirectory();
  const [files, uploads] = [join(directory, "files"), join(directory, "put")] as const;
  mkdirSync(files);
  mkdirSync(uploads);
  const sums = Object.entries(FILES).map(([name, size]) => {
    const bytes = randomFillSync(Buffer.allocUnsafe(size));
    writeFileSync(join(files, name), bytes);
    return [name, sha256Of(bytes)] as const;
  });
  const nginxPort = await startNginx(directory);
  const sse = await startScript("sse-script.ts", "50");
  const ws = await startScript("ws-echo-script.ts");
  const home = makeHome();
  const routes = [routeTo("/*", nginxPort), routeTo("/events/*", sse.ready), routeTo("/ws/*", ws.ready)];
  const stripped = routes.map((route, index) => (index === 2 ? `${route}strip_prefix = "/ws"\n` : route));
  configure(home, { port: freePort(), workers, extra, routes: stripped.join("\n") });
  const ophid = await startOphid(home);
  return {
    ophid,
    nginxPort,
    ssePort: sse.ready,
    wsOutput: ws.output,
    files,
    uploads,
    sha256: Object.fromEntries(sums) as Record<FileName, string>,
  };
}

export function sha256Of(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

async function startNginx(directory: string): Promise<number> {
  const port = freePort();
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (kind) => `${kind}_temp_path ${join(directory, kind)};`,
  );
  const configPath = join(directory, "nginx.conf");
  const user = process.getuid?.() === 0 ? "user root;" : "";
  writeFileSync(
    configPath,
    `${user} daemon off; worker_processes 1; pid ${join(directory, "nginx.pid")}; error_log stderr;
events { worker_connections 1024; }
http {
  ${temporary.join("\n  ")}
  access_log off; sendfile on; client_max_body_size 0; send_timeout 10m; keepalive_requests 100000;
  server {
    listen 127.0.0.1:${port};
    root ${directory};
    location /put/ { dav_methods PUT; }
  }
}
`,
  );
  const path = `${process.env["PATH"]}:/usr/sbin:/usr/local/sbin`;
  const nginx = Bun.spawn(["nginx", "-e", "stderr", "-c", configPath], {
    env: { ...process.env, PATH: path },
    stdio: ["ignore", "ignore", "ignore"],
  });
  onCleanUp(async () => {
    // nginx lets its own worker go on SIGTERM; SIGKILL would leave that behind.
    kill(nginx.pid, "SIGTERM");
    await nginx.exited;
  });
  await until("nginx answers", async () => (await fetch(`http://127.0.0.1:${port}/files/1KiB`)).ok);
  return port;
}

/** Status and checksum of what `path` gives; the body is not kept. */
export async function download(port: number, path: string): Promise<{ status: number; sha256: string }> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, { keepalive: false });
  const hash = new Bun.CryptoHasher("sha256");
  if (response.body !== null) for await (const chunk of response.body) hash.update(chunk);
  return { status: response.status, sha256: hash.digest("hex") };
}

/** The checksum of what nginx has stored. */
export async function upload(
  site: Site,
  name: string,
  body: NonNullable<RequestInit["body"]>,
): Promise<{ readonly status: number; readonly sha256: string }> {
  const response = await fetch(`http://127.0.0.1:${site.ophid.port}/put/${name}`, { method: "PUT", body });
  await response.bytes();
  return { status: response.status, sha256: storedSha256(site, name) };
}

function storedSha256(site: Site, name: string): string {
  const path = join(site.uploads, name);
  return existsSync(path) ? sha256Of(readFileSync(path)) : "nothing was stored";
}

export interface SlowUpload {
  readonly answer: string;
  readonly seconds: number;
  readonly sentSha256: string;
  readonly storedSha256: string;
}

const PIECES_PER_SECOND = 5;

/** In pieces of 1 KB, five a second. */
export async function uploadSlowly(site: Site, name: string, seconds: number): Promise<SlowUpload> {
  const bytes = randomFillSync(Buffer.allocUnsafe(seconds * PIECES_PER_SECOND * 1000));
  const startedAt = performance.now();
  const { socket, received } = await openRaw(site.ophid.port);
  socket.write(`PUT /put/${name} HTTP/1.1\r\nHost: x\r\nContent-Length: ${bytes.length}\r\n\r\n`);
  for (let at = 0; at < bytes.length && !socket.destroyed; at += 1000) {
    socket.write(bytes.subarray(at, at + 1000));
    await delay(1000 / PIECES_PER_SECOND);
  }
  await until("the upload is answered", () => received().includes("\r\n\r\n") || socket.destroyed);
  socket.destroy();
  return {
    answer: received().split("\r\n")[0] ?? "",
    seconds: (performance.now() - startedAt) / 1000,
    sentSha256: sha256Of(bytes),
    storedSha256: storedSha256(site, name),
  };
}

async function openRaw(port: number): Promise<{ socket: Socket; received: () => string }> {
  const socket = connect(port, "127.0.0.1");
  onCleanUp(() => socket.destroy());
  const chunks: Buffer[] = [];
  socket.on("error", () => undefined);
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  await once(socket, "connect");
  return { socket, received: () => Buffer.concat(chunks).toString("latin1") };
}

export interface EventLags {
  /** From sending to receiving, in ms. */
  readonly lagsMs: readonly number[];
  /** True if every number came once and in order. */
  readonly inOrder: boolean;
  readonly openMs: number;
}

export async function readEvents(port: number, count: number): Promise<EventLags> {
  const startedAt = performance.now();
  const response = await fetch(`http://127.0.0.1:${port}/events/`, { keepalive: false });
  const openMs = performance.now() - startedAt;
  const lagsMs: number[] = [];
  let inOrder = true;
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    const now = Date.now();
    for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
      const [, number, sentAt] = /^id: (\d+)\ndata: (\d+)$/.exec(text.slice(0, end)) ?? [];
      if (Number(number) !== lagsMs.length) inOrder = false;
      lagsMs.push(now - Number(sentAt));
      text = text.slice(end + 2);
    }
    if (lagsMs.length >= count) break;
  }
  return { lagsMs, inOrder, openMs };
}

/** A client that has asked for a large file and reads nothing until it is told to. */
export interface StalledClient {
  readonly socket: Socket;
  /** Reads on to the end; resolves with the checksum of the body. */
  readonly finish: () => Promise<string>;
}

export async function openStalledClient(port: number, path: string): Promise<StalledClient> {
  const socket = connect(port, "127.0.0.1");
  onCleanUp(() => socket.destroy());
  socket.on("error", () => undefined);
  await once(socket, "connect");
  socket.pause();
  socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
  return { socket, finish: () => readChunked(socket) };
}

/** A large answer is always chunked; this reads one as it comes, since all of it would be too much to keep. */
async function readChunked(socket: Socket): Promise<string> {
  const hash = createHash("sha256");
  let rest: Buffer = Buffer.alloc(0);
  let left = -1;
  for await (const piece of socket as AsyncIterable<Buffer>) {
    rest = rest.length === 0 ? piece : Buffer.concat([rest, piece]);
    for (;;) {
      if (left > 2) {
        const data = rest.subarray(0, Math.min(rest.length, left - 2));
        hash.update(data);
        rest = rest.subarray(data.length);
        left -= data.length;
      }
      if (left > 2 || (left >= 0 && rest.length < left)) break;
      if (left >= 0) rest = rest.subarray(left);
      left = -1;
      const mark = rest.indexOf("\r\n");
      if (mark < 0) break;
      const line = rest.toString("latin1", 0, mark);
      if (line.startsWith("HTTP/") || line.includes(":") || line === "") {
        rest = rest.subarray(mark + 2);
        continue;
      }
      const size = Number.parseInt(line, 16);
      rest = rest.subarray(mark + 2);
      if (size === 0) return hash.digest("hex");
      left = size + 2;
    }
  }
  return "the answer was cut short";
}

export interface ProcessMemory {
  readonly name: string;
  readonly nowMib: number;
  /** The highest since its start. */
  readonly peakMib: number;
}

export async function memoryOfAll(ophid: Ophid): Promise<ProcessMemory[]> {
  const workers = await ophid.workerPids();
  return [ophid.pid, ...workers].map((pid, index) => {
    const memory = memoryOf(pid);
    return {
      name: index === 0 ? "master" : `worker ${index - 1}`,
      nowMib: Math.round((memory?.nowBytes ?? Number.NaN) / MIB),
      peakMib: Math.round((memory?.peakBytes ?? Number.NaN) / MIB),
    };
  });
}

export function formatMemory(memory: readonly ProcessMemory[]): string {
  return memory.map(({ name, nowMib, peakMib }) => `${name} ${nowMib} (peak ${peakMib}) MiB`).join(", ");
}
