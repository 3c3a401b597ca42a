/** Throws damaged WebSocket streams at the frame parser: `bun test/fuzz/ws-frame.ts [seconds] [seed]`. */

import { frameBytes } from "../support/ws-bytes.ts";
import { replay } from "../support/ws-replay.ts";

const SECONDS_DEFAULT = 10;
const MESSAGE_BYTES_MAX = 70_000;
const OPCODES = [0, 1, 2, 8, 9, 10] as const;
/** Values that sit on the edges of opcodes, flags and length fields. */
const EDGE_BYTES = [0, 1, 0x7d, 0x7e, 0x7f, 0x80, 0x81, 0x88, 0xc0, 0xed, 0xf4, 0xff] as const;

type Random = (below: number) => number;

/** A small seeded generator (xorshift32), so that a failure can be repeated. */
function createRandom(seed: number): Random {
  let state = seed >>> 0 || 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return below <= 0 ? 0 : state % below;
  };
}

function pick<T>(random: Random, values: readonly T[]): T {
  return values[random(values.length)] as T;
}

function randomFrame(random: Random): Buffer {
  const opcode = random(20) === 0 ? random(16) : pick(random, OPCODES);
  const limit = opcode >= 8 ? 130 : random(10) === 0 ? 80_000 : 300;
  const size = random(limit);
  const payload =
    random(2) === 0 ? Buffer.alloc(size, 0x61) : Buffer.from(Array.from({ length: size }, () => random(256)));
  if (opcode === 8 && size >= 2) payload.writeUInt16BE(pick(random, [1000, 1005, 1014, 2000, 3000, 4999]), 0);
  const shape = { opcode, payload, fin: opcode >= 8 ? random(30) !== 0 : random(3) !== 0 };
  return frameBytes(random(40) === 0 ? { ...shape, rsv: random(8) } : shape);
}

function randomStream(random: Random): Uint8Array {
  const bytes = Buffer.concat(Array.from({ length: 1 + random(8) }, () => randomFrame(random)));
  for (let hits = random(4) - 1; hits > 0; hits--) bytes[random(bytes.length)] = pick(random, EDGE_BYTES);
  return random(10) === 0 ? bytes.subarray(0, random(bytes.length)) : bytes;
}

function runOnce(seed: number): void {
  const random = createRandom(seed);
  const bytes = randomStream(random);
  const rest = { bytes, maxMessageBytes: MESSAGE_BYTES_MAX };
  const whole = replay({ ...rest, pieceSizes: [Math.max(1, bytes.length)], stopEvery: 0 });
  const pieceSizes = Array.from({ length: 1 + random(6) }, () => 1 + random(random(4) === 0 ? 4000 : 20));
  const cut = replay({ ...rest, pieceSizes, stopEvery: random(3) });
  if (JSON.stringify(whole) !== JSON.stringify(cut)) throw new Error("Pieces changed what was seen");
}

if (import.meta.main) {
  const [seconds, firstSeed] = process.argv.slice(2).map(Number);
  let seed = firstSeed ?? crypto.getRandomValues(new Uint32Array(1))[0] ?? 1;
  const deadline = performance.now() + (seconds ?? SECONDS_DEFAULT) * 1000;
  console.log(`first seed ${seed}`);
  let runs = 0;
  for (; performance.now() < deadline; runs++, seed++) {
    try {
      runOnce(seed);
    } catch (error) {
      console.error(`failed; repeat with: bun test/fuzz/ws-frame.ts 0.001 ${seed}`);
      throw error;
    }
  }
  console.log(`${runs} streams, no failure`);
}
