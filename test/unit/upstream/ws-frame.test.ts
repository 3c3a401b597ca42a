import { describe, expect, test } from "bun:test";
import {
  createFrameParser,
  type FrameEvents,
  isCloseCode,
  pushChunk,
} from "../../../src/upstream/ws-frame.ts";
import { closePayload, type FrameShape, frameBytes } from "../../support/ws-bytes.ts";

type Seen = readonly [kind: string, ...values: unknown[]];

function record(seen: Seen[]): FrameEvents {
  const plain = (data: string | Uint8Array) => (typeof data === "string" ? data : [...data]);
  return {
    onMessage: (data) => {
      seen.push([typeof data === "string" ? "text" : "binary", plain(data)]);
      return true;
    },
    onPing: (payload) => void seen.push(["ping", plain(payload)]),
    onPong: (payload) => void seen.push(["pong", plain(payload)]),
    onClose: (code, reason) => void seen.push(["close", code, reason]),
    onError: (error) => void seen.push(["error", error.code]),
  };
}

function parseIn(pieceSize: number, bytes: Uint8Array, maxMessageBytes = 1000): Seen[] {
  const seen: Seen[] = [];
  const parser = createFrameParser({ maxMessageBytes });
  for (let i = 0; i < bytes.length; i += pieceSize) {
    const piece = bytes.slice(i, i + pieceSize);
    expect(pushChunk(parser, piece, record(seen))).toBe(piece.length);
  }
  return seen;
}

const TEXT = 1;
const BINARY = 2;
const CLOSE = 8;
const PING = 9;
const PONG = 10;

const BAD_UTF8 = Buffer.from([0x61, 0xc3, 0x28]);
const SNOWMAN = Buffer.from("☃");

interface Row {
  readonly name: string;
  readonly frames: readonly FrameShape[];
  readonly seen: readonly Seen[];
}

const GOOD: readonly Row[] = [
  { name: "text", frames: [{ opcode: TEXT, payload: "hé" }], seen: [["text", "hé"]] },
  { name: "binary", frames: [{ opcode: BINARY, payload: "ab" }], seen: [["binary", [97, 98]]] },
  { name: "empty text", frames: [{ opcode: TEXT }], seen: [["text", ""]] },
  { name: "empty binary", frames: [{ opcode: BINARY }], seen: [["binary", []]] },
  {
    name: "a byte order mark is content",
    frames: [{ opcode: TEXT, payload: "\ufeffx" }],
    seen: [["text", "\ufeffx"]],
  },
  {
    name: "lengths of 125, 126 and 1000",
    frames: [125, 126, 1000].map((size) => ({ opcode: TEXT, payload: "x".repeat(size) })),
    seen: [125, 126, 1000].map((size) => ["text", "x".repeat(size)]),
  },
  {
    name: "fragments, one of them empty, around a ping",
    frames: [
      { opcode: TEXT, payload: "a", fin: false },
      { opcode: PING, payload: "p" },
      { opcode: 0, fin: false },
      { opcode: 0, payload: "b" },
      { opcode: BINARY },
    ],
    seen: [
      ["ping", [112]],
      ["text", "ab"],
      ["binary", []],
    ],
  },
  {
    name: "a fragmented message that stays empty",
    frames: [{ opcode: TEXT, fin: false }, { opcode: 0 }],
    seen: [["text", ""]],
  },
  {
    name: "a character split between fragments",
    frames: [
      { opcode: TEXT, payload: SNOWMAN.subarray(0, 1), fin: false },
      { opcode: 0, payload: SNOWMAN.subarray(1) },
    ],
    seen: [["text", "☃"]],
  },
  {
    name: "ping and pong of 125 bytes",
    frames: [
      { opcode: PING, payload: new Uint8Array(125) },
      { opcode: PONG, payload: new Uint8Array(125) },
    ],
    seen: [
      ["ping", Array(125).fill(0)],
      ["pong", Array(125).fill(0)],
    ],
  },
  { name: "close without code", frames: [{ opcode: CLOSE }], seen: [["close", undefined, ""]] },
  {
    name: "close with code and reason, and nothing after it",
    frames: [
      { opcode: CLOSE, payload: closePayload(3000, "wĥy") },
      { opcode: TEXT, payload: "late" },
    ],
    seen: [["close", 3000, "wĥy"]],
  },
];

