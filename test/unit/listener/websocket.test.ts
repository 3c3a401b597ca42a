import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import type { ServerWebSocket } from "bun";
import { once } from "node:events";
import type { Tunnel, TunnelClient, TunnelEvents } from "../../../src/exchange/exchange.ts";
import {
  createWebSocketData,
  createWebSocketHandlers,
  type WebSocketData,
  WEBSOCKET_CLIENT_QUEUE_HIGH_BYTES,
  WEBSOCKET_FLUSH_TIMEOUT_MS,
} from "../../../src/listener/websocket.ts";
import { createFakeClock } from "../../support/tunnel-fakes.ts";
import { until } from "../../support/until.ts";
import { openRawClient } from "../../support/ws-raw.ts";

const MESSAGE_BYTES_MAX = 1024 * 1024;

interface Side {
  readonly client: TunnelClient;
  readonly told: string[];
}

const clock = createFakeClock();
const bugs: Error[] = [];
const front = createWebSocketHandlers({
  maxMessageBytes: MESSAGE_BYTES_MAX,
  setTimer: clock.setTimer,
  onBug: (error) => void bugs.push(error),
});
const sides: Side[] = [];
const halves: ServerWebSocket<WebSocketData>[] = [];
const sockets: { destroy(): void }[] = [];
let closedCount = 0;
let server: Bun.Server<WebSocketData>;

/** Notes what it is told; "close" as a message closes, "throw" is a bug. */
function recordingTunnel(target: string): Tunnel {
  return {
    attach(client): TunnelEvents {
      const told: string[] = [];
      sides.push({ client, told });
      if (target === "/early") client.close(3000, "early");
      return {
        onMessage(data) {
          if (data === "throw") throw new Error("a bug");
          told.push(`message ${String(data)}`);
        },
        onDrain: () => void told.push("drain"),
        onClose: (code, reason) => void told.push(`close ${code} ${reason}`.trim()),
        onShutdown() {
          told.push("shutdown");
          client.close(1001, "");
        },
      };
    },
    abandon: () => {},
  };
}

beforeAll(() => {
  server = Bun.serve<WebSocketData>({
    hostname: "127.0.0.1",
    port: 0,
    fetch(request, own) {
      const route = new URL(request.url).pathname;
      const generation = Number(route.slice(1)) || 0;
      const onClosed = () => void closedCount++;
      const origin = { route, generation, endpoint: "e" };
      const data = createWebSocketData({ tunnel: recordingTunnel(route), ...origin, onClosed });
      return own.upgrade(request, { data }) ? undefined : new Response(null, { status: 400 });
    },
    websocket: {
      ...front.handlers,
      open(ws) {
        halves.push(ws);
        return front.handlers.open?.(ws);
      },
    },
  });
});

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await until("all are gone", () => front.registry.count() === 0);
  expect(closedCount).toBe(halves.length);
  expect(clock.pending()).toBe(0);
  expect(bugs.splice(0)).toEqual([]);
});

afterAll(() => server.stop(true));

async function open(target: string) {
  const before = sides.length;
  const raw = await openRawClient(server.port ?? 0, target);
  sockets.push(raw.socket);
  const side = await until("the tunnel is attached", () => sides[before]);
  const half = await until("the client half is there", () => halves[before]);
  return { ...raw, ...side, half };
}

/** Fills the queue of a client that does not read. */
function fillQueue(client: TunnelClient, half: ServerWebSocket<WebSocketData>): void {
  const message = new Uint8Array(64 * 1024);
  while (client.send(message)) {
    // Until it asks to wait.
  }
  expect(half.getBufferedAmount()).toBeGreaterThan(WEBSOCKET_CLIENT_QUEUE_HIGH_BYTES);
}

const hex = (bytes: Buffer) => bytes.toString("hex");

