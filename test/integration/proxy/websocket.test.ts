import { afterEach, describe, expect, spyOn, test } from "bun:test";
import { createHash } from "node:crypto";
import type { RouteSpec } from "../../../src/snapshot/types.ts";
import { cleanUp, onCleanUp } from "../../support/cleanup.ts";
import { fieldOf, fieldsOf } from "../../support/http-message.ts";
import { type ProxyRouteOptions, proxyRoute, startProxy } from "../../support/proxy.ts";
import { head, openClient, request } from "../../support/raw-client.ts";
import { OK, startRawUpstream } from "../../support/upstream.ts";
import { until } from "../../support/until.ts";
import { openWsClient, startWsUpstream, type WsSocket } from "../../support/ws-package.ts";

afterEach(cleanUp);

const KEY = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT = createHash("sha1").update(`${KEY}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
const HANDSHAKE = head(
  "GET /ws",
  "Upgrade: websocket",
  "Connection: Upgrade",
  "Sec-WebSocket-Version: 13",
  `Sec-WebSocket-Key: ${KEY}`,
);

function switching(...lines: string[]): string {
  return `${["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade", ...lines].join("\r\n")}\r\n\r\n`;
}

async function setUpEcho(options: object = {}, route: ProxyRouteOptions = {}) {
  const upstream = await startWsUpstream((socket: WsSocket) => {
    socket.on("message", (data: Buffer, isBinary: boolean) => socket.send(data, { binary: isBinary }));
  }, options);
  onCleanUp(() => upstream.stop());
  const proxy = await startProxy({ routes: [proxyRoute([upstream.port], route)] });
  const open = async (protocols: string[] = []) => {
    const client = await openWsClient(`ws://127.0.0.1:${proxy.port}/ws?x=1`, protocols);
    onCleanUp(() => client.socket.terminate());
    return client;
  };
  return { upstream, proxy, open };
}

