import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TLSSocket } from "node:tls";
import type { EndpointTls } from "../../../src/snapshot/types.ts";
import { type Authority, createAuthority, type Pair } from "../../support/certificates.ts";
import { MAX_ABANDONED_DIALS, PROBING_DIALS } from "../../../src/upstream/dial.ts";
import { cleanUp, onCleanUp } from "../../support/cleanup.ts";
import { fieldOf } from "../../support/http-message.ts";
import { proxyRoute, startProxy, toEndpoint } from "../../support/proxy.ts";
import { head, openClient, request } from "../../support/raw-client.ts";
import { OK, patternOf, startRawUpstream } from "../../support/upstream.ts";
import { until } from "../../support/until.ts";

afterEach(cleanUp);

describe("TLS to the endpoint", () => {
  let authority: Authority;
  let server: Pair;
  beforeAll(() => {
    authority = createAuthority();
    server = authority.issue(["DNS:app.test"]);
  });
  afterAll(() => authority.remove());

  const toTls = (tls: Partial<EndpointTls>): EndpointTls => ({
    serverName: "app.test",
    ca: authority.cert,
    cert: undefined,
    key: undefined,
    insecure: false,
    ...tls,
  });

  async function ask(tls: Partial<EndpointTls>, serverOptions: object = {}) {
    const names: unknown[] = [];
    const upstream = await startRawUpstream({
      tls: { ...server, ...serverOptions },
      serve(connection) {
        const socket = connection.socket as TLSSocket;
        names.push((socket as { servername?: unknown }).servername);
        connection.send(OK);
      },
    });
    const proxy = await startProxy({
      routes: [proxyRoute([toEndpoint(upstream.port, { tls: toTls(tls) })])],
    });
    const response = await request(proxy.port, head("GET /"));
    const [line] = await proxy.accessLog(1);
    return { response, line, upstream, proxy, names };
  }

  test("is verified with the configured authority, and the name goes as SNI", async () => {
    const { response, names, upstream } = await ask({});
    expect([response.status, names]).toEqual([200, ["app.test"]]);
    expect(fieldOf(upstream.requests[0] ?? { fields: [] }, "x-forwarded-proto")).toBe("http");
  });

  test("keeps its connections", async () => {
    const { proxy, upstream } = await ask({});
    expect((await request(proxy.port, head("GET /"))).status).toBe(200);
    expect(upstream.connections.length).toBe(1);
  });

  test.each<[string, () => Partial<EndpointTls>]>([
    ["another name in the certificate", () => ({ serverName: "other.test" })],
    ["an address that is not in the certificate", () => ({ serverName: "127.0.0.1" })],
    ["an unknown authority", () => ({ ca: undefined })],
  ])("%s is a 502 and nothing is sent", async (_, tls) => {
    const { response, line, upstream, proxy } = await ask(tls());
    expect([response.status, line?.cause]).toEqual([502, "tls_failed"]);
    expect(upstream.requests).toEqual([]);
    expect(proxy.inFlight()).toBe(0);
  });

  test("an expired certificate is a 502", async () => {
    const { response, line } = await ask({}, authority.issueExpired(["DNS:app.test"]));
    expect([response.status, line?.cause]).toEqual([502, "tls_failed"]);
  });

  test("an address in the certificate is enough", async () => {
    const { response } = await ask({ serverName: "127.0.0.1" }, authority.issue(["IP:127.0.0.1"]));
    expect(response.status).toBe(200);
  });

  test("insecure takes any certificate, and only if it is asked for", async () => {
    const { response } = await ask({ insecure: true, ca: undefined, serverName: "other.test" });
    expect(response.status).toBe(200);
  });

  test("a client certificate is shown to an endpoint that demands one", async () => {
    const demanding = { requestCert: true, rejectUnauthorized: true, ca: authority.cert };
    const client = authority.issue(["DNS:proxy.test"]);
    expect((await ask({ cert: client.cert, key: client.key }, demanding)).response.status).toBe(200);
    const { response, upstream } = await ask({}, demanding);
    expect(response.status).toBe(502);
    expect(upstream.requests).toEqual([]);
  });

  test("plain text instead of a handshake is a 502", async () => {
    const upstream = await startRawUpstream({
      onConnection: (connection) =>
        connection.socket.on("data", () => connection.send("HTTP/1.1 400 No\r\n\r\n")),
    });
    const proxy = await startProxy({ routes: [proxyRoute([toEndpoint(upstream.port, { tls: toTls({}) })])] });
    expect((await request(proxy.port, head("GET /"))).status).toBe(502);
    expect((await proxy.accessLog(1))[0]?.cause).toMatch(/^(tls_failed|connect_failed)$/);
  });

  test("a handshake that never ends is a 504", async () => {
    const upstream = await startRawUpstream({ onConnection: () => undefined });
    const endpoint = toEndpoint(upstream.port, { tls: toTls({}) });
    const proxy = await startProxy({ routes: [proxyRoute([endpoint])], timeouts: { connect: 200 } });
    expect((await request(proxy.port, head("GET /"))).status).toBe(504);
    expect((await proxy.accessLog(1))[0]?.cause).toBe("connect_timeout");
    await until("the proxy closes", () => upstream.connections[0]?.isGone());
    expect(proxy.inFlight()).toBe(0);
  });

  test("a chain the runtime cannot read is a 502, and nothing stays claimed", async () => {
    const client = authority.issue(["DNS:client.test"]);
    const cert = `${client.cert}\n-----BEGIN CERTIFICATE-----\nAAAA\n`;
    const { response, line, proxy } = await ask({ cert, key: client.key });
    expect([response.status, line?.cause]).toEqual([502, "tls_failed"]);
    expect(proxy.inFlight()).toBe(0);
  });

  test("large bodies go both ways", async () => {
    const size = 2_000_000;
    const upstream = await startRawUpstream({
      tls: server,
      serve(connection, got) {
        connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${got.body.length}\r\n\r\n`);
        connection.send(got.body);
      },
    });
    const proxy = await startProxy({ routes: [proxyRoute([toEndpoint(upstream.port, { tls: toTls({}) })])] });
    const client = await openClient(proxy.port);
    client.send(head("POST /", `Content-Length: ${size}`));
    client.send(patternOf(size));
    expect(Buffer.compare((await client.read()).body, patternOf(size))).toBe(0);
  });
});

describe("unix sockets", () => {
  test("to the endpoint and to the client", async () => {
    const dir = mkdtempSync(join(tmpdir(), "ophid-unix-"));
    onCleanUp(() => rmSync(dir, { recursive: true }));
    const unix = join(dir, "app.sock");
    const upstream = await startRawUpstream({ unix, serve: OK });
    const endpoint = toEndpoint(0, {
      key: `unix:${unix}`,
      name: `unix:${unix}`,
      address: { kind: "unix", path: unix },
    });
    const own = join(dir, "proxy.sock");
    const proxy = await startProxy({
      routes: [proxyRoute([endpoint], { hostHeader: "endpoint" })],
      unix: own,
    });
    expect((await request(proxy.port, head("GET /"))).status).toBe(200);
    expect((await request(own, head("GET /"))).status).toBe(200);
    const [first, second] = upstream.requests;
    expect(fieldOf(first ?? { fields: [] }, "host")).toBe("localhost");
    // The peer of a unix socket has no address.
    expect(fieldOf(second ?? { fields: [] }, "x-forwarded-for")).toBeUndefined();
    expect((await proxy.accessLog(2)).map((line) => line.client)).toEqual(["127.0.0.1", ""]);
  });
});

describe("timeouts", () => {
  test("row 67: connect to an endpoint whose backlog is full is a 504", async () => {
    const { port, stop } = await startFullBacklog();
    onCleanUp(stop);
    const proxy = await startProxy({ routes: [proxyRoute([port])], timeouts: { connect: 300 } });
    const start = performance.now();
    expect((await request(proxy.port, head("GET /"))).status).toBe(504);
    expect(performance.now() - start).toBeLessThan(1500);
    const [line] = await proxy.accessLog(1);
    expect([line?.cause, line?.retries]).toEqual(["connect_timeout", 0]);
    expect(proxy.inFlight()).toBe(0);
  });

  test("row 67: dials that cannot be cancelled are bounded, and some are tried all the same", async () => {
    const { port, stop } = await startFullBacklog();
    onCleanUp(stop);
    const proxy = await startProxy({ routes: [proxyRoute([port])], timeouts: { connect: 100 } });
    const causesOf = async (count: number) => {
      const before = (await proxy.accessLog(0)).length;
      const all = Array.from({ length: count }, () => request(proxy.port, head("GET /")));
      await Promise.all(all);
      return (await proxy.accessLog(before + count)).slice(before).map((line) => line.cause);
    };
    expect(new Set(await causesOf(MAX_ABANDONED_DIALS))).toEqual(new Set(["connect_timeout"]));
    const causes = await causesOf(PROBING_DIALS + 10);
    expect(causes.filter((cause) => cause === "connect_limit").length).toBe(10);
    expect(proxy.inFlight()).toBe(0);
  });

  test("row 27: after a connect timeout another endpoint is tried", async () => {
    const { port, stop } = await startFullBacklog();
    onCleanUp(stop);
    const upstream = await startRawUpstream({ serve: OK });
    const proxy = await startProxy({
      routes: [proxyRoute([port, upstream.port])],
      timeouts: { connect: 200 },
    });
    for (let i = 0; i < 2; i++) expect((await request(proxy.port, head("GET /"))).status).toBe(200);
  });

  test("row 67: no response head in time is a 504, and the connection is not used again", async () => {
    const upstream = await startRawUpstream({ serve: () => undefined });
    const proxy = await startProxy({
      routes: [proxyRoute([upstream.port])],
      timeouts: { responseHeader: 200 },
    });
    expect((await request(proxy.port, head("GET /"))).status).toBe(504);
    const [line] = await proxy.accessLog(1);
    expect(line?.cause).toBe("response_header_timeout");
    await until("the proxy closes", () => upstream.connections[0]?.isGone());
    expect(proxy.inFlight()).toBe(0);
  });

  test("row 67: a head that comes byte by byte does not earn more time", async () => {
    const upstream = await startRawUpstream({
      serve: (connection) => connection.dribble(`HTTP/1.1 200 OK\r\nX-A: ${"a".repeat(5000)}\r\n\r\n`, 5),
    });
    const proxy = await startProxy({
      routes: [proxyRoute([upstream.port])],
      timeouts: { responseHeader: 300 },
    });
    const start = performance.now();
    expect((await request(proxy.port, head("GET /"))).status).toBe(504);
    expect(performance.now() - start).toBeLessThan(1000);
  });

  test("row 67: endless informational answers do not earn more time", async () => {
    const upstream = await startRawUpstream({
      async serve(connection) {
        for (let i = 0; i < 100 && !connection.isGone(); i++) {
          connection.send("HTTP/1.1 102 Processing\r\n\r\n");
          await Bun.sleep(20);
        }
      },
    });
    const proxy = await startProxy({
      routes: [proxyRoute([upstream.port])],
      timeouts: { responseHeader: 1000 },
    });
    expect((await request(proxy.port, head("GET /"))).status).toBe(502);
  });

  test("the time for the head starts when the request is complete", async () => {
    const upstream = await startRawUpstream({ serve: OK });
    const proxy = await startProxy({
      routes: [proxyRoute([upstream.port])],
      timeouts: { responseHeader: 300 },
    });
    const client = await openClient(proxy.port);
    client.send(head("POST /", "Content-Length: 6"));
    for (let i = 0; i < 6; i++) {
      await Bun.sleep(120);
      client.send("x");
    }
    expect((await client.read()).status).toBe(200);
  });

  test("a response may take longer than every timeout as long as it moves", async () => {
    const upstream = await startRawUpstream({
      async serve(connection) {
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n");
        for (let i = 0; i < 8; i++) {
          await Bun.sleep(120);
          connection.send("x");
        }
      },
    });
    const timeouts = { responseHeader: 300, clientIdle: 300 };
    const proxy = await startProxy({ routes: [proxyRoute([upstream.port])], timeouts });
    expect((await request(proxy.port, head("GET /"))).body.toString()).toBe("xxxxxxxx");
  });
});

/**
 * A listening socket that accepts nothing and whose queue has no room: a connect to it hangs. In a process of
 * Node's, since Bun takes no backlog and always accepts.
 */
async function startFullBacklog(): Promise<{ port: number; stop: () => void }> {
  const script = `
    const server = require("net").createServer();
    server.listen({ port: 0, host: "127.0.0.1", backlog: 1 }, () => {
      require("fs").writeSync(1, String(server.address().port));
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20000);
    });`;
  const child = Bun.spawn(["node", "-e", script], { stdout: "pipe" });
  const { value } = await child.stdout.getReader().read();
  const port = Number(new TextDecoder().decode(value));
  const sockets = Array.from({ length: 8 }, () => connect(port, "127.0.0.1").on("error", () => {}));
  await Bun.sleep(50);
  return {
    port,
    stop() {
      for (const socket of sockets) socket.destroy();
      child.kill("SIGKILL");
    },
  };
}
