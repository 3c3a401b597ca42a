import { describe, expect, test } from "bun:test";
import { ProxyFailure, upstreamError } from "../../../src/exchange/error.ts";
import { answerReadiness, toAnswer, WHOLE_BODY_BYTES } from "../../../src/upstream/answer.ts";
import { abortCall, type Call, failCall, toByteSource } from "../../../src/upstream/call.ts";
import { READ_BUFFER_BYTES } from "../../../src/upstream/connection.ts";
import type { ResponseHead } from "../../../src/upstream/response-head.ts";
import { createHarness, type HarnessOptions, runResponse } from "../../support/call-harness.ts";

const CHUNKED = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
const LENGTH = (size: number) => `HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n`;

function fed(bytes: string, options: HarnessOptions = {}) {
  const harness = createHarness(options);
  harness.feed(bytes);
  return harness;
}

function headOf(call: Call): ResponseHead {
  if (call.head === undefined) throw new Error("No head yet");
  return call.head;
}

describe("a response on a connection", () => {
  test.each<[string, string, boolean, Partial<ReturnType<typeof runResponse>>]>([
    ["complete", `${LENGTH(2)}ok`, false, { body: "ok", ended: true, reusable: true }],
    [
      "row 28: closed inside the body",
      `${LENGTH(3)}ok`,
      true,
      { failure: "upstream_truncated", reusable: false },
    ],
    ["row 28: closed inside chunks", `${CHUNKED}2\r\nok\r\n`, true, { failure: "upstream_truncated" }],
    [
      "row 29: ended by the close",
      "HTTP/1.1 200 OK\r\n\r\nok",
      true,
      { body: "ok", ended: true, reusable: false },
    ],
    ["closed inside the head", "HTTP/1.1 200 OK\r\nA", true, { failure: "upstream_closed" }],
    ["closed before the head", "", true, { failure: "upstream_closed" }],
    ["row 36: 1xx first", `HTTP/1.1 103 x\r\nA: b\r\n\r\n${LENGTH(2)}ok`, false, { status: 200, body: "ok" }],
    ["closed after a 1xx", "HTTP/1.1 103 x\r\n\r\n", true, { failure: "upstream_closed" }],
  ])("%s", (_, bytes, close, expected) => {
    expect(runResponse([Buffer.from(bytes, "latin1")], "GET", close)).toMatchObject(expected);
    const single = [...Buffer.from(bytes, "latin1")].map((byte) => Uint8Array.of(byte));
    expect(runResponse(single, "GET", close)).toMatchObject(expected);
  });

  test("row 29: surplus bytes make the connection unusable", () => {
    for (const bytes of [`${LENGTH(2)}okx`, `${CHUNKED}2\r\nok\r\n0\r\n\r\nx`, `${LENGTH(0)}x`]) {
      expect(runResponse([Buffer.from(bytes)], "GET", false)).toMatchObject({ ended: true, reusable: false });
    }
  });

  test("row 27: only a reused connection without a byte of an answer may be tried again", () => {
    const retryOf = (bytes: string, served: number) => {
      const harness = createHarness({ served });
      if (bytes !== "") harness.feed(bytes);
      harness.close(false);
      return harness.call.failure?.retry;
    };
    expect(retryOf("", 1)).toBe("if-reused");
    expect(retryOf("", 0)).toBe("never");
    expect(retryOf("HTTP/1.1 2", 1)).toBe("never");
    expect(retryOf("HTTP/1.1 103 x\r\n\r\n", 1)).toBe("never");
  });

  test("row 19: an answer before the end of the request makes the connection unusable", () => {
    expect(fed(`${LENGTH(2)}ok`, { hasBody: true }).reusable()).toBe(false);
  });

  test("row 67: bytes of a head do not count as progress, bytes of a body do", () => {
    const harness = createHarness();
    harness.call.touched = false;
    harness.feed("HTTP/1.1 200 OK\r\n");
    expect(harness.call.touched).toBe(false);
    harness.feed("Content-Length: 5\r\n\r\n");
    expect([harness.call.touched, harness.call.waiting]).toEqual([true, "body"]);
    harness.call.touched = false;
    harness.feed("x");
    expect(harness.call.touched).toBe(true);
  });

  test("row 32: a 101 is an answer to an upgrade only, and what follows is kept apart", () => {
    const answer = "HTTP/1.1 101 x\r\nUpgrade: websocket\r\n\r\nframes";
    const harness = fed(answer, { upgrading: true });
    expect([harness.call.head?.status, Buffer.from(harness.call.leftover ?? []).toString()]).toEqual([
      101,
      "frames",
    ]);
    expect([harness.connection.paused, harness.call.queuedBytes]).toEqual([true, 0]);
    expect(fed(answer).call.failure?.kind).toBe("upstream_protocol");
  });
});