describe("row 34: a WebSocket through the whole proxy", () => {
  test("echoes text and binary, and ends with the client's code on both sides", async () => {
    const { upstream, proxy, open } = await setUpEcho();
    const client = await open();
    client.socket.send("h\u00e9llo");
    client.socket.send(Buffer.alloc(300_000, 7));
    await until("both are back", () => client.messages.length === 2);
    expect(client.messages[0]).toBe("h\u00e9llo");
    expect(client.messages[1]?.length).toBe(300_000);
    expect([proxy.inFlight(), proxy.engine.status().websockets]).toEqual([1, 1]);
    let code = 0;
    upstream.sockets[0]?.on("close", (got: number) => {
      code = got;
    });
    client.socket.close(4321, "bye");
    await until("it is closed", () => client.closed() !== undefined && code !== 0);
    expect([client.closed(), code]).toEqual([[4321, "bye"], 4321]);
    const lines = await proxy.accessLog(1);
    expect(lines.map((line) => [line.status, line.route, line.cause])).toEqual([[101, "*/*", ""]]);
    expect(lines[0]?.bytes_in).toBeGreaterThan(300_000);
    expect([proxy.inFlight(), proxy.engine.status().websockets]).toEqual([0, 0]);
  });

  test("gets the subprotocol the endpoint chose", async () => {
    const { open } = await setUpEcho({ handleProtocols: (offered: Set<string>) => [...offered][1] ?? false });
    expect((await open(["a", "b"])).socket.protocol).toBe("b");
  });

  test("and none if it chose none", async () => {
    const upstream = await startRawUpstream({ serve: switching(`Sec-WebSocket-Accept: ${ACCEPT}`) });
    const proxy = await startProxy({ routes: [proxyRoute([upstream.port])] });
    const offering = HANDSHAKE.replace("\r\n\r\n", "\r\nSec-WebSocket-Protocol: a, b\r\n\r\n");
    const response = await request(proxy.port, offering);
    expect([response.status, fieldOf(response, "sec-websocket-protocol")]).toEqual([101, undefined]);
  });

  test("passes the handshake's own fields, and offers no extension", async () => {
    const upstream = await startRawUpstream({
      serve: switching(
        `Sec-WebSocket-Accept: ${ACCEPT}`,
        "Set-Cookie: a=1",
        "Set-Cookie: b=2",
        "X-From: app",
      ),
    });
    const proxy = await startProxy({ routes: [proxyRoute([upstream.port])] });
    const lines = ["Origin: http://site.test", "Cookie: c=1", "Sec-WebSocket-Extensions: permessage-deflate"];
    const response = await request(
      proxy.port,
      HANDSHAKE.replace("\r\n\r\n", `\r\n${lines.join("\r\n")}\r\n\r\n`),
    );
    expect(response.status).toBe(101);
    expect(fieldsOf(response, "sec-websocket-accept")).toEqual([ACCEPT]);
    expect(fieldsOf(response, "set-cookie")).toEqual(["a=1", "b=2"]);
    expect(fieldsOf(response, "x-from")).toEqual(["app"]);
    const got = upstream.requests[0] ?? { fields: [] };
    expect([fieldOf(got, "connection"), fieldOf(got, "upgrade")]).toEqual(["Upgrade", "websocket"]);
    expect([fieldOf(got, "origin"), fieldOf(got, "cookie")]).toEqual(["http://site.test", "c=1"]);
    expect([fieldOf(got, "sec-websocket-key"), fieldOf(got, "sec-websocket-extensions")]).toEqual([
      KEY,
      undefined,
    ]);
    await proxy.accessLog(1);
  });

  test("row 32: an answer other than 101 reaches the client as it is, and the connection lives on", async () => {
    const upstream = await startRawUpstream({
      serve: (connection, got) =>
        connection.send(
          got.target === "/ws"
            ? "HTTP/1.1 403 Forbidden\r\nX-Why: no\r\nContent-Type: text/plain\r\nContent-Length: 7\r\n\r\nnot you"
            : OK,
        ),
    });
    const proxy = await startProxy({ routes: [proxyRoute([upstream.port])] });
    const client = await openClient(proxy.port);
    client.send(HANDSHAKE);
    const response = await client.read();
    expect([response.status, response.body.toString(), fieldOf(response, "x-why")]).toEqual([
      403,
      "not you",
      "no",
    ]);
    client.send(head("GET /next"));
    expect((await client.read()).body.toString()).toBe("ok");
    expect((await proxy.accessLog(2)).map((line) => line.status)).toEqual([403, 200]);
  });

  test.each<[string, string]>([
    ["a wrong accept key", switching("Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=")],
    ["no accept key", switching()],
    ["another protocol", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n"],
    [
      "no Upgrade",
      `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${ACCEPT}\r\n\r\n`,
    ],
    [
      "an extension nobody offered",
      switching(`Sec-WebSocket-Accept: ${ACCEPT}`, "Sec-WebSocket-Extensions: permessage-deflate"),
    ],
    [
      "a subprotocol nobody offered",
      switching(`Sec-WebSocket-Accept: ${ACCEPT}`, "Sec-WebSocket-Protocol: evil"),
    ],
  ])("row 32: a 101 with %s is a 502", async (_, answer) => {
    const upstream = await startRawUpstream({ serve: answer });
    const proxy = await startProxy({ routes: [proxyRoute([upstream.port])] });
    expect((await request(proxy.port, HANDSHAKE)).status).toBe(502);
    await until("the proxy closes", () => upstream.connections[0]?.isGone());
    expect((await proxy.accessLog(1))[0]?.cause).toBe("upgrade_failed");
    expect(proxy.inFlight()).toBe(0);
  });

  test("row 32: frames that come along with the 101 are not lost", async () => {
    const upstream = await startRawUpstream({
      serve: `${switching(`Sec-WebSocket-Accept: ${ACCEPT}`)}\x81\x05hello`,
    });
    const proxy = await startProxy({ routes: [proxyRoute([upstream.port])] });
    const client = await openClient(proxy.port);
    client.send(HANDSHAKE);
    expect((await client.read()).status).toBe(101);
    await until("the frame is there", () => client.unread() === "\x81\x05hello");
  });

  test("row 32: bytes the client sends before the 101 never reach the endpoint as a tunnel", async () => {
    const upstream = await startRawUpstream({
      async serve(connection) {
        await Bun.sleep(50);
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno");
      },
    });
    const proxy = await startProxy({ routes: [proxyRoute([upstream.port])] });
    const client = await openClient(proxy.port);
    client.send(HANDSHAKE + head("GET /smuggled"));
    await until("answered or closed", () => client.isClosed() || client.receivedBytes() > 0);
    expect(upstream.requests.map((one) => one.target)).not.toContain("/smuggled");
    await proxy.accessLog(1);
  });

  test("row 33: a route with websocket = false treats it as a normal request", async () => {
    const upstream = await startRawUpstream({ serve: OK });
    const proxy = await startProxy({ routes: [proxyRoute([upstream.port], { websocket: false })] });
    expect((await request(proxy.port, HANDSHAKE)).body.toString()).toBe("ok");
    const got = upstream.requests[0] ?? { fields: [] };
    expect([fieldOf(got, "upgrade"), fieldOf(got, "connection")]).toEqual([undefined, undefined]);
  });

  test("row 45: a client that leaves during the handshake frees the endpoint", async () => {
    const upstream = await startRawUpstream({ serve: () => undefined });
    const proxy = await startProxy({ routes: [proxyRoute([upstream.port])] });
    const client = await openClient(proxy.port);
    client.send(HANDSHAKE);
    await until("the handshake is there", () => upstream.requests.length === 1);
    client.reset();
    await until("the proxy closes", () => upstream.connections[0]?.isGone());
    expect((await proxy.accessLog(1))[0]?.status).toBe(499);
    expect(proxy.inFlight()).toBe(0);
  });

  test("row 45: a client that left just before the 101 frees the endpoint", async () => {
    const upstream = await startRawUpstream({
      async serve(connection) {
        client.reset();
        await Bun.sleep(10);
        connection.send(switching(`Sec-WebSocket-Accept: ${ACCEPT}`));
      },
    });
    const proxy = await startProxy({ routes: [proxyRoute([upstream.port])] });
    const client = await openClient(proxy.port);
    client.send(HANDSHAKE);
    await until("the proxy closes", () => upstream.connections[0]?.isGone());
    await proxy.accessLog(1);
    expect(proxy.inFlight()).toBe(0);
  });

  test("an endpoint that dies ends the client with 1006 or 1011 and one line with a cause", async () => {
    const { upstream, proxy, open } = await setUpEcho();
    const client = await open();
    upstream.sockets[0]?.terminate();
    await until("it is closed", () => client.closed() !== undefined);
    expect([1006, 1011, 1014]).toContain(client.closed()?.[0] ?? 0);
    expect((await proxy.accessLog(1))[0]?.cause).not.toBe("");
  });

  test.each<[string, (port: number) => RouteSpec]>([
    ["the route", () => ({ ...proxyRoute([1]), id: "another", name: "another" })],
    ["its endpoint", () => proxyRoute([1])],
  ])("a reload that removes %s closes it with 1001", async (_, route) => {
    // Otherwise the moment is drawn from five minutes.
    const random = spyOn(Math, "random").mockReturnValue(0);
    onCleanUp(() => random.mockRestore());
    const { upstream, proxy, open } = await setUpEcho();
    const client = await open();
    await proxy.reload([route(upstream.port)]);
    await until("it is closed", () => client.closed() !== undefined);
    expect(client.closed()?.[0]).toBe(1001);
  });

  test("a reload that keeps the route and its endpoint keeps it", async () => {
    const { upstream, proxy, open } = await setUpEcho();
    const client = await open();
    await proxy.reload([proxyRoute([upstream.port], { addPrefix: "/new" })]);
    client.socket.send("still here");
    await until("it is back", () => client.messages.length === 1);
    expect(client.closed()).toBeUndefined();
    client.socket.close(1000);
    await until("it is closed", () => client.closed() !== undefined);
  });

  test("row 65: a drain closes with 1001", async () => {
    const { proxy, open } = await setUpEcho();
    const client = await open();
    await proxy.engine.drain(2000);
    await until("it is closed", () => client.closed() !== undefined);
    expect(client.closed()?.[0]).toBe(1001);
  });
});
