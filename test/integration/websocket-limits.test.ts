import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { once } from "node:events";
import { WEBSOCKET_CLIENT_QUEUE_HIGH_BYTES } from "../../src/listener/websocket.ts";
import { until } from "../support/until.ts";
import { type Bridge, startBridge } from "../support/websocket-bridge.ts";
import { closePayload, decodeFrames, frameBytes } from "../support/ws-bytes.ts";
import {
  flood,
  numberedMessage,
  openWsClient,
  startScriptedUpstream,
  type WsUpstream,
} from "../support/ws-package.ts";
import { openRawClient, startRawUpstream } from "../support/ws-raw.ts";

const MESSAGE_BYTES_MAX = 2 * 1024 * 1024;

let upstream: WsUpstream;
let bridge: Bridge;
const leftOpen: { destroy(): void }[] = [];

beforeAll(async () => {
  upstream = await startScriptedUpstream();
  bridge = startBridge(upstream.port, { maxMessageBytes: MESSAGE_BYTES_MAX, closeTimeoutMs: 300 });
});

afterEach(() => {
  for (const one of leftOpen.splice(0)) one.destroy();
  expect(bridge.bugs).toEqual([]);
});

afterAll(async () => {
  await until("every tunnel has ended", () => bridge.ends.length === bridge.upstreams.length);
  upstream.stop();
  await bridge.stop();
});

async function open(target: string) {
  const client = await openWsClient(`${bridge.url}${target}`);
  leftOpen.push({ destroy: () => client.socket.terminate() });
  return client;
}

const lastUpstream = () => until("the upstream has a client", () => upstream.sockets.at(-1));

describe("limits", () => {
  test("a client message over the limit is 1009 for both", async () => {
    const client = await open("/idle");
    const closed = once(await lastUpstream(), "close");
    client.socket.send(new Uint8Array(MESSAGE_BYTES_MAX + 1));
    expect((await until("the client is closed", client.closed))[0]).toBe(1009);
    expect((await closed)[0]).toBe(1009);
  });

  test("an upstream message over the limit is 1009 for both", async () => {
    const client = await open("/idle");
    const socket = await lastUpstream();
    const closed = once(socket, "close");
    socket.send(new Uint8Array(MESSAGE_BYTES_MAX + 1));
    expect((await until("the client is closed", client.closed))[0]).toBe(1009);
    expect((await closed)[0]).toBe(1009);
  });

  test("row 34: an upstream that stops reading stops the client, not the memory", async () => {
    const client = await open("/stuck");
    const half = await until("the client half is there", () => bridge.sockets.at(-1));
    for (const index of flood.indexes) client.socket.send(numberedMessage(index));
    await until("the client half is paused", () => half.isPaused);
    const peakBytes = bridge.upstreams.at(-1)?.peakBytes() ?? 0;
    expect(peakBytes).toBeGreaterThan(0);
    expect(peakBytes).toBeLessThan(1024 * 1024);
    expect(client.socket.bufferedAmount).toBeGreaterThan(0);
    const socket = await lastUpstream();
    const indexes: number[] = [];
    socket.on("message", (data: Buffer) => indexes.push(data.readUInt32BE(0)));
    socket.resume();
    await until("everything came in the end", () => indexes.length === flood.indexes.length);
    expect(indexes).toEqual([...flood.indexes]);
    expect(bridge.upstreams.at(-1)?.peakBytes()).toBeLessThan(1024 * 1024);
  });

  test("row 34: a client that stops reading stops the upstream, and everything is flushed before the close", async () => {
    const client = await open("/flood");
    client.socket.pause();
    const half = await until("the client half is there", () => bridge.sockets.at(-1));
    const socket = await lastUpstream();
    await until("the queue is full", () => half.getBufferedAmount() > WEBSOCKET_CLIENT_QUEUE_HIGH_BYTES);
    await until("the upstream has to wait", () => socket.bufferedAmount > 0);
    client.socket.resume();
    expect(await until("the client is closed", client.closed)).toEqual([1000, "flooded"]);
    const indexes = client.messages.map((message) => Buffer.from(message).readUInt32BE(0));
    expect(indexes).toEqual([...flood.indexes]);
    expect(bridge.peakClientBytes()).toBeLessThan(WEBSOCKET_CLIENT_QUEUE_HIGH_BYTES + 2 * flood.messageBytes);
  });

  test("a client that pings without reading is paused, and nothing sent to it is dropped", async () => {
    const { socket, received } = await openRawClient(bridge.port, "/idle");
    leftOpen.push(socket);
    const half = await until("the client half is there", () => bridge.sockets.at(-1));
    socket.pause();
    const pings = Buffer.concat(
      Array(2000).fill(frameBytes({ opcode: 9, payload: new Uint8Array(125), mask: 7 })),
    );
    await until("the client half is paused", () => {
      socket.write(pings);
      return half.isPaused;
    });
    (await lastUpstream()).send("not lost");
    expect(half.getBufferedAmount()).toBeLessThan(WEBSOCKET_CLIENT_QUEUE_HIGH_BYTES + 1024 * 1024);
    socket.resume();
    const isThere = () => decodeFrames(received()).find((frame) => frame.opcode === 1);
    expect((await until("the message came", isThere)).payload.toString()).toBe("not lost");
  });
});

