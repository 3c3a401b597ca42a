/**
 * The slow and heavy part of real input, on one worker: `real-input.ts [--seconds N]`. An upload of 5 KB/s for a minute
 * while 50 clients stop reading 200 MiB, events stream and 200 MiB go up and down all the time.
 */

import { join } from "node:path";
import { parseArgs } from "node:util";
import { cleanUp } from "../support/cleanup.ts";
import {
  download,
  formatMemory,
  MEMORY_LIMIT_BYTES,
  memoryOfAll,
  openStalledClient,
  readEvents,
  type Site,
  startSite,
  upload,
  uploadSlowly,
} from "../support/real-input.ts";
import { until } from "../support/until.ts";

const MIB = 1024 ** 2;
const STALLED = 50;
const LAG_LIMIT_MS = 100;
const EVENTS_PER_SECOND = 20;

async function run(seconds: number): Promise<string[]> {
  const problems: string[] = [];
  const site = await startSite('[timeouts]\nkeepalive = "4s"\n', 1);
  // Alone: beside 200 MiB transfers on few cores the lag would be that of the machine.
  const [proxied, direct] = await Promise.all([
    readEvents(site.ophid.port, 200),
    readEvents(site.ssePort, 200),
  ]);
  const worst = Math.max(...proxied.lagsMs);
  console.log(
    `events, alone: worst lag ${worst} ms of ${proxied.lagsMs.length}, ${Math.max(...direct.lagsMs)} ms without the proxy`,
  );
  if (worst > LAG_LIMIT_MS || !proxied.inOrder) problems.push("events came late or out of order");

  const stalled = await Promise.all(
    Array.from({ length: STALLED }, () => openStalledClient(site.ophid.port, "/files/200MiB")),
  );
  await until("all are under way", async () => (await inFlight(site)) === STALLED);
  console.log(`${STALLED} clients stopped reading: ${formatMemory(await memoryOfAll(site.ophid))}`);

  const endsAt = performance.now() + seconds * 1000;
  const [slow, transfers, events] = await Promise.all([
    uploadSlowly(site, "slow", seconds),
    transfer(site, endsAt),
    readEvents(site.ophid.port, seconds * EVENTS_PER_SECOND * 0.9),
  ]);
  console.log(`upload of 5 KB/s: ${slow.answer} after ${slow.seconds.toFixed(1)} s`);
  if (!slow.answer.includes("201") || slow.sentSha256 !== slow.storedSha256)
    problems.push("the slow upload differs");
  console.log(
    `events, beside everything: worst lag ${Math.max(...events.lagsMs)} ms of ${events.lagsMs.length}`,
  );
  if (!events.inOrder) problems.push("events are missing or out of order");
  console.log(`200 MiB up and down: ${transfers.count} times, ${transfers.differing} differed`);
  if (transfers.differing > 0 || transfers.count === 0) problems.push("a transfer differs");

  const [first, ...others] = stalled;
  if ((await first?.finish()) !== site.sha256["200MiB"]) problems.push("a stalled download differs");
  for (const { socket } of others) socket.destroy();
  await until("the endpoint is free again", async () => (await inFlight(site)) === 0);
  const memory = await memoryOfAll(site.ophid);
  console.log(`at the end: ${formatMemory(memory)}`);
  for (const { name, peakMib } of memory) {
    if (peakMib * MIB >= MEMORY_LIMIT_BYTES) problems.push(`${name} needed ${peakMib} MiB`);
  }
  return problems;
}

async function transfer(site: Site, endsAt: number): Promise<{ count: number; differing: number }> {
  let count = 0;
  let differing = 0;
  const expected = site.sha256["200MiB"];
  while (performance.now() < endsAt) {
    const up = await upload(site, "large", Bun.file(join(site.files, "200MiB")));
    const down = await download(site.ophid.port, "/files/200MiB");
    if (up.sha256 !== expected || down.sha256 !== expected) differing += 1;
    count += 1;
  }
  return { count, differing };
}

async function inFlight(site: Site): Promise<number> {
  return (await site.ophid.status()).endpoints.reduce((sum, endpoint) => sum + endpoint.inFlight, 0);
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { seconds: { type: "string", default: "60" } } });
  let problems: string[];
  try {
    problems = await run(Number(values.seconds));
  } finally {
    await cleanUp();
  }
  for (const problem of problems) console.log(problem);
  console.log(problems.length === 0 ? "passed" : `failed: ${problems.length} problems`);
  process.exit(problems.length === 0 ? 0 : 1);
}
