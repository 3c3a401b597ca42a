/** The load generator: one wrk, one thread, one core, and a result only if every answer was a good one. */

import { rmSync } from "node:fs";
import { join } from "node:path";
import { outputOf, startChild, waitForEnd } from "./children.ts";
import type { Lab, ProxyServer } from "./servers.ts";

/** What is asked of a proxy. */
export interface Shape {
  readonly path: string;
  readonly connections: number;
  /** A file of conf/, and its arguments. */
  readonly script: string;
  readonly args: readonly string[];
  /** A server that closes after an answer without having said so is a read error to wrk, but no failure. */
  readonly mayClose?: boolean;
}

export interface LoadResult {
  readonly requests: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

interface Printed {
  readonly requests: number;
  readonly durationUs: number;
  readonly connectErrors: number;
  readonly readErrors: number;
  readonly writeErrors: number;
  readonly statusErrors: number;
  readonly timeouts: number;
  readonly p50Us: number;
  readonly p99Us: number;
}

/** What a run may take longer than asked for. */
const GRACE_MS = 20_000;

export async function runLoad(
  lab: Lab,
  proxy: ProxyServer,
  { path, connections, script, args, mayClose = false }: Shape,
  seconds: number,
): Promise<LoadResult> {
  const url = `http://127.0.0.1:${proxy.port}${path}`;
  const outputPath = join(lab.dir, "wrk.log");
  rmSync(outputPath, { force: true });
  const options = ["-t1", `-c${connections}`, `-d${seconds}s`, "--timeout", "10s", "-s", script];
  const wrk = startChild({
    name: "wrk",
    core: lab.cores.load,
    command: ["wrk", ...options, url, "--", ...args],
    outputPath,
    cwd: join(import.meta.dir, "conf"),
  });
  const ended = await waitForEnd(wrk, seconds * 1000 + GRACE_MS);
  const output = outputOf(wrk);
  const line = /^RESULT (.+)$/m.exec(output)?.[1];
  if (!ended || line === undefined) throw new Error(`wrk brought no result for ${url}: ${output}`);
  const printed = JSON.parse(line) as Printed;
  return toResult(mayClose ? { ...printed, readErrors: 0 } : printed, url);
}

function toResult(printed: Printed, url: string): LoadResult {
  const { requests, durationUs, connectErrors, readErrors, writeErrors, statusErrors, timeouts } = printed;
  if (connectErrors + readErrors + writeErrors + statusErrors + timeouts > 0 || requests === 0) {
    throw new Error(`Not every request to ${url} was answered well: ${JSON.stringify(printed)}`);
  }
  return {
    requests,
    perSecond: requests / (durationUs / 1e6),
    p50Ms: printed.p50Us / 1000,
    p99Ms: printed.p99Us / 1000,
  };
}
