import { afterEach, describe, expect, spyOn, test } from "bun:test";
import { FRESH_IDLE_MS } from "../../../src/upstream/endpoint.ts";
import { cleanUp, onCleanUp } from "../../support/cleanup.ts";
import { FRONTS } from "../../support/fronts.ts";
import { freePort, proxyRoute, startProxy, toEndpoint } from "../../support/proxy.ts";
import { head, openClient, request } from "../../support/raw-client.ts";
import { OK, type RawUpstreamOptions, type Serve, startRawUpstream } from "../../support/upstream.ts";
import { until } from "../../support/until.ts";

afterEach(cleanUp);

const POST = head("POST /", "Content-Length: 2");

/** Answers the first request of a connection and closes it when the second arrives. */
const dieOnSecond: Serve = (connection, _request, number) => {
  if (number === 1) connection.send(OK);
  else connection.reset();
};

describe.each(FRONTS)("behind %s", (_name, front) => {
  async function setUp(options: RawUpstreamOptions) {
    const upstream = await startRawUpstream(options);
    const proxy = await startProxy({ routes: [proxyRoute([upstream.port])], front });
    const client = await openClient(proxy.port);
    const ask = async (bytes = head("GET /")) => {
      client.send(bytes);
      return await client.read();
    };
    return { upstream, proxy, client, ask };
  }

  describe("row 27: a connect that fails", () => {
    test("is tried on another endpoint, whatever the method", async () => {
      const upstream = await startRawUpstream({ serve: OK });
      const proxy = await startProxy({ routes: [proxyRoute([await freePort(), upstream.port])], front });
      const client = await openClient(proxy.port);
      for (let i = 0; i < 4; i++) {
        client.send(`${POST}ab`);
        expect((await client.read()).status).toBe(200);
      }
      const lines = await proxy.accessLog(4);
      expect(lines.map((line) => line.retries).sort()).toEqual([0, 0, 1, 1]);
      expect(upstream.requests.map((one) => one.body.toString())).toEqual(["ab", "ab", "ab", "ab"]);
      expect(proxy.inFlight()).toBe(0);
    });

    test("does not happen because many come at once while no connection is open", async () => {
      const upstream = await startRawUpstream({ serve: OK });
      const proxy = await startProxy({ routes: [proxyRoute([upstream.port])], front });
      const clients = await Promise.all(Array.from({ length: 400 }, () => openClient(proxy.port)));
      for (const client of clients) client.send(head("GET /"));
      const responses = await Promise.all(clients.map((client) => client.read()));
      expect(responses.filter((response) => response.status !== 200)).toEqual([]);
      expect(proxy.inFlight()).toBe(0);
    });

    test("is tried once more, not on every endpoint", async () => {
      const ports = await Promise.all([freePort(), freePort(), freePort()]);
      const proxy = await startProxy({ routes: [proxyRoute(ports)], front });
      expect((await request(proxy.port, head("GET /"))).status).toBe(502);
      const [line] = await proxy.accessLog(1);
      expect([line?.retries, line?.cause]).toEqual([1, "connect_refused"]);
    });

    test("row 44: on a lone endpoint is a 502 that does not name it", async () => {
      const port = await freePort();
      const proxy = await startProxy({ routes: [proxyRoute([port])], front });
      const response = await request(proxy.port, head("GET /"));
      expect(response.status).toBe(502);
      expect(response.head + response.body.toString()).not.toContain(String(port));
      const [line] = await proxy.accessLog(1);
      expect([line?.retries, line?.cause]).toEqual([0, "connect_refused"]);
      expect(proxy.messages.join()).toContain("connect_refused");
      expect(proxy.cells.totals(0).failures).toBe(1);
    });

    test("a name that does not resolve is a 502", async () => {
      const endpoint = toEndpoint(80, {
        name: "nowhere.invalid:80",
        address: { kind: "tcp", hostname: "nowhere.invalid", port: 80 },
      });
      const proxy = await startProxy({ routes: [proxyRoute([endpoint])], front });
      expect((await request(proxy.port, head("GET /"))).status).toBe(502);
      expect((await proxy.accessLog(1))[0]?.cause).toMatch(/^(dns_failed|connect_failed)$/);
    });

    test("a unix socket that is not there is a 502", async () => {
      const endpoint = toEndpoint(1, { address: { kind: "unix", path: "/nonexistent/socket" } });
      const proxy = await startProxy({ routes: [proxyRoute([endpoint])], front });
      expect((await request(proxy.port, head("GET /"))).status).toBe(502);
      expect((await proxy.accessLog(1))[0]?.cause).toBe("connect_failed");
    });
  });

  describe("row 27: a reused connection that dies before an answer", () => {
    test.each<[string, string]>([
      ["GET", head("GET /")],
      ["DELETE", head("DELETE /")],
      ["PUT with a small body", `${head("PUT /", "Content-Length: 5")}hello`],
      ["PUT with chunks", `${head("PUT /", "Transfer-Encoding: chunked")}3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n`],
    ])("%s is sent once more on a new one", async (_, bytes) => {
      const { upstream, proxy, ask } = await setUp({ serve: dieOnSecond });
      await ask();
      const response = await ask(bytes);
      expect(response.status).toBe(200);
      expect(upstream.connections.length).toBe(2);
      const last = upstream.requests.at(-1);
      expect(last?.body.toString()).toBe(bytes.startsWith("PUT") ? "hello" : "");
      const lines = await proxy.accessLog(2);
      expect(lines.map((line) => line.retries)).toEqual([0, 1]);
      expect(proxy.inFlight()).toBe(0);
    });

    test.each<[string, string]>([
      ["POST", `${POST}ab`],
      ["POST without a body", head("POST /")],
      ["PATCH", `${head("PATCH /", "Content-Length: 2")}ab`],
    ])("%s is not", async (_, bytes) => {
      const { upstream, proxy, ask } = await setUp({ serve: dieOnSecond });
      await ask();
      const response = await ask(bytes);
      expect(response.status).toBe(502);
      expect(upstream.requests.length).toBe(2);
      expect((await proxy.accessLog(2))[1]?.cause).toBe("upstream_closed");
    });

    test("a PUT larger than what is kept is not", async () => {
      const { upstream, ask } = await setUp({
        serve: (connection) => connection.send(OK),
        onHead: (connection) => {
          connection.socket.on("data", () => {
            if (connection.received().includes("PUT /") && connection.receivedBytes() > 100_000)
              connection.reset();
          });
        },
      });
      await ask();
      const size = 200_000;
      const response = await ask(`${head("PUT /", `Content-Length: ${size}`)}${"x".repeat(size)}`);
      expect(response.status).toBe(502);
      expect(upstream.connections.length).toBe(1);
    });

    test("once only", async () => {
      let answered = 0;
      const { upstream, ask } = await setUp({
        serve(connection) {
          answered += 1;
          if (answered === 1) connection.send(OK);
          else connection.reset();
        },
      });
      await ask();
      expect((await ask()).status).toBe(502);
      expect(upstream.requests.length).toBe(3);
    });

    test("not after the first byte of an answer", async () => {
      const { upstream, ask } = await setUp({
        serve(connection, _request, number) {
          connection.send(number === 1 ? OK : "HTTP/1.1 2");
          if (number === 2) connection.reset();
        },
      });
      await ask();
      expect((await ask()).status).toBe(502);
      expect(upstream.requests.length).toBe(2);
    });

    test("not on a fresh connection", async () => {
      const { upstream, ask } = await setUp({ serve: (connection) => connection.reset() });
      expect((await ask()).status).toBe(502);
      expect(upstream.requests.length).toBe(1);
    });

    test("row 28: a slow body is not torn when it is sent again", async () => {
      const { upstream, client, ask } = await setUp({
        serve: (connection) => connection.send(OK),
        onHead(connection) {
          if (connection.number > 1) return;
          connection.socket.on("data", () => {
            if (connection.received().includes("one")) connection.reset();
          });
        },
      });
      await ask();
      client.send(`${head("PUT /", "Transfer-Encoding: chunked")}3\r\none\r\n`);
      await until("the first connection is gone", () => upstream.connections[0]?.isGone());
      await until("the second has the first piece", () =>
        upstream.connections[1]?.received().includes("one"),
      );
      client.send("3\r\ntwo\r\n5\r\nthree\r\n0\r\n\r\n");
      expect((await client.read()).status).toBe(200);
      expect(upstream.requests.at(-1)?.body.toString()).toBe("onetwothree");
    });

    test("goes to another endpoint if there is one", async () => {
      const dying = await startRawUpstream({ serve: dieOnSecond });
      const alive = await startRawUpstream({ serve: OK });
      const proxy = await startProxy({ routes: [proxyRoute([dying.port, alive.port])], front });
      const client = await openClient(proxy.port);
      for (let i = 0; i < 3; i++) {
        client.send(head("GET /"));
        expect((await client.read()).status).toBe(200);
      }
      expect([dying.requests.length, alive.requests.length]).toEqual([2, 2]);
    });
  });

  describe("row 31: idle connections", () => {
    test("are used again, one request at a time", async () => {
      const { upstream, proxy, ask } = await setUp({ serve: OK });
      for (let i = 0; i < 5; i++) await ask();
      expect(upstream.connections.length).toBe(1);
      const others = await Promise.all([1, 2, 3].map(() => request(proxy.port, head("GET /"))));
      expect(others.map((one) => one.status)).toEqual([200, 200, 200]);
    });

    test.each<[string, string]>([
      ["Connection: close", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"],
      ["HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok"],
      ["Keep-Alive: timeout=1", "HTTP/1.1 200 OK\r\nKeep-Alive: timeout=1\r\nContent-Length: 2\r\n\r\nok"],
      ["Keep-Alive: timeout=0", "HTTP/1.1 200 OK\r\nKeep-Alive: timeout=0\r\nContent-Length: 2\r\n\r\nok"],
    ])("%s is obeyed", async (_, answer) => {
      const { upstream, ask } = await setUp({ serve: answer });
      await ask();
      await until("the proxy closes", () => upstream.connections[0]?.isGone());
      await ask();
      expect(upstream.connections.length).toBe(2);
    });

    test("HTTP/1.0 with keep-alive is used again", async () => {
      const answer = "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok";
      const { upstream, ask } = await setUp({ serve: answer });
      await ask();
      await ask();
      expect(upstream.connections.length).toBe(1);
    });

    test("one that sends something is discarded at once", async () => {
      const { upstream, ask } = await setUp({ serve: OK });
      await ask();
      upstream.connections[0]?.send("HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n");
      await until("the proxy closes", () => upstream.connections[0]?.isGone());
      expect((await ask()).status).toBe(200);
      expect(upstream.connections.length).toBe(2);
    });

    test("one that is closed is discarded at once", async () => {
      const { upstream, ask } = await setUp({ serve: OK });
      await ask();
      upstream.connections[0]?.end();
      await until("the proxy closes too", () => upstream.connections[0]?.isGone());
      expect((await ask(`${POST}ab`)).status).toBe(200);
      expect(upstream.connections.length).toBe(2);
    });
  });

  test("an endpoint that closes as soon as it accepts is a 502 at once", async () => {
    const upstream = await startRawUpstream({ onConnection: (connection) => connection.end() });
    const proxy = await startProxy({ routes: [proxyRoute([upstream.port])], front });
    for (let i = 0; i < 5; i++) expect((await request(proxy.port, head("GET /"))).status).toBe(502);
    expect(proxy.inFlight()).toBe(0);
  });

  test("an endpoint that talks first is a 502 at once", async () => {
    const upstream = await startRawUpstream({
      onConnection: (connection) => connection.send("220 smtp\r\n"),
    });
    const proxy = await startProxy({ routes: [proxyRoute([upstream.port])], front });
    for (let i = 0; i < 5; i++) expect((await request(proxy.port, head("GET /"))).status).toBe(502);
    expect(proxy.inFlight()).toBe(0);
  });
});

describe("row 31: a request that must not be repeated", () => {
  test("uses a connection idle for less than two seconds, and a new one after that", async () => {
    const upstream = await startRawUpstream({ serve: OK });
    const proxy = await startProxy({ routes: [proxyRoute([upstream.port])] });
    const client = await openClient(proxy.port);
    const ask = async (bytes: string) => {
      client.send(bytes);
      expect((await client.read()).status).toBe(200);
    };
    await ask(head("GET /"));
    await ask(`${POST}ab`);
    expect(upstream.connections.length).toBe(1);
    const idleMs = FRESH_IDLE_MS + 50;
    const realNow = performance.now.bind(performance);
    const now = spyOn(performance, "now").mockImplementation(() => realNow() + idleMs);
    onCleanUp(() => now.mockRestore());
    await ask(`${POST}ab`);
    expect(upstream.connections.length).toBe(2);
    await ask(head("GET /"));
    expect(upstream.connections.length).toBe(2);
  });

  test("idle connections are closed after upstream_idle", async () => {
    const upstream = await startRawUpstream({ serve: OK });
    const proxy = await startProxy({
      routes: [proxyRoute([upstream.port])],
      timeouts: { upstreamIdle: 200 },
    });
    await request(proxy.port, head("GET /"));
    await until("the proxy closes", () => upstream.connections[0]?.isGone(), 3000);
  });
});
