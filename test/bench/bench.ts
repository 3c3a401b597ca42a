/** The benchmark from the first process to the finished report. */

import { randomBytes } from "node:crypto";
import {
  CALLS_LIMIT,
  CALLS_TOLERANCE,
  COMPARE_CASES,
  type CompareCase,
  FEW_ROUTES,
  hostOfRoute,
  MANY_ROUTES,
  ROUTES_LIMIT,
  rateShape,
  routesShape,
  SMALL,
  WARM_UP_REQUESTS,
} from "./cases.ts";
import { type Cores, freePorts } from "./machine.ts";
import { type Contender, measureOnce, measureRounds, type Sample, warmUp } from "./measure.ts";
import type { CaseName, Options } from "./options.ts";
import { type CaseReport, type Report, toCaseReport, toLimit } from "./report.ts";
import {
  type Lab,
  type ProxyServer,
  startBackend,
  startCaddyProxy,
  startNginxProxy,
  startOphid,
} from "./servers.ts";
import { ratioOf, spreadOf } from "./statistics.ts";
import { countSyscalls } from "./syscalls.ts";
import { type Expected, readExpected, validateProxy } from "./validate.ts";

export interface BenchInput {
  readonly options: Options;
  readonly dir: string;
  readonly cores: Cores;
  readonly binary: string;
  readonly say: (line: string) => void;
}

interface Bench extends BenchInput {
  readonly lab: Lab;
  readonly expected: readonly Expected[];
  /** In the order they take turns. */
  readonly proxies: readonly ProxyServer[];
  readonly ophid: ProxyServer;
  readonly report: Report;
}

/** Informational cases take fewer rounds. */
const SHORT_ROUNDS = 3;
const RESPONSE_BYTES = { "64k.bin": 64 * 1024, "1m.bin": 1024 * 1024 };

export async function runBench(input: BenchInput): Promise<Report> {
  const bench = await prepare(input);
  for (const item of COMPARE_CASES) if (isWanted(bench, item.name)) await compare(bench, item);
  if (isWanted(bench, "rate")) await measureRate(bench);
  if (isWanted(bench, "routes")) await measureRoutes(bench);
  if (isWanted(bench, "calls")) await measureCalls(bench);
  return bench.report;
}

function isWanted({ options }: BenchInput, name: CaseName): boolean {
  return options.cases.length === 0 || options.cases.includes(name);
}

async function prepare(input: BenchInput): Promise<Bench> {
  const { dir, cores, options, binary } = input;
  const ports = await freePorts(5);
  const [backendPort = 0, nginxPort = 0, caddyPort = 0, ophidPort = 0, baselinePort = 0] = ports;
  const files = Object.fromEntries(
    Object.entries(RESPONSE_BYTES).map(([name, size]) => [name, randomBytes(size)]),
  );
  const backend = await startBackend({ dir, cores }, backendPort, files);
  const lab: Lab = { dir, cores, backend };
  const anyHost = ["*"];
  const ophid = await startOphid(lab, { name: "ophid", binary, port: ophidPort, hosts: anyHost });
  const proxies = [await startNginxProxy(lab, nginxPort), ophid, await startCaddyProxy(lab, caddyPort)];
  if (options.baseline !== undefined) {
    const baseline = { name: "baseline", binary: options.baseline, port: baselinePort, hosts: anyHost };
    proxies.push(await startOphid(lab, baseline));
  }
  const paths = ["/small", ...Object.keys(RESPONSE_BYTES).map((name) => `/${name}`)];
  const expected = await readExpected(lab, paths);
  for (const proxy of proxies) await validateProxy(lab, proxy, expected, `bench.test:${proxy.port}`);
  input.say(`answers of ${proxies.map(({ name }) => name).join(", ")} are right; warming up`);
  for (const proxy of proxies) await warmUp(lab, proxy, SMALL, WARM_UP_REQUESTS);
  const { seconds, rounds } = options;
  return { ...input, lab, expected, proxies, ophid, report: { seconds, rounds, cases: [], limits: [] } };
}