describe("row 45: backpressure", () => {
  test("pauses above the limit and goes on below it", async () => {
    const harness = fed(LENGTH(10_000_000));
    harness.feed(new Uint8Array(READ_BUFFER_BYTES - 1));
    expect(harness.connection.paused).toBe(false);
    harness.feed(new Uint8Array(10));
    expect([harness.connection.paused, harness.call.waiting]).toEqual([true, "reader"]);
    const source = toByteSource(harness.call);
    await source.read();
    expect([harness.connection.paused, harness.call.waiting]).toEqual([false, "body"]);
  });

  test("many tiny chunks of one read are joined, large ones are not copied", () => {
    const tiny = fed(`${CHUNKED}${"1\r\nx\r\n".repeat(1000)}`);
    expect([tiny.call.queue.length, tiny.call.queuedBytes]).toEqual([1, 1000]);
    const large = fed(`${CHUNKED}${`1000\r\n${"x".repeat(4096)}\r\n`.repeat(3)}`);
    expect(large.call.queue.length).toBe(3);
  });
});

describe("toByteSource", () => {
  test("gives what is queued before the failure", async () => {
    const harness = fed(`${LENGTH(100)}hello`);
    const source = toByteSource(harness.call);
    harness.close(true);
    expect(Buffer.from((await source.read()) ?? []).toString()).toBe("hello");
    await expect(source.read()).rejects.toBeInstanceOf(ProxyFailure);
  });

  test("wakes a reader with bytes, the end, a failure, or a cancellation", async () => {
    const harness = fed(`${LENGTH(5)}h`);
    const source = toByteSource(harness.call);
    await source.read();
    const piece = source.read();
    harness.feed("ell");
    expect(Buffer.from((await piece) ?? []).toString()).toBe("ell");
    const last = source.read();
    harness.feed("o");
    expect(Buffer.from((await last) ?? []).toString()).toBe("o");
    expect(await source.read()).toBeUndefined();
    const failing = fed(LENGTH(5));
    const failed = toByteSource(failing.call).read();
    failCall(failing.call, upstreamError("upstream_truncated", "x"));
    await expect(failed).rejects.toBeInstanceOf(ProxyFailure);
    const cancelled = fed(LENGTH(5));
    const waiting = toByteSource(cancelled.call).read();
    abortCall(cancelled.call);
    abortCall(cancelled.call);
    expect([await waiting, cancelled.connection.closed]).toEqual([undefined, true]);
  });

  test.each<[string, (harness: ReturnType<typeof createHarness>) => void, boolean]>([
    ["the end", (harness) => harness.feed("hello"), false],
    ["a failure", (harness) => harness.close(false), true],
    ["a cancellation", (harness) => abortCall(harness.call), false],
  ])("tells once when only the reader can be slow: after %s", (_, finish, failed) => {
    const harness = fed(LENGTH(5));
    const told: boolean[] = [];
    toByteSource(harness.call).onSettled?.((value) => told.push(value));
    expect(told).toEqual([]);
    finish(harness);
    expect(told).toEqual([failed]);
    toByteSource(harness.call).onSettled?.((value) => told.push(value));
    expect(told).toEqual([failed, failed]);
  });
});

