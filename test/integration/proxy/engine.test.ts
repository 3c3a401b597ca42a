import { afterEach, describe, expect, test } from "bun:test";
import { cleanUp } from "../../support/cleanup.ts";
import { actionRoute, freePort, proxyRoute, startProxy } from "../../support/proxy.ts";
import { head, openClient, request } from "../../support/raw-client.ts";
import { OK, patternOf, startRawUpstream } from "../../support/upstream.ts";
import { until } from "../../support/until.ts";

afterEach(cleanUp);

const named = (body: string) => `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

describe("reload", () => {
  test("row 64: the next request on the same connection goes by the new snapshot", async () => {
    const a = await startRawUpstream({ serve: named("a") });
    const b = await startRawUpstream({ serve: named("b") });
    const proxy = await startProxy({ routes: [proxyRoute([a.port])] });
    const client = await openClient(proxy.port);
    client.send(head("GET /"));
    expect((await client.read()).body.toString()).toBe("a");
    await proxy.reload([proxyRoute([b.port])]);
    client.send(head("GET /"));
    expect((await client.read()).body.toString()).toBe("b");
    // Nobody uses the first endpoint any more, so its idle connection is not kept.
    await until("its connection is closed", () => a.connections[0]?.isGone());
  });

  test("row 64: a request under way ends by the snapshot it began under, connections are carried over", async () => {
    const upstream = await startRawUpstream({
      async serve(connection, got) {
        if (got.target === "/slow") await Bun.sleep(150);
        connection.send(OK);
      },
    });
    const proxy = await startProxy({ routes: [proxyRoute([upstream.port])] });
    const slow = request(proxy.port, head("GET /slow"));
    await until("it is under way", () => upstream.requests.length === 1);
    await proxy.reload([actionRoute({ kind: "respond", status: 418, body: "", contentType: "a/b" })]);
    expect((await slow).body.toString()).toBe("ok");
    await until("its connection is closed", () => upstream.connections[0]?.isGone());
    await proxy.reload([proxyRoute([upstream.port])]);
    await request(proxy.port, head("GET /1"));
    await proxy.reload([proxyRoute([upstream.port], { addPrefix: "/x" })]);
    await request(proxy.port, head("GET /2"));
    expect(upstream.connections.length).toBe(2);
  });

  test("row 64: a snapshot that cannot be prepared leaves everything as it is", async () => {
    const upstream = await startRawUpstream({ serve: OK });
    const proxy = await startProxy({ routes: [proxyRoute([upstream.port])] });
    const bad = {
      ...proxy.snapshot,
      listeners: [
        ...proxy.snapshot.listeners,
        { kind: "tcp" as const, key: "new", hostname: "127.0.0.1", port: await freePort() },
        { kind: "tcp" as const, key: "bad", hostname: "192.0.2.1", port: 1 },
      ],
    };
    await expect(proxy.engine.prepare(bad)).rejects.toThrow();
    expect((await request(proxy.port, head("GET /"))).status).toBe(200);
    expect(proxy.engine.status().listeners.length).toBe(1);
    const log = { ...proxy.snapshot, log: { ...proxy.snapshot.log, access: "/dev/null/access.log" } };
    await expect(proxy.engine.prepare(log)).rejects.toThrow();
    await proxy.engine.discard(await proxy.engine.prepare(proxy.snapshot));
    expect((await request(proxy.port, head("GET /"))).status).toBe(200);
    await proxy.accessLog(2);
  });
});

describe("row 65: drain", () => {
  test("finishes what is in flight, refuses what is new, then ends", async () => {
    const upstream = await startRawUpstream({
      async serve(connection) {
        await Bun.sleep(200);
        connection.send(OK);
      },
    });
    const proxy = await startProxy({ routes: [proxyRoute([upstream.port])] });
    const idle = await openClient(proxy.port);
    const busy = await openClient(proxy.port);
    busy.send(head("GET /"));
    await until("it is under way", () => upstream.requests.length === 1);
    const drained = proxy.engine.drain(5000);
    expect((await busy.read()).body.toString()).toBe("ok");
    await drained;
    await busy.closed();
    idle.send(head("GET /"));
    await idle.closed();
    expect(upstream.requests.length).toBe(1);
    await until("the endpoint's connection is closed", () => upstream.connections[0]?.isGone());
  });

  test("waits for a client that is still reading an answer that was handed over whole", async () => {
    const bytes = patternOf(24 * 1024 * 1024);
    const upstream = await startRawUpstream({
      serve(connection) {
        connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${bytes.length}\r\n\r\n`);
        connection.send(bytes);
      },
    });
    const route = proxyRoute([upstream.port], { responseBuffer: bytes.length });
    const proxy = await startProxy({ routes: [route] });
    const client = await openClient(proxy.port);
    client.socket.pause();
    client.send(head("GET /"));
    await proxy.accessLog(1);
    const drained = proxy.engine.drain(10_000);
    client.socket.resume();
    const response = await client.read("GET", 10_000);
    expect([response.complete, Buffer.compare(response.body, bytes)]).toEqual([true, 0]);
    await drained;
    expect(proxy.messages).toEqual([]);
  });

  test("ends what is still in flight at the deadline", async () => {
    const upstream = await startRawUpstream({ serve: () => undefined });
    const proxy = await startProxy({ routes: [proxyRoute([upstream.port])] });
    const client = await openClient(proxy.port);
    client.send(head("GET /"));
    await until("it is under way", () => upstream.requests.length === 1);
    const start = performance.now();
    await proxy.engine.drain(200);
    expect(performance.now() - start).toBeLessThan(1000);
    await client.closed();
    await until("the endpoint's connection is closed", () => upstream.connections[0]?.isGone());
    expect(proxy.messages).toEqual(["The drain ran out of time: 1 request cut off"]);
  });
});

