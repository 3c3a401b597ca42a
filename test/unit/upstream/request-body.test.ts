import { describe, expect, test } from "bun:test";
import {
  createReplayableBody,
  forgetKept,
  REPLAY_BYTES,
  REPLAY_PIECES,
  sendWithBody,
} from "../../../src/upstream/request-body.ts";
import { abortCall } from "../../../src/upstream/call.ts";
import { createHarness, type Harness } from "../../support/call-harness.ts";
import { createFakeBody } from "../../support/exchange.ts";
import { until } from "../../support/until.ts";

const HEAD = Buffer.from("HEAD\r\n\r\n");
const text = (harness: Harness) => Buffer.concat(harness.written).toString("latin1");

describe("sendWithBody", () => {
  test("row 28: a body with a length goes as it came, head and first piece in one write", async () => {
    const source = createFakeBody(10);
    const harness = createHarness({ hasBody: true });
    source.push("hello");
    const done = sendWithBody(harness.call, HEAD, createReplayableBody(source));
    await until("the first piece is written", () => harness.written.length === 1);
    expect(text(harness)).toBe("HEAD\r\n\r\nhello");
    source.push("world");
    await done;
    expect(text(harness)).toBe("HEAD\r\n\r\nhelloworld");
    expect([harness.call.requestSent, harness.call.waiting]).toEqual([true, "head"]);
  });

  test("row 6: pieces become chunks, and only a body that ended gets the last one", async () => {
    const source = createFakeBody(undefined);
    const harness = createHarness({ hasBody: true });
    const done = sendWithBody(harness.call, HEAD, createReplayableBody(source));
    source.push("hello");
    source.push("0123456789abcdef");
    await until("both are written", () => text(harness).includes("abcdef\r\n"));
    expect(text(harness)).toBe("HEAD\r\n\r\n5\r\nhello\r\n10\r\n0123456789abcdef\r\n");
    source.push(undefined);
    await done;
    expect(text(harness)).toEndWith("abcdef\r\n0\r\n\r\n");
  });

  test("an empty chunked body is a last chunk", async () => {
    const source = createFakeBody(undefined);
    const harness = createHarness({ hasBody: true });
    source.push(undefined);
    await sendWithBody(harness.call, HEAD, createReplayableBody(source));
    expect(text(harness)).toBe("HEAD\r\n\r\n0\r\n\r\n");
  });

  test("the head does not wait for a slow body", async () => {
    const source = createFakeBody(5);
    const harness = createHarness({ hasBody: true });
    const done = sendWithBody(harness.call, HEAD, createReplayableBody(source));
    await until("the head is written", () => text(harness) === "HEAD\r\n\r\n");
    source.push("hello");
    await done;
    expect(text(harness)).toBe("HEAD\r\n\r\nhello");
  });

  test("row 28: a body that ends early fails the call", async () => {
    const source = createFakeBody(10);
    const harness = createHarness({ hasBody: true });
    source.push("hello");
    source.push(undefined);
    await sendWithBody(harness.call, HEAD, createReplayableBody(source));
    expect([harness.call.failure?.kind, harness.connection.closed]).toEqual(["client_gone", true]);
  });

  test("row 6: a body that fails fails the call, without a last chunk", async () => {
    const source = createFakeBody(undefined);
    const harness = createHarness({ hasBody: true });
    source.push("hello");
    source.fail(new Error("gone"));
    await sendWithBody(harness.call, HEAD, createReplayableBody(source));
    expect(harness.call.failure?.kind).toBe("client_gone");
    expect(text(harness)).not.toContain("0\r\n\r\n");
  });

  test("row 45: no more is read while the endpoint takes nothing", async () => {
    const source = createFakeBody(15);
    const harness = createHarness({ hasBody: true });
    harness.setRoom(3);
    source.push("first");
    const done = sendWithBody(harness.call, HEAD, createReplayableBody(source));
    await until("it waits for room", () => harness.call.onWritable !== undefined);
    source.push("secon");
    source.push("third");
    expect(text(harness)).toBe("HEA");
    harness.drain();
    await done;
    expect(text(harness)).toBe("HEAD\r\n\r\nfirstseconthird");
  });

  test("stops when the call is over, whatever it waits for", async () => {
    const waiting = createHarness({ hasBody: true });
    const source = createFakeBody(5);
    const done = sendWithBody(waiting.call, HEAD, createReplayableBody(source));
    await until("it reads", () => source.waiting() === 1);
    abortCall(waiting.call);
    source.push("hello");
    await done;
    const blocked = createHarness({ hasBody: true });
    blocked.setRoom(0);
    const full = createFakeBody(5);
    full.push("hello");
    const ended = sendWithBody(blocked.call, HEAD, createReplayableBody(full));
    await until("it waits for room", () => blocked.call.onWritable !== undefined);
    abortCall(blocked.call);
    await ended;
    expect([waiting.call.requestSent, blocked.call.requestSent]).toEqual([false, false]);
  });
});