async function compare(bench: Bench, item: CompareCase): Promise<void> {
  const { lab, proxies, options, report } = bench;
  if (item.name !== "small") for (const proxy of proxies) await warmUp(lab, proxy, item.shape, item.warmUp);
  const contenders = proxies.map((proxy) => ({ label: proxy.name, proxy, shape: item.shape }));
  const rounds = Object.keys(item.limits).length > 0 ? options.rounds : shortRounds(options);
  const samples = await measureRounds(lab, contenders, { rounds, seconds: options.seconds });
  addCase(bench, toCaseReport(item.name, item.title, samples));
  for (const [other, target] of Object.entries(item.limits)) {
    const ratio = ratioOf(of(samples, "ophid"), of(samples, other), (sample) => sample.cpuMicros);
    report.limits.push(toLimit(`${item.title}: CPU / ${other}`, target, ratio));
  }
}

function shortRounds({ rounds }: Options): number {
  return Math.min(rounds, SHORT_ROUNDS);
}

function of(samples: ReadonlyMap<string, Sample[]>, label: string): readonly Sample[] {
  return samples.get(label) ?? [];
}

function addCase({ report, say }: Bench, item: CaseReport): void {
  report.cases.push(item);
  const parts = item.rows.map(({ label, cpuMicros }) => `${label} ${cpuMicros.median.toFixed(1)}`);
  say(`${item.title}: ${parts.join(", ")} us`);
}

/** Half of what ophid can do; a proxy that cannot do twice that gets half of what it can. */
async function measureRate(bench: Bench): Promise<void> {
  const { lab, proxies, ophid, options } = bench;
  const half = async (proxy: ProxyServer) => (await measureOnce(lab, proxy, SMALL, 1)).perSecond / 2;
  const ophidHalf = await half(ophid);
  const contenders: Contender[] = [];
  for (const proxy of proxies) {
    const perSecond = proxy === ophid ? ophidHalf : Math.min(ophidHalf, await half(proxy));
    contenders.push({ label: proxy.name, proxy, shape: rateShape(perSecond) });
  }
  const plan = { rounds: shortRounds(options), seconds: options.seconds };
  addCase(bench, toCaseReport("rate", "62 bytes at half load", await measureRounds(lab, contenders, plan)));
}

async function measureRoutes(bench: Bench): Promise<void> {
  const { lab, binary, expected, options, report } = bench;
  const [fewPort = 0, manyPort = 0] = await freePorts(2);
  const hosts = Array.from({ length: MANY_ROUTES }, (_, index) => hostOfRoute(index));
  const few = { name: "10 routes", binary, port: fewPort, hosts: hosts.slice(0, FEW_ROUTES) };
  const many = { name: "10,000 routes", binary, port: manyPort, hosts };
  const proxies = [await startOphid(lab, few), await startOphid(lab, many)] as const;
  for (const proxy of proxies) {
    await validateProxy(lab, proxy, expected, hostOfRoute(FEW_ROUTES - 1));
    await warmUp(lab, proxy, routesShape(FEW_ROUTES), WARM_UP_REQUESTS);
  }
  const all = "10,000 routes, all asked";
  const contenders = [
    { label: few.name, proxy: proxies[0], shape: routesShape(FEW_ROUTES) },
    { label: many.name, proxy: proxies[1], shape: routesShape(FEW_ROUTES) },
    { label: all, proxy: proxies[1], shape: routesShape(MANY_ROUTES) },
  ];
  const samples = await measureRounds(lab, contenders, options);
  addCase(bench, toCaseReport("routes", "10 and 10,000 routes, the same ten hosts asked", samples));
  const ratio = ratioOf(of(samples, many.name), of(samples, few.name), (sample) => sample.cpuMicros);
  report.limits.push(toLimit("10,000 routes: CPU / 10 routes", ROUTES_LIMIT, ratio));
}

async function measureCalls({ lab, ophid, report, say }: Bench): Promise<void> {
  const calls = await countSyscalls(lab, ophid, SMALL);
  if (typeof calls === "string") {
    say(`system calls were not counted: ${calls}`);
    return;
  }
  report.calls = calls;
  const limit = CALLS_LIMIT + CALLS_TOLERANCE;
  report.limits.push(
    { ...toLimit("receives a small request", limit, spreadOf([calls.receives])), target: CALLS_LIMIT },
    { ...toLimit("sends a small request", limit, spreadOf([calls.sends])), target: CALLS_LIMIT },
  );
}
