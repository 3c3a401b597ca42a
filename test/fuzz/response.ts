/**
 * Feeds damaged responses to the parser until the time is up: `bun test/fuzz/response.ts [seconds] [seed]`.
 * Every input must give one result however it is cut, without an exception, and in time.
 */

import { runResponse } from "../support/call-harness.ts";
import { createSeededRandom, formatResponse, mutate, splitAtRandom } from "../support/response-corpus.ts";

const SLOW_MS = 200;

const seconds = Number(process.argv[2] ?? 10);
const seed = Number(process.argv[3] ?? Date.now() % 2 ** 31);
const random = createSeededRandom(seed);
const below = (limit: number) => Math.floor(random() * limit);
const pickFrom = <T>(items: readonly [T, ...T[]]): T => items[below(items.length)] ?? items[0];

console.log(`seed ${seed}, ${seconds} s`);
const end = performance.now() + seconds * 1000;
const outcomes = new Map<string, number>();
let inputs = 0;
while (performance.now() < end) {
  const bytes = mutate(Buffer.from(createInput(), "latin1"), random);
  const method = pickFrom(["GET", "GET", "HEAD", "POST"]);
  const start = performance.now();
  const whole = JSON.stringify(withoutReuse(runResponse([bytes], method, true)));
  const cut = JSON.stringify(withoutReuse(runResponse(splitAtRandom(bytes, random), method, true)));
  const took = performance.now() - start;
  if (whole !== cut || took > SLOW_MS) {
    console.error(`seed ${seed}, input ${inputs}: ${JSON.stringify(bytes.toString("latin1"))}`);
    console.error(`whole ${whole}\ncut   ${cut}\n${took} ms`);
    process.exitCode = 1;
    break;
  }
  const kind = /"failure":"(\w+)"/.exec(whole)?.[1] ?? "complete";
  outcomes.set(kind, (outcomes.get(kind) ?? 0) + 1);
  inputs += 1;
}
console.log(`${inputs} inputs: ${[...outcomes].map(([kind, count]) => `${kind} ${count}`).join(", ")}`);

function createInput(): string {
  const body = String.fromCharCode(...Array.from({ length: below(200) }, () => below(256)));
  return formatResponse({
    status: pickFrom([200, 204, 304, 101, 404, 500]),
    fields: Array.from({ length: below(6) }, (_, i) => [
      pickFrom(["X-A", "Connection", "Content-Length", "Transfer-Encoding", "Keep-Alive", "Set-Cookie"]),
      pickFrom(["chunked", "close", "5", "timeout=5", `v${i}`, "X-A", "keep-alive, X-A"]),
    ]),
    body,
    framing: pickFrom(["length", "chunked", "close"]),
    chunks: Array.from({ length: below(5) }, () => below(50)),
    informational: below(3),
  });
}

function withoutReuse(outcome: ReturnType<typeof runResponse>): object {
  const { reusable: _, ...rest } = outcome;
  return rest;
}
