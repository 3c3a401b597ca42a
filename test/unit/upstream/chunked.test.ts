import { describe, expect, test } from "bun:test";
import {
  createChunkedDecoder,
  decodeChunked,
  MAX_CHUNK_EXTENSION_BYTES,
  MAX_CHUNK_SIZE_DIGITS,
  MAX_TRAILER_BYTES,
} from "../../../src/upstream/chunked.ts";

function decode(text: string, pieceSize = text.length) {
  const decoder = createChunkedDecoder();
  const out: Uint8Array[] = [];
  let at = 0;
  let result = decodeChunked(decoder, new Uint8Array(0), 0, out);
  while (at < text.length && result.kind === "more") {
    const piece = Buffer.from(text.slice(at, at + pieceSize), "latin1");
    result = decodeChunked(decoder, piece, 0, out);
    at += piece.length;
  }
  return { result, body: Buffer.concat(out).toString("latin1") };
}

describe("decodeChunked", () => {
  test.each<[string, string]>([
    ["0\r\n\r\n", ""],
    ["5\r\nhello\r\n0\r\n\r\n", "hello"],
    ["3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n", "hello"],
    ["A\r\n0123456789\r\n0\r\n\r\n", "0123456789"],
    ["a\r\n0123456789\r\n000\r\n\r\n", "0123456789"],
    ["0005\r\nhello\r\n0\r\n\r\n", "hello"],
    ["4\r\n\r\n\r\n\r\n0\r\n\r\n", "\r\n\r\n"],
    ['2;a\r\nok\r\n0;b="c"\r\n\r\n', "ok"],
    ["2\r\nok\r\n0\r\nX-A: 1\r\nX-B: 2\r\n\r\n", "ok"],
  ])("row 6: %j", (text, body) => {
    for (const size of [text.length, 1, 2, 3]) {
      const decoded = decode(text, size);
      expect([decoded.result.kind, decoded.body]).toEqual(["end", body]);
    }
  });

  test.each([
    "\r\n",
    "x\r\n",
    " 5\r\nhello\r\n",
    "5 \r\nhello\r\n",
    "\t5\r\nhello\r\n",
    "0x5\r\nhello\r\n",
    "+5\r\nhello\r\n",
    "-5\r\nhello\r\n",
    "5_\r\nhello\r\n",
    "5\nhello\r\n",
    "5\rhello\r\n",
    "5\r\nhello\n",
    "5\r\nhello\r0",
    "5\r\nhello!",
    "5\r\nhello0\r\n\r\n",
    "0\r\n\rX",
    "0\r\n\n",
    "0\n\n",
    "0\r\nX: 1\n\r\n",
    "0\r\nX: 1\rY",
    "0\r\nX: \x00\r\n\r\n",
    "0\r\n\x01",
    "5;a\x00\r\n",
    "5;a\n",
    "5;a\rb",
    ";a\r\n",
    `${"0".repeat(MAX_CHUNK_SIZE_DIGITS + 1)}\r\n`,
    "ffffffffffffffff\r\n",
  ])("rows 6, 7, 29: %j is an error, and stays one", (text) => {
    for (const size of [text.length, 1]) expect(decode(text, size).result.kind).toBe("error");
    expect(decode(`${text}0\r\n\r\n`).result.kind).toBe("error");
  });

  test("is never complete without its last line", () => {
    const text = "5\r\nhello\r\n0\r\nX: 1\r\n\r\n";
    for (let end = 0; end < text.length; end++) expect(decode(text.slice(0, end)).result.kind).toBe("more");
  });

  test("row 7: bounds extensions and trailers", () => {
    const extension = (bytes: number) => decode(`1;${"x".repeat(bytes)}\r\na\r\n0\r\n\r\n`).result.kind;
    expect(extension(MAX_CHUNK_EXTENSION_BYTES)).toBe("end");
    expect(extension(MAX_CHUNK_EXTENSION_BYTES + 1)).toBe("error");
    const trailer = (bytes: number) => decode(`0\r\nX: ${"x".repeat(bytes)}\r\n\r\n`).result.kind;
    expect(trailer(MAX_TRAILER_BYTES - 20)).toBe("end");
    expect(trailer(MAX_TRAILER_BYTES)).toBe("error");
    // Many short lines are no way around it.
    expect(decode(`0\r\n${"X: 1\r\n".repeat(MAX_TRAILER_BYTES / 4)}\r\n`).result.kind).toBe("error");
  });

  test("an extension in each of many chunks is measured by itself", () => {
    expect(decode(`${"1;xxxxxxxxxxxxxxxxxxxx\r\na\r\n".repeat(100)}0\r\n\r\n`).result.kind).toBe("end");
  });

  test("row 29: says where the next message would begin", () => {
    const bytes = Buffer.from("xx0\r\n\r\nHTTP/1.1", "latin1");
    expect(decodeChunked(createChunkedDecoder(), bytes, 2, [])).toEqual({ kind: "end", offset: 7 });
  });

  test("hands out views, not copies", () => {
    const bytes = Buffer.from("5\r\nhello\r\n", "latin1");
    const out: Uint8Array[] = [];
    decodeChunked(createChunkedDecoder(), bytes, 0, out);
    expect(out[0]?.buffer).toBe(bytes.buffer);
  });
});
