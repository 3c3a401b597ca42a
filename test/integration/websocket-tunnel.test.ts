import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { once } from "node:events";
import { until } from "../support/until.ts";
import { type Bridge, startBridge } from "../support/websocket-bridge.ts";
import { openWsClient, startScriptedUpstream, type WsUpstream } from "../support/ws-package.ts";

let upstream: WsUpstream;
let bridge: Bridge;
const leftOpen: { destroy(): void }[] = [];

beforeAll(async () => {
  upstream = await startScriptedUpstream();
  bridge = startBridge(upstream.port, { closeTimeoutMs: 300 });
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

async function open(target: string, protocols: string[] = []) {
  const client = await openWsClient(`${bridge.url}${target}`, protocols);
  leftOpen.push({ destroy: () => client.socket.terminate() });
  return client;
}

const lastUpstream = () => until("the upstream has a client", () => upstream.sockets.at(-1));

describe("messages", () => {
  test("row 34: text and binary, empty, long and fragmented, come back as they were", async () => {
    const client = await open("/echo");
    const long = new Uint8Array(1024 * 1024).map((_, i) => i * 31);
    client.socket.send("hé🚀");
    client.socket.send("");
    client.socket.send(new Uint8Array(0));
    client.socket.send(new Uint8Array([0, 255]));
    client.socket.send(long);
    client.socket.send("☃".repeat(50_000));
    client.socket.send("fra", { fin: false });
    client.socket.send("gments", { fin: true });
    await until("all are back", () => client.messages.length === 7);
    const [text, emptyText, emptyBinary, short, back, snow, joined] = client.messages;
    expect([text, emptyText, joined]).toEqual(["hé🚀", "", "fragments"]);
    expect(Buffer.isBuffer(emptyBinary) && emptyBinary.length === 0).toBe(true);
    expect([...Buffer.from(short ?? "")]).toEqual([0, 255]);
    expect(Buffer.compare(Buffer.from(back ?? ""), long)).toBe(0);
    expect(snow === "☃".repeat(50_000)).toBe(true);
  });

  test("fragments of an upstream with a ping in between become one message and a pong", async () => {
    const client = await open("/idle");
    const socket = await lastUpstream();
    const pong = once(socket, "pong");
    socket.send("one ", { fin: false });
    socket.ping("still there?");
    socket.send("message", { fin: true });
    await until("it arrived", () => client.messages.length === 1);
    expect(client.messages).toEqual(["one message"]);
    expect(String((await pong)[0])).toBe("still there?");
  });

  test("row 32: a message that comes right behind the 101 is not lost", async () => {
    for (let i = 0; i < 20; i++) {
      const client = await open("/greet");
      await until("the greeting arrived", () => client.messages.length === 1);
      expect(client.messages).toEqual(["hello"]);
    }
  });

  test("the subprotocol is the one the upstream chose", async () => {
    const client = await open("/echo", ["first", "second"]);
    expect(client.socket.protocol).toBe("first");
  });

  test("client pings are answered without the upstream", async () => {
    const client = await open("/idle");
    const pong = once(client.socket, "pong");
    client.socket.ping("me");
    expect(String((await pong)[0])).toBe("me");
  });
});

describe("close codes", () => {
  for (const [code, reason] of [
    [1000, "done"],
    [1001, ""],
    [3000, "grüße"],
    [4999, "x".repeat(120)],
  ] as const) {
    test(`${code} goes from client to upstream with its reason`, async () => {
      const client = await open("/echo");
      const closed = once(await lastUpstream(), "close");
      client.socket.close(code, reason);
      const [seen, why] = await closed;
      expect([seen, String(why)]).toEqual([code, reason]);
      await until("the client is done", client.closed);
    });

    test(`${code} goes from upstream to client with its reason`, async () => {
      const client = await open("/idle");
      const socket = await lastUpstream();
      const closed = once(socket, "close");
      socket.close(code, reason);
      expect(await until("the client is closed", client.closed)).toEqual([code, reason]);
      expect((await closed)[0]).toBe(code);
    });
  }

  test("no code stays no code, both ways", async () => {
    const client = await open("/idle");
    const closed = once(await lastUpstream(), "close");
    client.socket.close();
    expect((await closed)[0]).toBe(1005);
    const other = await open("/close");
    expect(await until("the client is closed", other.closed)).toEqual([1005, ""]);
  });

  test("a killed client ends the upstream with 1006, after its last message", async () => {
    const client = await open("/idle");
    const socket = await lastUpstream();
    const got: string[] = [];
    socket.on("message", (data: Buffer) => got.push(String(data)));
    const closed = once(socket, "close");
    client.socket.send("last words");
    await until("they are sent", () => client.socket.bufferedAmount === 0);
    client.socket.terminate();
    expect((await closed)[0]).toBe(1006);
    expect(got).toEqual(["last words"]);
    expect((await until("the tunnel ended", () => bridge.ends.at(-1)))?.cause).toBe("client_gone");
  });

  test("a killed upstream ends the client with 1006", async () => {
    const client = await open("/kill");
    client.socket.send("now");
    expect((await until("the client is closed", client.closed))[0]).toBe(1006);
    expect(bridge.ends.at(-1)).toMatchObject({ by: "upstream", cause: "upstream_closed" });
  });
});
