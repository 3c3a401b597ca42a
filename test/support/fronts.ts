/** Both fronts, for cases that must not depend on which one is in front. */

import { startListener } from "../../src/listener/serve.ts";
import type { StartFront } from "../../src/worker/engine.ts";
import { startSecondFront } from "./second-front.ts";

export const FRONTS: [name: string, front: StartFront][] = [
  ["Bun.serve", startListener],
  ["the second front", startSecondFront],
];
