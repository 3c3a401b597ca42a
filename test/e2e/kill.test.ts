/** A short run of the kill soak: workers and masters die under load, and only what they held is lost. */

import { afterEach, expect, test } from "bun:test";
import { cleanUp } from "../support/cleanup.ts";
import { runKills } from "../soak/kill.ts";

const SECONDS = 15;
const TEST_MS = 90_000;

afterEach(cleanUp, TEST_MS);

test(
  "killed workers and masters take nothing with them but what they had accepted",
  async () => {
    const seed = Date.now() % 1_000_000;
    expect(await runKills({ seconds: SECONDS, seed, print: (line) => console.log(line) })).toEqual([]);
  },
  TEST_MS,
);