describe("an upstream that breaks the protocol", () => {
  const rows = [
    {
      name: "a masked frame",
      bytes: frameBytes({ opcode: 1, payload: "x", mask: 1 }),
      told: 1011,
      answer: 1002,
    },
    { name: "an unknown opcode", bytes: frameBytes({ opcode: 5 }), told: 1011, answer: 1002 },
    {
      name: "text that is not UTF-8",
      bytes: frameBytes({ opcode: 1, payload: Buffer.from([0xc0]) }),
      told: 1011,
      answer: 1007,
    },
    {
      name: "a forbidden close code",
      bytes: frameBytes({ opcode: 8, payload: closePayload(1006) }),
      told: 1011,
      answer: 1002,
    },
  ];
  for (const row of rows) {
    test(`${row.name}: the client is told ${row.told}, the upstream ${row.answer}`, async () => {
      const raw = await startRawUpstream(row.bytes);
      const own = startBridge(raw.port, { closeTimeoutMs: 300 });
      const client = await openWsClient(own.url);
      expect((await until("the client is closed", client.closed))[0]).toBe(row.told);
      const answer = () => decodeFrames(raw.received()).at(0);
      expect((await until("the upstream was told", answer)).payload.readUInt16BE(0)).toBe(row.answer);
      await until("the tunnel ended", () => own.ends.length === 1);
      expect(own.ends[0]?.cause).toBe("upstream_protocol");
      await own.stop();
      raw.server.close();
    });
  }

  test("one that never ends the connection is cut off after the close timeout", async () => {
    const raw = await startRawUpstream(frameBytes({ opcode: 8, payload: closePayload(1000) }));
    const own = startBridge(raw.port, { closeTimeoutMs: 100 });
    const client = await openWsClient(own.url);
    expect((await until("the client is closed", client.closed))[0]).toBe(1000);
    await until("the connection is gone", raw.closed);
    expect(own.ends).toMatchObject([{ by: "upstream", code: 1000, cause: "" }]);
    await own.stop();
    raw.server.close();
  });

  test("one that leaves pings unanswered is cut off, one that answers is not", async () => {
    const raw = await startRawUpstream(Buffer.alloc(0));
    const dead = startBridge(raw.port, { pingIntervalMs: 30 });
    const client = await openWsClient(dead.url);
    expect((await until("the client is closed", client.closed))[0]).toBe(1006);
    expect(dead.ends).toMatchObject([{ cause: "upstream_idle_timeout" }]);
    await dead.stop();
    raw.server.close();
    const alive = startBridge(upstream.port, { pingIntervalMs: 30 });
    const other = await openWsClient(`${alive.url}/idle`);
    let pings = 0;
    other.socket.on("ping", () => pings++);
    await until("several intervals have passed", () => pings >= 5);
    expect(other.closed()).toBeUndefined();
    other.socket.terminate();
    await until("the tunnel ended", () => alive.ends.length === 1);
    await alive.stop();
  });
});
