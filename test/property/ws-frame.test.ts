import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { encodeClose, encodeFrame } from "../../src/upstream/ws-encode.ts";
import { isCloseCode } from "../../src/upstream/ws-frame.ts";
import { closePayload, decodeFrames, frameBytes } from "../support/ws-bytes.ts";
import { replay, type Seen } from "../support/ws-replay.ts";

const MESSAGE_BYTES_MAX = 100_000;

const payload = fc.oneof(
  { weight: 6, arbitrary: fc.uint8Array({ maxLength: 300 }) },
  {
    weight: 1,
    arbitrary: fc.integer({ min: 65_000, max: 67_000 }).map((size) => new Uint8Array(size).fill(7)),
  },
);

const control = fc.record({
  opcode: fc.constantFrom(9, 10),
  payload: fc.uint8Array({ maxLength: 125 }),
});

/** One message in random fragments, with control frames between them. */
const message = fc.record({
  text: fc.option(fc.string({ unit: "grapheme", maxLength: 200 }), { nil: undefined }),
  binary: payload,
  cuts: fc.array(fc.nat(), { maxLength: 4 }),
  controls: fc.array(control, { maxLength: 2 }),
});

const pieceSizes = fc.array(fc.integer({ min: 1, max: 5000 }), { minLength: 1, maxLength: 8 });

type Message = typeof message extends fc.Arbitrary<infer T> ? T : never;

function toFrames({ text, binary, cuts, controls }: Message): { bytes: Buffer; seen: Seen[] } {
  const whole = Buffer.from(text ?? binary);
  const ends = [...cuts.map((cut) => cut % (whole.length + 1)).sort((a, b) => a - b), whole.length];
  const frames: Buffer[] = [];
  let from = 0;
  ends.forEach((end, i) => {
    const opcode = i > 0 ? 0 : text === undefined ? 2 : 1;
    frames.push(frameBytes({ opcode, payload: whole.subarray(from, end), fin: i === ends.length - 1 }));
    from = end;
    const between = i < ends.length - 1 ? controls[i] : undefined;
    if (between !== undefined) frames.push(frameBytes(between));
  });
  const seen: Seen[] = controls
    .slice(0, ends.length - 1)
    .map((one) => [one.opcode === 9 ? "ping" : "pong", Buffer.from(one.payload).toString("latin1")]);
  seen.push(text === undefined ? ["binary", whole.toString("latin1")] : ["text", text]);
  return { bytes: Buffer.concat(frames), seen };
}

describe("pushChunk", () => {
  test("finds every message however the bytes are cut and wherever it is stopped", () => {
    const run = fc.record({
      messages: fc.array(message, { maxLength: 6 }),
      pieceSizes,
      stopEvery: fc.nat(3),
    });
    fc.assert(
      fc.property(run, ({ messages, pieceSizes: sizes, stopEvery }) => {
        const parts = messages.map(toFrames);
        const bytes = Buffer.concat(parts.map((part) => part.bytes));
        const seen = replay({ bytes, pieceSizes: sizes, stopEvery, maxMessageBytes: MESSAGE_BYTES_MAX });
        expect(seen).toEqual(parts.flatMap((part) => part.seen));
      }),
      { numRuns: 300 },
    );
  });

  test("takes any bytes without throwing, within its memory, and sees the same in any pieces", () => {
    const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 });
    const damaged = fc
      .tuple(fc.array(message, { minLength: 1, maxLength: 4 }), damage)
      .map(([messages, hits]) => {
        const bytes = Buffer.concat(messages.map((one) => toFrames(one).bytes));
        for (const [at, value] of hits) bytes[at % bytes.length] = value;
        return new Uint8Array(bytes);
      });
    const input = fc.oneof(fc.uint8Array({ maxLength: 500 }), damaged);
    fc.assert(
      fc.property(input, pieceSizes, (bytes, sizes) => {
        const rest = { bytes, stopEvery: 0, maxMessageBytes: MESSAGE_BYTES_MAX };
        expect(replay({ ...rest, pieceSizes: sizes })).toEqual(
          replay({ ...rest, pieceSizes: [bytes.length] }),
        );
      }),
      { numRuns: 500 },
    );
  });
});

describe("encodeFrame", () => {
  test("is undone by taking the mask away", () => {
    const data = fc.oneof(fc.string({ unit: "grapheme" }), payload);
    fc.assert(
      fc.property(data, fc.integer({ min: 0, max: 0xffff_ffff }), (value, maskKey) => {
        const opcode = typeof value === "string" ? 1 : 2;
        const [frame, ...others] = decodeFrames(encodeFrame(opcode, value, maskKey));
        expect(others).toEqual([]);
        expect(frame).toMatchObject({ opcode, fin: true, masked: true });
        expect(Buffer.compare(frame?.payload ?? Buffer.from("none"), Buffer.from(value))).toBe(0);
      }),
    );
  });

  test("a close the parser accepts is built from every code and reason", () => {
    const code = fc.integer({ min: 1000, max: 4999 }).filter(isCloseCode);
    fc.assert(
      fc.property(code, fc.string({ unit: "grapheme", maxLength: 30 }), (value, reason) => {
        fc.pre(Buffer.byteLength(reason) <= 123);
        const [frame] = decodeFrames(encodeClose(value, reason, 0x1234_5678));
        expect(frame?.payload.equals(closePayload(value, reason))).toBe(true);
        const bytes = frameBytes({ opcode: 8, payload: frame?.payload ?? "" });
        const rest = { bytes, pieceSizes: [3], stopEvery: 0, maxMessageBytes: MESSAGE_BYTES_MAX };
        expect(replay(rest)).toEqual([["close", value, reason]]);
      }),
    );
  });
});