describe("row 27: sending a body again", () => {
  test("repeats what was read and goes on with the rest", async () => {
    const source = createFakeBody(undefined);
    const body = createReplayableBody(source);
    const first = createHarness({ hasBody: true });
    source.push("one");
    const started = sendWithBody(first.call, HEAD, body);
    await until("the first piece is written", () => text(first).includes("one"));
    abortCall(first.call);
    const second = createHarness({ hasBody: true });
    const again = sendWithBody(second.call, HEAD, body);
    source.push("two");
    source.push(undefined);
    await Promise.all([started, again]);
    expect(text(second)).toBe("HEAD\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n");
  });

  test("a piece that comes between two senders is neither lost nor repeated", async () => {
    const source = createFakeBody(9);
    const body = createReplayableBody(source);
    const first = createHarness({ hasBody: true });
    source.push("one");
    const started = sendWithBody(first.call, HEAD, body);
    await until("it reads on", () => source.waiting() === 1);
    abortCall(first.call);
    source.push("two");
    await started;
    const second = createHarness({ hasBody: true });
    source.push("six");
    await sendWithBody(second.call, HEAD, body);
    expect(text(second)).toBe("HEAD\r\n\r\nonetwosix");
    expect(source.waiting()).toBe(0);
  });

  test.each([
    ["is kept", "two"],
    ["is too long to be kept", "x".repeat(REPLAY_BYTES)],
  ])("a piece that comes while the start is sent again, and %s, is not lost", async (_, piece) => {
    const source = createFakeBody(undefined);
    const body = createReplayableBody(source);
    const first = createHarness({ hasBody: true });
    source.push("one");
    const started = sendWithBody(first.call, HEAD, body);
    await until("it reads on", () => source.waiting() === 1);
    abortCall(first.call);
    const second = createHarness({ hasBody: true });
    second.setRoom(0);
    const again = sendWithBody(second.call, HEAD, body);
    await until("the endpoint takes nothing", () => second.call.onWritable !== undefined);
    source.push(piece);
    await started;
    source.push("six");
    source.push(undefined);
    second.drain();
    await again;
    const size = piece.length.toString(16);
    const whole = `HEAD\r\n\r\n3\r\none\r\n${size}\r\n${piece}\r\n3\r\nsix\r\n0\r\n\r\n`;
    expect(text(second) === whole).toBeTrue();
  });

  test("row 28: a body that has outgrown what is kept is not sent without its start", async () => {
    const source = createFakeBody(REPLAY_BYTES + 3);
    const body = createReplayableBody(source);
    const first = createHarness({ hasBody: true });
    source.push("one");
    const started = sendWithBody(first.call, HEAD, body);
    await until("it reads on", () => source.waiting() === 1);
    abortCall(first.call);
    source.push("x".repeat(REPLAY_BYTES));
    await started;
    expect([body.overflown, body.kept.length]).toEqual([true, 0]);
    const second = createHarness({ hasBody: true });
    await sendWithBody(second.call, HEAD, body);
    expect([text(second), second.call.failure?.kind]).toEqual(["", "upstream_closed"]);
  });

  test("row 45: bytes that come one by one are kept in few pieces", async () => {
    const source = createFakeBody(undefined);
    const body = createReplayableBody(source);
    const harness = createHarness({ hasBody: true });
    for (let i = 0; i < REPLAY_PIECES; i++) source.push("x");
    const done = sendWithBody(harness.call, HEAD, body);
    await until("it reads on", () => source.waiting() === 1);
    expect([body.overflown, body.kept.length]).toEqual([false, REPLAY_PIECES]);
    for (let i = 0; i < REPLAY_PIECES; i++) source.push("x");
    await until("it reads on", () => source.waiting() === 1);
    expect([body.overflown, body.kept.length]).toEqual([true, 0]);
    source.push(undefined);
    await done;
    expect(text(harness).split("1\r\nx\r\n").length - 1).toBe(2 * REPLAY_PIECES);
  });

  test("row 45: nothing is kept once an answer has begun", async () => {
    const source = createFakeBody(6);
    const body = createReplayableBody(source);
    const harness = createHarness({ hasBody: true });
    source.push("one");
    const done = sendWithBody(harness.call, HEAD, body);
    await until("it reads on", () => source.waiting() === 1);
    forgetKept(body);
    source.push("two");
    await done;
    expect([body.kept.length, text(harness)]).toEqual([0, "HEAD\r\n\r\nonetwo"]);
  });
});
