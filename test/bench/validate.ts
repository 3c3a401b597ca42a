/** A proxy is only measured if it does the work: right bytes both ways, forwarded headers, and a log line. */

import { createHash, randomBytes, randomUUID } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { waitUntil } from "./children.ts";
import type { Lab, ProxyServer } from "./servers.ts";

/** Longer than any of the proxies keeps lines before it writes them. */
const LOG_TIMEOUT_MS = 5000;
const FETCH_TIMEOUT_MS = 10_000;
const UPLOAD_BYTES = 1024;

export interface Expected {
  readonly path: string;
  readonly sha256: string;
  readonly bytes: number;
}

/** What the backend itself answers; the proxies must give the same. */
export async function readExpected(lab: Lab, paths: readonly string[]): Promise<Expected[]> {
  const expected: Expected[] = [];
  for (const path of paths) {
    const { status, body } = await ask(lab.backend.port, path);
    if (status !== 200) throw new Error(`Cannot measure: the backend answers ${path} with ${status}`);
    expected.push({ path, sha256: sha256(body), bytes: body.length });
  }
  return expected;
}

/** Throws with everything that is wrong. */
export async function validateProxy(
  lab: Lab,
  proxy: ProxyServer,
  expected: readonly Expected[],
  host: string,
): Promise<void> {
  const problems = [
    ...(await checkBodies(proxy, expected, host)),
    ...(await checkUpload(lab, proxy, host)),
    ...(await checkForwarded(proxy, host)),
    ...(await checkLog(proxy, host)),
  ];
  if (problems.length > 0) throw new Error(`Refusing to measure ${proxy.name}:\n  ${problems.join("\n  ")}`);
}

async function checkBodies(
  proxy: ProxyServer,
  expected: readonly Expected[],
  host: string,
): Promise<string[]> {
  const problems: string[] = [];
  for (const { path, sha256: wanted, bytes } of expected) {
    const { status, body } = await ask(proxy.port, path, { headers: { Host: host } });
    if (status !== 200) problems.push(`GET ${path}: status ${status}`);
    else if (sha256(body) !== wanted)
      problems.push(`GET ${path}: ${body.length} bytes that are not the backend's ${bytes}`);
  }
  return problems;
}

async function checkUpload(lab: Lab, proxy: ProxyServer, host: string): Promise<string[]> {
  const name = randomUUID();
  const body = randomBytes(UPLOAD_BYTES);
  const { status } = await ask(proxy.port, `/upload/${name}`, {
    method: "PUT",
    body,
    headers: { Host: host },
  });
  const path = join(lab.backend.filesDir, "upload", name);
  if (status !== 201 || !existsSync(path)) return [`PUT: status ${status}`];
  return sha256(readFileSync(path)) === sha256(body) ? [] : ["PUT: other bytes arrived than were sent"];
}

async function checkForwarded(proxy: ProxyServer, host: string): Promise<string[]> {
  const forged = {
    "X-Forwarded-For": "203.0.113.66",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "forged.test",
  };
  const { body } = await ask(proxy.port, "/echo", { headers: { Host: host, ...forged } });
  const seen = JSON.parse(body.toString()) as Record<string, string>;
  const wanted: Record<string, string> = { for: "127.0.0.1", proto: "http", host };
  return Object.entries(wanted)
    .filter(([name, value]) => seen[name] !== value)
    .map(([name, value]) => `X-Forwarded-${name} is "${seen[name]}" at the backend, not "${value}"`);
}

async function checkLog(proxy: ProxyServer, host: string): Promise<string[]> {
  const mark = randomUUID();
  await ask(proxy.port, `/small?mark=${mark}`, { headers: { Host: host } });
  const findLine = () =>
    readFileSync(proxy.accessLog, "utf8")
      .split("\n")
      .find((text) => text.includes(mark));
  const written = await waitUntil(
    () => existsSync(proxy.accessLog) && findLine() !== undefined,
    LOG_TIMEOUT_MS,
  );
  if (!written) return [`no line in ${proxy.accessLog}`];
  const line = findLine() ?? "";
  return line.includes("GET") && line.includes("200") && line.includes("127.0.0.1")
    ? []
    : [`log line without method, status or client: ${line}`];
}

interface Question {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array<ArrayBuffer>;
}

async function ask(
  port: number,
  path: string,
  question: Question = {},
): Promise<{ status: number; body: Buffer }> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    ...question,
    proxy: "",
    keepalive: false,
    signal: AbortSignal.timeout(FETCH_TIMEOUT_MS),
  });
  return { status: response.status, body: Buffer.from(await response.arrayBuffer()) };
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