const BAD: readonly (Row & { readonly code: number })[] = [
  { name: "RSV1", frames: [{ opcode: TEXT, rsv: 4 }], code: 1002, seen: [] },
  { name: "RSV2", frames: [{ opcode: TEXT, rsv: 2 }], code: 1002, seen: [] },
  { name: "RSV3", frames: [{ opcode: PING, rsv: 1 }], code: 1002, seen: [] },
  ...[3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map((opcode) => ({
    name: `opcode ${opcode}`,
    frames: [{ opcode }],
    code: 1002,
    seen: [],
  })),
  { name: "masked", frames: [{ opcode: TEXT, payload: "x", mask: 1 }], code: 1002, seen: [] },
  {
    name: "control of 126 bytes",
    frames: [{ opcode: PING, payload: "x".repeat(126) }],
    code: 1002,
    seen: [],
  },
  { name: "fragmented control", frames: [{ opcode: PING, fin: false }], code: 1002, seen: [] },
  { name: "continuation alone", frames: [{ opcode: 0 }], code: 1002, seen: [] },
  {
    name: "continuation after a whole message",
    frames: [{ opcode: TEXT }, { opcode: 0 }],
    code: 1002,
    seen: [["text", ""]],
  },
  {
    name: "message inside a message",
    frames: [{ opcode: TEXT, fin: false }, { opcode: BINARY }],
    code: 1002,
    seen: [],
  },
  {
    name: "16-bit length for 125",
    frames: [{ opcode: TEXT, payload: "x".repeat(125), lengthBytes: 2 }],
    code: 1002,
    seen: [],
  },
  {
    name: "64-bit length for 300",
    frames: [{ opcode: TEXT, payload: "x".repeat(300), lengthBytes: 8 }],
    code: 1002,
    seen: [],
  },
  { name: "close payload of one byte", frames: [{ opcode: CLOSE, payload: "x" }], code: 1002, seen: [] },
  ...[0, 999, 1004, 1005, 1006, 1015, 1016, 2000, 2999, 5000, 65_535].map((code) => ({
    name: `close code ${code}`,
    frames: [{ opcode: CLOSE, payload: closePayload(code) }],
    code: 1002,
    seen: [],
  })),
  {
    name: "reason not UTF-8",
    frames: [{ opcode: CLOSE, payload: closePayload(1000, BAD_UTF8) }],
    code: 1007,
    seen: [],
  },
  { name: "text not UTF-8", frames: [{ opcode: TEXT, payload: BAD_UTF8 }], code: 1007, seen: [] },
  {
    name: "surrogate in UTF-8",
    frames: [{ opcode: TEXT, payload: Buffer.from([0xed, 0xa0, 0x80]) }],
    code: 1007,
    seen: [],
  },
  {
    name: "text not UTF-8 across fragments",
    frames: [
      { opcode: TEXT, payload: SNOWMAN.subarray(0, 2), fin: false },
      { opcode: 0, payload: "x" },
    ],
    code: 1007,
    seen: [],
  },
  {
    name: "message over the limit",
    frames: [{ opcode: BINARY, payload: new Uint8Array(1001) }],
    code: 1009,
    seen: [],
  },
  {
    name: "fragments over the limit",
    frames: [
      { opcode: BINARY, payload: new Uint8Array(600), fin: false },
      { opcode: 0, payload: new Uint8Array(401) },
    ],
    code: 1009,
    seen: [],
  },
];

describe("pushChunk", () => {
  for (const row of GOOD) {
    test(`takes ${row.name}, in one piece or many`, () => {
      const bytes = Buffer.concat(row.frames.map(frameBytes));
      for (const pieceSize of [bytes.length, 1, 2, 3, 7, 100]) {
        expect(parseIn(pieceSize, bytes)).toEqual([...row.seen]);
      }
    });
  }

  for (const row of BAD) {
    test(`refuses ${row.name} and swallows the rest`, () => {
      const bytes = Buffer.concat([
        ...row.frames.map(frameBytes),
        frameBytes({ opcode: TEXT, payload: "late" }),
      ]);
      for (const pieceSize of [bytes.length, 1, 5]) {
        expect(parseIn(pieceSize, bytes)).toEqual([...row.seen, ["error", row.code]]);
      }
    });
  }

  test("refuses a 64-bit length with the highest bit set as malformed, a huge one as too big", () => {
    const head = (high: number) => Buffer.from([0x82, 127, high, 0, 0, 0, 0, 1, 0, 0]);
    expect(parseIn(100, head(0x80))).toEqual([["error", 1002]]);
    expect(parseIn(100, head(0x7f))).toEqual([["error", 1009]]);
    expect(parseIn(100, head(0))).toEqual([["error", 1009]]);
  });

  test("refuses a message over the limit by its header, before any payload came", () => {
    const bytes = frameBytes({ opcode: BINARY, payload: new Uint8Array(1001) }).subarray(0, 4);
    expect(parseIn(4, bytes)).toEqual([["error", 1009]]);
  });

  test("hands on a message that lies in one chunk without a copy", () => {
    const chunk = frameBytes({ opcode: BINARY, payload: new Uint8Array(500) });
    let buffer: ArrayBufferLike | undefined;
    const events: FrameEvents = {
      ...record([]),
      onMessage: (data) => {
        if (typeof data !== "string") buffer = data.buffer;
        return true;
      },
    };
    pushChunk(createFrameParser({ maxMessageBytes: 1000 }), chunk, events);
    expect(buffer).toBe(chunk.buffer);
  });

  test("stops behind the message that was answered with false and goes on with the rest", () => {
    const chunk = Buffer.concat(["a", "b", "c"].map((payload) => frameBytes({ opcode: TEXT, payload })));
    const parser = createFrameParser({ maxMessageBytes: 10 });
    const got: unknown[] = [];
    const events: FrameEvents = { ...record([]), onMessage: (data) => got.push(data) !== 2 };
    const taken = pushChunk(parser, chunk, events);
    expect(got).toEqual(["a", "b"]);
    expect(taken).toBe(6);
    expect(pushChunk(parser, chunk.subarray(taken), events)).toBe(3);
    expect(got).toEqual(["a", "b", "c"]);
  });

  test("allocates for what came, not for what a header promises", () => {
    const parser = createFrameParser({ maxMessageBytes: 2 ** 30 });
    const bytes = Buffer.alloc(11);
    bytes.set([0x82, 127, 0, 0, 0, 0, 0x30, 0, 0, 0, 1]);
    pushChunk(parser, bytes, record([]));
    expect(parser.messageSize).toBe(1);
    expect(parser.message?.length).toBeLessThanOrEqual(64 * 1024);
  });

  test("copies a message that drips in byte by byte only a few times over", () => {
    const size = 800_000;
    const bytes = frameBytes({ opcode: BINARY, payload: new Uint8Array(size) });
    const parser = createFrameParser({ maxMessageBytes: size });
    const allocations = new Set<number>();
    const seen: Seen[] = [];
    for (let i = 0; i < bytes.length; i++) {
      pushChunk(parser, bytes.subarray(i, i + 1), record(seen));
      if (parser.message !== undefined) allocations.add(parser.message.length);
    }
    expect(seen.length).toBe(1);
    expect([...allocations].reduce((sum, bytes) => sum + bytes, 0)).toBeLessThan(4 * size);
  });
});

describe("isCloseCode", () => {
  test("allows the registered codes and the private range only", () => {
    const allowed = [1000, 1001, 1002, 1003, 1007, 1008, 1011, 1012, 1013, 1014, 3000, 4999];
    expect(allowed.filter((code) => !isCloseCode(code))).toEqual([]);
    const refused = [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000];
    expect(refused.filter(isCloseCode)).toEqual([]);
  });
});
