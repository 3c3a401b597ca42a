import { describe, expect, test } from "bun:test";
import { createMaskKeySource, encodeClose, encodeFrame } from "../../../src/upstream/ws-encode.ts";
import { closePayload, decodeFrames, frameBytes } from "../../support/ws-bytes.ts";

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

const KEY = 0xa1b2c3d4;

/** Around every change of header width, word boundary and way of building. */
const SIZES = [
  0, 1, 2, 3, 4, 5, 125, 126, 127, 128, 1023, 16_383, 16_384, 16_385, 65_535, 65_536, 65_537, 200_003,
];

describe("encodeFrame", () => {
  for (const size of SIZES) {
    test(`masks ${size} bytes and leaves the payload as it was`, () => {
      const payload = new Uint8Array(size).map((_, i) => i * 7);
      const before = payload.slice();
      expect(hex(encodeFrame(2, payload, KEY))).toBe(hex(frameBytes({ opcode: 2, payload, mask: KEY })));
      expect(payload).toEqual(before);
    });

    test(`encodes text of ${size} characters`, () => {
      for (const char of ["a", "é", "☃"]) {
        const payload = char.repeat(size);
        const frame = encodeFrame(1, payload, KEY);
        expect(hex(frame)).toBe(hex(frameBytes({ opcode: 1, payload, mask: KEY })));
      }
    });
  }

  test("takes a view into a larger buffer", () => {
    const payload = new Uint8Array(64).fill(9).subarray(3, 10);
    expect(hex(encodeFrame(2, payload, KEY))).toBe(hex(frameBytes({ opcode: 2, payload, mask: KEY })));
  });

  test("gives every frame memory of its own", () => {
    const first = encodeFrame(1, "first", KEY);
    const copy = first.slice();
    encodeFrame(1, "other", 0);
    expect(first).toEqual(copy);
  });

  test("keeps four-byte characters whole", () => {
    const payload = "🚀".repeat(3000);
    expect(decodeFrames(encodeFrame(1, payload, KEY))[0]?.payload.toString()).toBe(payload);
  });
});

describe("encodeClose", () => {
  test("has no payload without a code", () => {
    expect(hex(encodeClose(undefined, "", KEY))).toBe(hex(frameBytes({ opcode: 8, mask: KEY })));
  });

  test("carries code and reason", () => {
    const expected = frameBytes({ opcode: 8, payload: closePayload(4999, "wĥy"), mask: KEY });
    expect(hex(encodeClose(4999, "wĥy", KEY))).toBe(hex(expected));
  });

  test("cuts a reason that does not fit between characters", () => {
    const [frame] = decodeFrames(encodeClose(1000, "☃".repeat(100), KEY));
    expect(frame?.payload.subarray(2).toString()).toBe("☃".repeat(41));
  });
});

describe("createMaskKeySource", () => {
  test("uses every word of a batch once and then fetches the next", () => {
    let fills = 0;
    let word = 0;
    const next = createMaskKeySource((words) => {
      fills++;
      for (let i = 0; i < words.length; i++) words[i] = word++;
    });
    expect(fills).toBe(0);
    const keys = Array.from({ length: 600 }, next);
    expect(keys).toEqual(Array.from({ length: 600 }, (_, i) => i));
    expect(fills).toBe(3);
  });
});
