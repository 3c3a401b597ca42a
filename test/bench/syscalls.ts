/** System calls of the ophid worker per small request, counted by strace. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { countLines, emptyLog } from "./access-log.ts";
import { type Child, hasEnded, outputOf, startChild, waitForEnd, waitUntil } from "./children.ts";
import { readTree } from "./process-tree.ts";
import type { Lab, ProxyServer } from "./servers.ts";
import { runLoad, type Shape } from "./wrk.ts";

export interface SyscallReport {
  readonly requests: number;
  readonly receives: number;
  readonly sends: number;
  /** Calls per request by name, most frequent first. */
  readonly perRequest: Readonly<Record<string, number>>;
}

/** Not `read`: that is how wake-ups of the event loop are taken. */
const RECEIVES = ["recvfrom", "recvmsg", "recvmmsg", "readv"];
const SENDS = ["sendto", "sendmsg", "sendmmsg", "write", "writev", "sendfile"];
const TRACE_SECONDS = 2;
const ATTACH_TIMEOUT_MS = 5000;
const LOG_TIMEOUT_MS = 2000;

/** Returns why not, where tracing is not allowed. */
export async function countSyscalls(
  lab: Lab,
  proxy: ProxyServer,
  shape: Shape,
): Promise<SyscallReport | string> {
  const worker = readTree(proxy.child.pid).find(({ parent }) => parent === proxy.child.pid);
  if (worker === undefined) throw new Error(`${proxy.name} has no worker process`);
  const tablePath = join(lab.dir, "strace.table");
  const strace = startChild({
    name: "strace",
    core: lab.cores.load,
    command: ["strace", "-f", "-c", "-U", "name,calls", "-o", tablePath, "-p", String(worker.pid)],
    outputPath: join(lab.dir, "strace.log"),
  });
  const attached = await waitUntil(
    () => hasEnded(strace) || outputOf(strace).includes("attached"),
    ATTACH_TIMEOUT_MS,
  );
  if (!attached || hasEnded(strace)) return outputOf(strace);
  const log = emptyLog(proxy.accessLog);
  const { requests } = await runLoad(lab, proxy, shape, TRACE_SECONDS);
  // The last request of every connection is answered but not waited for: the log knows of it, wrk does not.
  await waitUntil(() => countLines(log) >= requests + shape.connections, LOG_TIMEOUT_MS);
  await detach(strace);
  return toReport(parseTable(readFileSync(tablePath, "utf8")), countLines(log));
}

/** strace prints its table when it is interrupted and lets the worker run on. */
async function detach(strace: Child): Promise<void> {
  strace.subprocess.kill("SIGINT");
  await waitForEnd(strace, ATTACH_TIMEOUT_MS);
}

function parseTable(text: string): Map<string, number> {
  const calls = new Map<string, number>();
  for (const line of text.split("\n")) {
    const match = /^(\w+)\s+(\d+)$/.exec(line.trim());
    if (match?.[1] !== undefined && match[1] !== "total") calls.set(match[1], Number(match[2]));
  }
  if (calls.size === 0) throw new Error(`Cannot read the table of strace:\n${text}`);
  return calls;
}

function toReport(calls: ReadonlyMap<string, number>, requests: number): SyscallReport {
  const sum = (names: readonly string[]) =>
    names.reduce((total, name) => total + (calls.get(name) ?? 0), 0) / requests;
  const rows = [...calls].sort((a, b) => b[1] - a[1]).map(([name, count]) => [name, count / requests]);
  return { requests, receives: sum(RECEIVES), sends: sum(SENDS), perRequest: Object.fromEntries(rows) };
}