describe("answerReadiness", () => {
  test.each<[string, string, number, string]>([
    ["a complete answer", `${LENGTH(2)}ok`, 0, "now"],
    ["no body", LENGTH(0), 0, "now"],
    ["part of a small one", `${LENGTH(10)}ok`, 0, "wait"],
    ["nothing of a small one", LENGTH(10), 0, "wait"],
    ["part of a large one", `${LENGTH(WHOLE_BODY_BYTES)}ok`, 0, "now"],
    ["nothing of a large one", LENGTH(WHOLE_BODY_BYTES), 0, "head-only"],
    ["nothing of unknown length", CHUNKED, 0, "head-only"],
    ["part of unknown length", `${CHUNKED}2\r\nok\r\n`, 0, "now"],
    ["part of unknown length that is buffered", `${CHUNKED}2\r\nok\r\n`, 100, "wait"],
    ["part of unknown length that outgrew the buffer", `${CHUNKED}2\r\nok\r\n`, 1, "now"],
    ["a large one that is buffered", `${LENGTH(50_000)}ok`, 50_000, "wait"],
    ["a large one that does not fit", `${LENGTH(50_000)}ok`, 49_999, "now"],
    [
      "row 46: events, buffered or not",
      "HTTP/1.1 200 OK\r\nContent-Type: Text/Event-Stream;x\r\n\r\n",
      100,
      "head-only",
    ],
    [
      "row 46: events of a small length",
      `${LENGTH(9).replace("OK", "OK\r\nContent-Type: text/event-stream")}a`,
      0,
      "now",
    ],
    ["205 that never ends", "HTTP/1.1 205 Reset\r\n\r\nx", 0, "now"],
  ])("%s", (_, bytes, buffer, readiness) => {
    const { call } = fed(bytes);
    expect(answerReadiness(call, headOf(call), buffer) as string).toBe(readiness);
  });
});

describe("toAnswer", () => {
  const kindOf = (bytes: string, buffer: number, method = "GET") => {
    const { call } = fed(bytes, { method });
    return toAnswer(call, headOf(call), buffer);
  };

  test("complete bodies as bytes, with their length below 16 KiB or where it was asked for; others as a stream", () => {
    const complete = (size: number) => `${LENGTH(size)}${"x".repeat(size)}`;
    expect(kindOf(complete(0), 0).body.kind).toBe("none");
    expect(kindOf(`${CHUNKED}0\r\n\r\n`, 0).body).toEqual({ kind: "bytes", bytes: new Uint8Array(0) });
    const bytes = (keepLength: boolean) => ({ kind: "bytes", keepLength });
    expect(kindOf(complete(WHOLE_BODY_BYTES - 1), 0).body).toMatchObject(bytes(true));
    expect(kindOf(complete(WHOLE_BODY_BYTES), 0).body).toMatchObject(bytes(false));
    expect(kindOf(complete(WHOLE_BODY_BYTES), WHOLE_BODY_BYTES).body).toMatchObject(bytes(true));
    expect(kindOf(`${CHUNKED}2\r\nok\r\n`, 0).body).toMatchObject({
      kind: "stream",
      first: Buffer.from("ok"),
    });
  });

  test("row 38: a length without its body only for HEAD and 304", () => {
    const headersOf = (bytes: string, method = "GET") => kindOf(bytes, 0, method).headers;
    expect(headersOf(LENGTH(5), "HEAD")).toEqual(["Content-Length", "5"]);
    expect(headersOf(LENGTH(0), "HEAD")).toEqual(["Content-Length", "0"]);
    expect(headersOf("HTTP/1.1 304 x\r\nContent-Length: 5\r\n\r\n")).toEqual(["Content-Length", "5"]);
    expect(headersOf("HTTP/1.1 204 x\r\nContent-Length: 5\r\n\r\n")).toEqual([]);
    expect(headersOf(LENGTH(0))).toEqual([]);
  });

  test("205 has no body and the connection is given up", () => {
    const harness = fed("HTTP/1.1 205 Reset\r\n\r\nx");
    expect(toAnswer(harness.call, headOf(harness.call), 0).body.kind).toBe("none");
    expect([harness.connection.closed, harness.reusable()]).toEqual([true, false]);
  });

  test("a stream that was to be buffered is bounded like any other", () => {
    const { call } = fed(`${CHUNKED}2\r\nok\r\n`);
    call.bufferLimit = 10_000_000;
    toAnswer(call, headOf(call), 1);
    expect(call.bufferLimit).toBe(READ_BUFFER_BYTES);
  });
});
