/**
 * Random kill -9 of workers, twice of the master, reloads in between, under steady load: `kill.ts [--seconds N] [--seed N]`.
 * Ends with 1 if the proxy lost anything that the killed process did not have.
 */

import { readdirSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { FORGIVE_MS } from "../../src/master/backoff.ts";
import { openCells } from "../../src/shm/cells.ts";
import { MAX_ENDPOINT_SLOTS } from "../../src/shm/layout.ts";
import { cleanUp } from "../support/cleanup.ts";
import {
  accountLog,
  judge,
  type Kill,
  type MasterKill,
  type Verdict,
  VERDICTS,
} from "../support/kill-account.ts";
import { type Load, startLoad } from "../support/load.ts";
import {
  configure,
  freePort,
  kill,
  makeHome,
  type Ophid,
  processesOf,
  routeTo,
  startOphid,
  startScript,
} from "../support/ophid.ts";
import { clientPortsOf, isListenedOn, isRunning } from "../support/processes.ts";
import { until } from "../support/until.ts";

const WORKERS = 4;
const MASTER_KILLS = 2;
const BACK_LIMIT_MS = 1_000;
const PAUSE_MS = { min: 400, spread: 1_600 } as const;
const SHARED_MEMORY_DIR = "/dev/shm";

export interface KillOptions {
  readonly seconds: number;
  readonly seed: number;
  readonly print: (line: string) => void;
}

interface Scene {
  readonly home: string;
  readonly write: () => void;
  readonly load: Load;
  readonly random: () => number;
  readonly kills: Kill[];
  readonly reloads: { done: number; refusedAtKill: number; readonly problems: string[] };
  ophid: Ophid;
}

/** What went wrong, one line each; empty if all is well. */
export async function runKills(options: KillOptions): Promise<string[]> {
  const scene = await setScene(options.seed);
  const startedAt = performance.now();
  const elapsed = () => (performance.now() - startedAt) / 1000;
  let masterKills = 0;
  while (elapsed() < options.seconds) {
    await Bun.sleep(PAUSE_MS.min + scene.random() * PAUSE_MS.spread);
    if (
      masterKills < MASTER_KILLS &&
      elapsed() > (options.seconds * (masterKills + 1)) / (MASTER_KILLS + 1)
    ) {
      masterKills += 1;
      await killMaster(scene);
    } else if (scene.random() < 0.25) await reload(scene, false);
    else await Promise.all([killWorker(scene), ...(scene.random() < 0.3 ? [reload(scene, true)] : [])]);
  }
  await scene.load.stop();
  return await takeStock(scene, options);
}

async function setScene(seed: number): Promise<Scene> {
  const backend = await startScript("backend-script.ts");
  const home = makeHome();
  const port = freePort();
  let round = 0;
  const write = () => {
    round += 1;
    const added = round % 2 === 0 ? routeTo(`/added-${round}/*`, backend.ready) : "";
    const extra = '[timeouts]\ndrain = "5s"\n';
    configure(home, {
      workers: WORKERS,
      port,
      extra,
      routes: `${routeTo("/load/*", backend.ready)}\n${added}`,
    });
  };
  write();
  const ophid = await startOphid(home);
  const load = startLoad({
    port,
    keepAlive: 32,
    fresh: 8,
    thinkMs: 20,
    target: (id) => `/load/?id=${id}&ms=${Number(id.slice(1)) % 25}`,
  });
  const reloads = { done: 0, refusedAtKill: 0, problems: [] };
  return { home, write, load, random: createRandom(seed), kills: [], reloads, ophid };
}

/** A linear congruential generator: the same seed gives the same run, as far as processes allow. */
function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

async function killWorker({ ophid, random, kills }: Scene): Promise<void> {
  const { workers } = await ophid.status();
  const ready = workers.filter(({ state }) => state === "ready");
  const pids = ready.flatMap(({ pid }) => pid ?? []);
  // Those that died young again and again are a crash loop, which is slowed down on purpose.
  const grown = ready.filter(({ uptimeMs }) => uptimeMs >= FORGIVE_MS).flatMap(({ pid }) => pid ?? []);
  const victim = grown[Math.floor(random() * grown.length)];
  if (victim === undefined) return;
  const listedAt = performance.now();
  const others = new Set<number>();
  for (const pid of pids)
    if (pid !== victim) for (const port of clientPortsOf(pid, ophid.port)) others.add(port);
  const owned = clientPortsOf(victim, ophid.port);
  const killedAt = performance.now();
  kill(victim);
  while (isRunning(victim)) await Bun.sleep(1);
  const deadAt = performance.now();
  await until("a worker is back", async () => {
    const now = await ophid.workerPids();
    return now.length === WORKERS && !now.includes(victim);
  });
  kills.push({
    kind: "worker",
    listedAt,
    killedAt,
    deadAt,
    owned,
    others,
    backMs: performance.now() - killedAt,
  });
}

/** The next one starts at once on the same home, while the workers of the first still drain. */
async function killMaster(scene: Scene): Promise<void> {
  const killedAt = performance.now();
  kill(scene.ophid.pid);
  await scene.ophid.exited;
  scene.ophid = await startOphid(scene.home);
  scene.kills.push({ kind: "master", killedAt, servingAt: performance.now() });
}

async function reload(scene: Scene, atKill: boolean): Promise<void> {
  scene.write();
  const { exitCode, stderr } = await scene.ophid.run("proxy", "reload");
  if (exitCode === 0) scene.reloads.done += 1;
  else if (atKill && exitCode === 2) scene.reloads.refusedAtKill += 1;
  else scene.reloads.problems.push(`reload: exit code ${exitCode}: ${stderr.trim()}`);
}

async function takeStock(scene: Scene, options: KillOptions): Promise<string[]> {
  const { load, kills, reloads, ophid } = scene;
  const { cells, problems } = await settle(scene);
  problems.push(...reloads.problems);
  const verdicts = new Map<Verdict, number>();
  for (const failure of load.failures) {
    const verdict = judge(failure, kills);
    verdicts.set(verdict, (verdicts.get(verdict) ?? 0) + 1);
    if (verdict === "lost") problems.push(`lost: ${describeLoss(failure, kills)}`);
  }
  const log = accountLog(ophid.accessLog(), load, kills);
  if (log.twice.length > 0) problems.push(`${log.twice.length} requests are in the log twice`);
  if (log.missing.length > 0) problems.push(`${log.missing.length} answered requests are not in the log`);
  for (const entry of kills) {
    if (entry.kind === "worker" && entry.backMs > BACK_LIMIT_MS) {
      problems.push(`a worker was back only after ${Math.round(entry.backMs)} ms`);
    }
  }
  const rows: [string, string | number][] = [
    ["seconds, seed", `${options.seconds}, ${options.seed}`],
    ["requests answered", load.answered.size],
    ["connections", load.connections()],
    ...killRows(load, kills),
    ["reloads done, refused beside a kill", `${reloads.done}, ${reloads.refusedAtKill}`],
    ["requests failed", load.failures.length],
    ...(Object.keys(VERDICTS) as Verdict[]).map((verdict): [string, number] => [
      `  ${VERDICTS[verdict]}`,
      verdicts.get(verdict) ?? 0,
    ]),
    ["access-log lines", log.lines],
    ["  twice", log.twice.length],
    ["  died with a killed worker's last batch", log.unwritten.length],
    ["  missing otherwise", log.missing.length],
    ["cells in flight at the end", cells],
    ["slowest answer", `${Math.round(load.slowestMs())} ms`],
  ];
  for (const [name, value] of rows) options.print(`${name.padEnd(64)} ${value}`);
  return problems;
}

/** Waits until nothing is in flight, stops, and looks at what is left. */
async function settle({ ophid, home }: Scene): Promise<{ cells: number; problems: string[] }> {
  const problems: string[] = [];
  const counted = async () =>
    (await ophid.status()).endpoints.reduce((sum, { inFlight }) => sum + inFlight, 0);
  await until("nothing is in flight", async () => (await counted()) === 0).catch(async () => {
    problems.push(`status counts ${await counted()} requests in flight`);
  });
  const cells = busyCells(ophid.pid);
  if (cells !== 0) problems.push(`${cells} cells of the shared file are not 0`);
  const stopped = await ophid.run("proxy", "stop");
  if (stopped.exitCode !== 0) problems.push(`stop: exit code ${stopped.exitCode}: ${stopped.stderr}`);
  await until("all processes are gone", () => processesOf(home).length === 0).catch(() => {
    problems.push(`processes left: ${processesOf(home).join(" ")}`);
  });
  if (isListenedOn(ophid.port)) problems.push("somebody still listens on the port");
  return { cells, problems };
}

function killRows(load: Load, kills: readonly Kill[]): [string, string | number][] {
  const masters = kills.filter((entry) => entry.kind === "master");
  const backs = kills
    .flatMap((entry) => (entry.kind === "worker" ? Math.round(entry.backMs) : []))
    .sort((a, b) => a - b);
  const list = (times: readonly number[]) => times.map((ms) => `${Math.round(ms)} ms`).join(", ");
  return [
    ["workers killed", backs.length],
    ["  back after, median and worst", list([backs[backs.length >> 1] ?? 0, backs.at(-1) ?? 0])],
    ["masters killed", masters.length],
    ["  from death to the new start ready", list(masters.map((entry) => entry.servingAt - entry.killedAt))],
    [
      "  from the first to the last refused connection",
      list(masters.map((entry) => refusalSpan(load, entry))),
    ],
  ];
}

/** Endpoints on which any row of the shared file still counts something. */
function busyCells(masterPid: number): number {
  const name = readdirSync(SHARED_MEMORY_DIR).find(
    (entry) => entry.startsWith("ophid-") && entry.split("-")[3] === String(masterPid),
  );
  const cells = openCells(join(SHARED_MEMORY_DIR, name ?? "none"));
  if (!cells.ok) throw new Error(cells.error);
  let busy = 0;
  for (let slot = 0; slot < MAX_ENDPOINT_SLOTS; slot++) if (!cells.value.isIdle(slot)) busy += 1;
  return busy;
}

function refusalSpan(load: Load, kill: MasterKill): number {
  const times = load.failures
    .filter(({ kind, sentAt }) => kind === "connect" && sentAt >= kill.killedAt && sentAt <= kill.servingAt)
    .map(({ sentAt }) => sentAt);
  return times.length === 0 ? 0 : Math.max(...times) - Math.min(...times);
}

function describeLoss(failure: Load["failures"][number], kills: readonly Kill[]): string {
  const { id, kind, detail, connection, sentAt, failedAt } = failure;
  const near = kills.findLast(({ killedAt }) => killedAt <= failedAt);
  const since = (at: number | undefined) => Math.round((at ?? Number.NaN) - (near?.killedAt ?? Number.NaN));
  const dead = near?.kind === "worker" ? `, dead ${since(near.deadAt)} ms` : "";
  const opened = connection === undefined ? "never" : `${since(connection.openedAt)} ms`;
  return (
    `${id} ${kind} ${detail}; relative to the last kill (${near?.kind}${dead}): opened ${opened}, ` +
    `sent ${since(sentAt)} ms, failed ${since(failedAt)} ms, ${connection?.requests ?? 0} requests on it`
  );
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: { seconds: { type: "string", default: "300" }, seed: { type: "string" } },
  });
  const seed = Number(values.seed ?? Date.now() % 1_000_000);
  const print = (line: string) => console.log(line);
  let problems: string[];
  try {
    problems = await runKills({ seconds: Number(values.seconds), seed, print });
  } finally {
    await cleanUp();
  }
  for (const problem of problems.slice(0, 20)) console.log(problem);
  console.log(problems.length === 0 ? "passed" : `failed: ${problems.length} problems`);
  process.exit(problems.length === 0 ? 0 : 1);
}
