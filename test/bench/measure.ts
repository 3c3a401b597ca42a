/** One run of load against one proxy, and rounds of such runs against several in turn. */

import { countLines, emptyLog } from "./access-log.ts";
import { waitUntil } from "./children.ts";
import { busySeconds } from "./machine.ts";
import { cpuSeconds, type ProcessStat, readTree, residentMib } from "./process-tree.ts";
import type { Lab, ProxyServer } from "./servers.ts";
import { runLoad, type Shape } from "./wrk.ts";

export interface Sample {
  readonly requests: number;
  /** Processor time of the whole process tree per request. */
  readonly cpuMicros: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly residentMib: number;
  /** Part of the run the core of the load generator was busy: near 1 it may be what limits requests per second. */
  readonly loadCoreBusy: number;
  /** Part of the run the proxy's core worked for somebody else: well above 0 the machine is not quiet enough. */
  readonly foreignBusy: number;
}

/** Longer than any of the proxies keeps lines before it writes them. */
const LOG_TIMEOUT_MS = 5000;
const SLICE_SECONDS = 1;
const WARM_UP_SECONDS = 1;
/** A proxy that needs longer than this for its warm-up is measured cold. */
const MAX_WARM_UPS = 20;

export async function measureOnce(
  lab: Lab,
  proxy: ProxyServer,
  shape: Shape,
  seconds: number,
): Promise<Sample> {
  const log = emptyLog(proxy.accessLog);
  const before = readTree(proxy.child.pid);
  const busyBefore = { load: busySeconds(lab.cores.load), proxy: busySeconds(lab.cores.proxy) };
  const result = await runLoad(lab, proxy, shape, seconds);
  const elapsed = result.requests / result.perSecond;
  const loadCoreBusy = (busySeconds(lab.cores.load) - busyBefore.load) / elapsed;
  // Its log lines belong to the request, so the clock stops when the last one is in the file.
  const logged = await waitUntil(() => countLines(log) >= result.requests, LOG_TIMEOUT_MS);
  const after = readTree(proxy.child.pid);
  if (!logged)
    throw new Error(
      `${proxy.name} logged ${countLines(log)} of ${result.requests} requests to ${shape.path}`,
    );
  checkSameProcesses(proxy, before, after);
  emptyLog(proxy.accessLog);
  const cpu = cpuSeconds(after) - cpuSeconds(before);
  const foreignBusy = (busySeconds(lab.cores.proxy) - busyBefore.proxy - cpu) / elapsed;
  const cpuMicros = (cpu * 1e6) / result.requests;
  return { ...result, cpuMicros, residentMib: residentMib(after), loadCoreBusy, foreignBusy };
}

/** Until the JIT has settled: at least `requests`, in runs of a second. */
export async function warmUp(lab: Lab, proxy: ProxyServer, shape: Shape, requests: number): Promise<void> {
  let done = 0;
  for (let i = 0; i < MAX_WARM_UPS && done < requests; i++) {
    const result = await runLoad(lab, proxy, shape, WARM_UP_SECONDS);
    done += result.requests;
  }
}

export interface Contender {
  readonly label: string;
  readonly proxy: ProxyServer;
  readonly shape: Shape;
}

/** A B C A B C …, in slices of a second: what the machine does meanwhile hits all of them. One sample a round each. */
export async function measureRounds(
  lab: Lab,
  contenders: readonly Contender[],
  plan: { readonly rounds: number; readonly seconds: number },
): Promise<Map<string, Sample[]>> {
  const samples = new Map<string, Sample[]>(contenders.map(({ label }) => [label, []]));
  for (let round = 0; round < plan.rounds; round++) {
    const slices = new Map<string, Sample[]>(contenders.map(({ label }) => [label, []]));
    for (let second = 0; second < plan.seconds; second++) {
      for (const { label, proxy, shape } of contenders) {
        slices.get(label)?.push(await measureOnce(lab, proxy, shape, SLICE_SECONDS));
      }
    }
    for (const [label, own] of slices) samples.get(label)?.push(joinSlices(own));
  }
  return samples;
}

function joinSlices(slices: readonly Sample[]): Sample {
  const requests = slices.reduce((sum, { requests: own }) => sum + own, 0);
  const byRequest = (pick: (sample: Sample) => number) =>
    slices.reduce((sum, sample) => sum + pick(sample) * sample.requests, 0) / requests;
  const bySlice = (pick: (sample: Sample) => number) =>
    slices.reduce((sum, sample) => sum + pick(sample), 0) / slices.length;
  return {
    requests,
    cpuMicros: byRequest((sample) => sample.cpuMicros),
    perSecond: bySlice((sample) => sample.perSecond),
    p50Ms: bySlice((sample) => sample.p50Ms),
    p99Ms: bySlice((sample) => sample.p99Ms),
    residentMib: Math.max(...slices.map((sample) => sample.residentMib)),
    loadCoreBusy: bySlice((sample) => sample.loadCoreBusy),
    foreignBusy: bySlice((sample) => sample.foreignBusy),
  };
}

/** The time of a process that came or went would be counted wrongly, and a crash is no measurement. */
function checkSameProcesses(
  proxy: ProxyServer,
  before: readonly ProcessStat[],
  after: readonly ProcessStat[],
): void {
  const list = (tree: readonly ProcessStat[]) =>
    tree.map(({ pid, startTicks }) => `${pid}@${startTicks}`).join(" ");
  if (before.length === 0 || list(before) !== list(after)) {
    throw new Error(
      `The processes of ${proxy.name} changed during a run: "${list(before)}", then "${list(after)}"`,
    );
  }
}