describe("one line a request", () => {
  test("whatever happens to it, and every claim is given back", async () => {
    let turn = 0;
    const upstream = await startRawUpstream({
      async serve(connection) {
        turn += 1;
        switch (turn % 6) {
          case 0:
            connection.reset();
            break;
          case 1:
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nshort");
            await Bun.sleep(20);
            connection.end();
            break;
          case 2:
            connection.send("garbage\r\n\r\n");
            break;
          case 3:
            connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
            break;
          default:
            connection.send(OK);
        }
      },
    });
    const routes = [
      proxyRoute([upstream.port, await freePort()], { match: { path: "/app/*" } }),
      actionRoute({ kind: "redirect", status: 308, to: "/x" }, { path: "/r" }),
    ];
    const proxy = await startProxy({ routes, timeouts: { clientIdle: 400, responseHeader: 400 } });
    const requests = [
      head("GET /app/1"),
      head("GET /nothing"),
      head("GET /r"),
      head("TRACE /app"),
      head("GET /app", "Expect: x"),
      `${head("PUT /app/2", "Content-Length: 4")}ab`,
      `${head("POST /app/3", "Content-Length: 4")}abcd`,
    ];
    const rounds = 12;
    await Promise.all(
      Array.from({ length: rounds }, async (_, round) => {
        for (const [i, bytes] of requests.entries()) {
          const client = await openClient(proxy.port);
          client.send(bytes);
          if ((round + i) % 3 === 0)
            await until("something came", () => client.receivedBytes() > 0 || client.isClosed());
          else await Bun.sleep((round * 7 + i * 3) % 40);
          if (round % 2 === 0) client.reset();
          else client.end();
        }
      }),
    );
    const lines = await proxy.accessLog(rounds * requests.length);
    // A client may leave before the runtime has handed its request over; nothing is logged twice.
    expect(lines.length).toBe(rounds * requests.length);
    expect(lines.every((line) => line.status >= 200)).toBe(true);
    expect(proxy.inFlight()).toBe(0);
    expect(proxy.messages.filter((text) => text.includes("Unexpected error"))).toEqual([]);
  }, 20_000);
});