describe("createWebSocketHandlers", () => {
  test("tells the tunnel about an end that came while it was attaching", async () => {
    const { told, received } = await open("/early");
    expect(told).toEqual(["close 3000 early"]);
    await until("the close arrived", () => hex(received()) === "88070bb86561726c79");
  });

  test("sends no code when the tunnel has none", async () => {
    const { client, received } = await open("/");
    client.close(undefined, "");
    await until("the close arrived", () => hex(received()) === "8800");
  });

  test("asks to wait above the high mark and calls back when the client has read", async () => {
    const { client, half, socket, told } = await open("/");
    socket.pause();
    fillQueue(client, half);
    expect(told).toEqual([]);
    socket.resume();
    await until("the tunnel may go on", () => told.length > 0);
    expect(told).toEqual(["drain"]);
  });

  test("row 34: flushes what is queued before it closes", async () => {
    const { client, half, socket, received } = await open("/");
    socket.pause();
    fillQueue(client, half);
    client.close(1000, "");
    client.close(1001, "a second close is ignored");
    expect(half.readyState).toBe(WebSocket.OPEN);
    const ended = once(socket, "end");
    socket.resume();
    await ended;
    expect(hex(received().subarray(-4))).toBe("880203e8");
  });

  test("terminates a closing client that takes nothing for the flush timeout", async () => {
    const { client, half, socket, told } = await open("/");
    socket.pause();
    fillQueue(client, half);
    client.close(1000, "");
    clock.advance(WEBSOCKET_FLUSH_TIMEOUT_MS - 1);
    expect(told).toEqual([]);
    clock.advance(1);
    expect(told).toEqual(["close 1006"]);
  });

  test("reads again from a paused client that is closed, so that it can be seen leaving", async () => {
    const { client, half, socket, told } = await open("/");
    socket.pause();
    client.pause();
    expect(half.isPaused).toBe(true);
    fillQueue(client, half);
    client.terminate();
    expect(half.isPaused).toBe(false);
    socket.end(Buffer.from([0x88, 0x80, 0, 0, 0, 0]));
    await until("its close was read", () => told.length > 0);
    expect(told).toEqual(["close 1005"]);
  });

  test("drops what the tunnel sends after it closed", async () => {
    const { client, half, socket } = await open("/");
    socket.pause();
    fillQueue(client, half);
    const queueBytes = half.getBufferedAmount();
    client.terminate();
    expect(client.send("late")).toBe(true);
    expect(half.getBufferedAmount()).toBe(queueBytes);
  });

  test("ends the WebSocket, not the process, when a handler throws", async () => {
    const { socket, told } = await open("/");
    socket.write(Buffer.from([0x81, 0x85, 0, 0, 0, 0, ...Buffer.from("throw")]));
    await until("it is closed", () => told.includes("close 1006"));
    expect(bugs.splice(0).map((error) => error.message)).toEqual(["a bug"]);
  });
});

describe("registry", () => {
  test("row 65: closes everything with 1001, spread over the time given", async () => {
    const opened = [await open("/1"), await open("/2"), await open("/3")];
    const delays = [0.9, 0, 0.5];
    front.registry.closeAll({ withinMs: 1000, random: () => delays.shift() ?? 0 });
    const shut = () => opened.map(({ told }) => told[0] === "shutdown");
    expect(shut()).toEqual([false, true, false]);
    clock.advance(500);
    expect(shut()).toEqual([false, true, true]);
    clock.advance(400);
    expect(shut()).toEqual([true, true, true]);
    for (const { received } of opened) {
      await until("the close arrived", () => hex(received()) === "880203e9");
    }
  });

  test("closes those of routes that are gone and leaves the others alone", async () => {
    const [kept, gone] = [await open("/7"), await open("/8")];
    const isGone = (data: WebSocketData) => data.route === "/8";
    expect(front.registry.countWhere(isGone)).toBe(1);
    expect(front.registry.closeWhere(isGone, { withinMs: 0, random: () => 0.5 })).toBe(1);
    expect(gone.told[0]).toBe("shutdown");
    expect(kept.told).toEqual([]);
    expect(front.registry.count()).toBe(1);
    expect(front.registry.countWhere((data) => data.generation === 7)).toBe(1);
  });

  test("a later call brings the moment forward", async () => {
    const { told } = await open("/");
    front.registry.closeAll({ withinMs: 60_000, random: () => 0.999 });
    front.registry.closeAll({ withinMs: 100, random: () => 0.5 });
    expect(clock.pending()).toBe(1);
    clock.advance(50);
    expect(told[0]).toBe("shutdown");
  });

  test("a client that leaves first takes its timer along", async () => {
    const { socket, told } = await open("/");
    front.registry.closeAll({ withinMs: 60_000, random: () => 0.5 });
    socket.destroy();
    await until("it is gone", () => told.length > 0);
    expect(told).toEqual(["close 1006"]);
    expect(clock.pending()).toBe(0);
  });
});
