import { afterEach, describe, expect, test } from "bun:test";
import { cleanUp } from "../../support/cleanup.ts";
import { FRONTS } from "../../support/fronts.ts";
import { fieldOf } from "../../support/http-message.ts";
import { actionRoute, proxyRoute, startProxy, type TestProxy } from "../../support/proxy.ts";
import { head, openClient, request } from "../../support/raw-client.ts";
import { OK, type RawUpstream, startRawUpstream } from "../../support/upstream.ts";
import { until } from "../../support/until.ts";

afterEach(cleanUp);

describe.each(FRONTS)("behind %s", (_name, front) => {
  async function setUp(): Promise<{ upstream: RawUpstream; proxy: TestProxy }> {
    const upstream = await startRawUpstream({ serve: OK });
    return { upstream, proxy: await startProxy({ routes: [proxyRoute([upstream.port])], front }) };
  }

  /** Sends `bytes` and a good request after them on the same connection; nothing may reach the endpoint. */
  async function refused(bytes: string, method = "GET") {
    const { upstream, proxy } = await setUp();
    const client = await openClient(proxy.port);
    client.send(bytes);
    const response = await client.read(method);
    client.send(head("GET /after"));
    await until("answered or closed", () => client.isClosed() || upstream.requests.length > 0);
    return { response, client, upstream, proxy };
  }

  describe("framing that two parsers could read differently is refused and the connection closed", () => {
    const post = (...lines: string[]) => head("POST /", ...lines);

    test.each<[string, string]>([
      ["row 1: both framings", post("Content-Length: 3", "Transfer-Encoding: chunked") + "0\r\n\r\n"],
      ["row 2: different lengths", `${post("Content-Length: 3", "Content-Length: 4")}abcd`],
      ["row 2: a list of different lengths", `${post("Content-Length: 3, 4")}abcd`],
      ["row 3: a signed length", `${post("Content-Length: +3")}abc`],
      ["row 3: a negative length", `${post("Content-Length: -3")}abc`],
      ["row 3: a hexadecimal length", `${post("Content-Length: 0x3")}abc`],
      ["row 3: an underscore in a length", `${post("Content-Length: 1_0")}abcabcabca`],
      ["row 3: a space in a length", `${post("Content-Length: 1 0")}abcabcabca`],
      ["row 3: an empty length", `${post("Content-Length:")}abc`],
      ["row 3: a length that overflows", `${post("Content-Length: 99999999999999999999")}abc`],
      ["row 4: an unknown coding", `${post("Transfer-Encoding: gzip")}abc`],
      ["row 4: a coding before chunked", `${post("Transfer-Encoding: gzip, chunked")}0\r\n\r\n`],
      ["row 4: chunked twice", `${post("Transfer-Encoding: chunked, chunked")}0\r\n\r\n`],
      [
        "row 4: chunked in two fields",
        `${post("Transfer-Encoding: chunked", "Transfer-Encoding: chunked")}0\r\n\r\n`,
      ],
      ["row 4: a coding that looks like chunked", `${post("Transfer-Encoding: xchunked")}0\r\n\r\n`],
      ["row 4: identity", `${post("Transfer-Encoding: identity")}abc`],
      ["row 4: an empty coding", `${post("Transfer-Encoding:")}0\r\n\r\n`],
      ["row 4: a vertical tab before chunked", `${post("Transfer-Encoding: \x0bchunked")}0\r\n\r\n`],
      ["row 8: a space before the colon", `${post("Content-Length : 3")}abc`],
      ["row 9: a folded line", post("X-A: 1", " folded")],
      ["row 10: a bare CR in a value", post("X-A: 1\r2")],
      ["row 10: a space before the first field", "GET / HTTP/1.1\r\n Host: site.test\r\n\r\n"],
      ["row 11: a NUL in a value", post("X-A: 1\x002")],
      ["row 11: a control character in a value", post("X-A: 1\x072")],
      ["row 11: a name that is no token", post("X(A: 1")],
      ["row 11: an empty name", post(": 1")],
      ["row 12: no Host", "GET / HTTP/1.1\r\n\r\n"],
    ])("%s", async (_, bytes) => {
      const { response, client, upstream } = await refused(bytes);
      expect(response.status).toBe(400);
      await client.closed();
      expect(upstream.requests).toEqual([]);
    });
  });

  describe("row 12: a Host that is not one plain name is a 400", () => {
    test.each([
      "site.test, other.test",
      "user@site.test",
      "site.test/path",
      "site.test?q",
      "site test",
      "%73ite.test",
      "site.test:99999",
      "site.test:8x",
      "s\xeete.test",
      "[::1",
      "",
      "..",
      "127.1",
    ])("%j", async (host) => {
      const { proxy, upstream } = await setUp();
      const response = await request(proxy.port, `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
      expect(response.status).toBe(400);
      expect(upstream.requests).toEqual([]);
    });

    test("two Host lines, also with equal values", async () => {
      const { proxy, upstream } = await setUp();
      for (const second of ["other.test", "site.test"]) {
        expect((await request(proxy.port, head("GET /", `Host: ${second}`))).status).toBe(400);
      }
      expect(upstream.requests).toEqual([]);
    });
  });

  describe("methods", () => {
    test.each<[string, number]>([
      ["row 15: TRACE", 405],
      ["row 15: CONNECT", 501],
    ])("%s is refused", async (title, status) => {
      const method = title.split(" ").at(-1) ?? "";
      const { proxy, upstream } = await setUp();
      const target = method === "CONNECT" ? "site.test:443" : "/";
      const response = await request(proxy.port, head(`${method} ${target}`));
      expect(response.status).toBe(status);
      // RFC 9110 15.5.6: a 405 says what is allowed.
      if (status === 405) expect(fieldOf(response, "allow")).toContain("GET");
      expect(upstream.requests).toEqual([]);
    });

    test.each(["DELETE", "OPTIONS", "PATCH", "PROPFIND", "REPORT", "PURGE"])(
      "%s is forwarded with its body",
      async (method) => {
        const { proxy, upstream } = await setUp();
        const response = await request(proxy.port, `${head(`${method} /`, "Content-Length: 5")}hello`);
        expect(response.status).toBe(200);
        expect([upstream.requests[0]?.method, upstream.requests[0]?.body.toString()]).toEqual([
          method,
          "hello",
        ]);
      },
    );

    test.each(["GET", "HEAD"])("a %s with a body is a 400, since a front may drop it", async (method) => {
      const { response, upstream } = await refused(
        `${head(`${method} /`, "Content-Length: 5")}hello`,
        method,
      );
      expect(response.status).toBe(400);
      // The body was skipped, not taken for a request.
      expect(upstream.requests.map((one) => one.target)).toEqual(
        upstream.requests.length === 0 ? [] : ["/after"],
      );
    });

    test("a GET with an empty body is a GET", async () => {
      const { proxy, upstream } = await setUp();
      expect((await request(proxy.port, head("GET /", "Content-Length: 0"))).status).toBe(200);
      expect(upstream.requests.length).toBe(1);
    });

    test("row 24: OPTIONS with Max-Forwards 0 is answered here, with more it is counted down", async () => {
      const { proxy, upstream } = await setUp();
      const own = await request(proxy.port, head("OPTIONS /", "Max-Forwards: 0"));
      expect(own.status).toBe(200);
      expect(fieldOf(own, "allow")).toContain("GET");
      expect(upstream.requests).toEqual([]);
      await request(proxy.port, head("OPTIONS /", "Max-Forwards: 5"));
      await request(proxy.port, head("GET /", "Max-Forwards: 5"));
      await request(proxy.port, head("OPTIONS /", "Max-Forwards: x"));
      expect(upstream.requests.map((one) => fieldOf(one, "max-forwards"))).toEqual(["4", "5", "x"]);
      expect((await proxy.accessLog(4)).map((line) => line.status)).toEqual([200, 200, 200, 200]);
    });

    test("a method no route takes is a 405 that lists those that are", async () => {
      const upstream = await startRawUpstream({ serve: OK });
      const routes = [proxyRoute([upstream.port], { match: { methods: ["GET", "POST"] } })];
      const proxy = await startProxy({ routes, front });
      const response = await request(proxy.port, head("DELETE /"));
      expect([response.status, fieldOf(response, "allow")]).toEqual([405, "GET, POST"]);
      expect((await proxy.accessLog(1))[0]?.cause).toBe("method_not_allowed");
    });
  });

  describe("routing", () => {
    test("row 52: an unknown host is a 404, never the first site; case, port and trailing dot do not matter", async () => {
      const upstream = await startRawUpstream({ serve: OK });
      const proxy = await startProxy({
        routes: [proxyRoute([upstream.port], { match: { host: "site.test" } })],
        front,
      });
      const statusFor = async (host: string) =>
        (await request(proxy.port, `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`)).status;
      expect(await statusFor("other.test")).toBe(404);
      expect(await statusFor("site.test.evil")).toBe(404);
      for (const host of ["SITE.test", "site.test:8080", "site.test."])
        expect(await statusFor(host)).toBe(200);
    });

    test("row 53: guards see the path the endpoint will read", async () => {
      const open = await startRawUpstream({ serve: OK });
      const routes = [
        proxyRoute([open.port], { match: { path: "/*" } }),
        actionRoute(
          { kind: "respond", status: 403, body: "no", contentType: "text/plain" },
          { path: "/admin/*" },
        ),
      ];
      const proxy = await startProxy({ routes, front });
      for (const path of [
        "/admin",
        "/admin/x",
        "/%61dmin/x",
        "//admin/x",
        "/a/../admin/x",
        "/a/%2e%2e/admin/x",
        "/./admin",
      ]) {
        expect([path, (await request(proxy.port, head(`GET ${path}`))).status]).toEqual([path, 403]);
      }
      for (const path of ["/public/..%2Fadmin", "/public/..;x/admin", "/public/%2e%2e%5Cadmin", "/%00"]) {
        expect([path, (await request(proxy.port, head(`GET ${path}`))).status]).toEqual([path, 400]);
      }
      expect((await request(proxy.port, head("GET /adminx"))).status).toBe(200);
      expect(open.requests.map((one) => one.target)).toEqual(["/adminx"]);
    });

    test("row 57: a redirect names the configured place only", async () => {
      const routes = [
        actionRoute({ kind: "redirect", status: 308, to: "https://new.test/*" }, { path: "/old/*" }),
        actionRoute({ kind: "redirect", status: 302, to: "/here" }, { path: "/fixed" }),
      ];
      const proxy = await startProxy({ routes, front });
      const locationOf = async (path: string) =>
        fieldOf(await request(proxy.port, `GET ${path} HTTP/1.1\r\nHost: evil.test\r\n\r\n`), "location");
      expect(await locationOf("/old/a/b?q=1")).toBe("https://new.test/a/b?q=1");
      expect(await locationOf("/old//evil.test/x")).toBe("https://new.test/evil.test/x");
      expect(await locationOf("/old/%0d%0aSet-Cookie:x")).toBe("https://new.test/%0D%0ASet-Cookie:x");
      expect(await locationOf("/fixed?x")).toBe("/here");
    });

    test("a fixed response, also to HEAD", async () => {
      const route = actionRoute({
        kind: "respond",
        status: 200,
        body: "h\u00e9llo",
        contentType: "text/plain",
      });
      const proxy = await startProxy({ routes: [route], front });
      const got = await request(proxy.port, head("GET /"));
      expect([got.body.toString(), fieldOf(got, "content-type"), fieldOf(got, "content-length")]).toEqual([
        "h\u00e9llo",
        "text/plain",
        "6",
      ]);
      const asked = await request(proxy.port, head("HEAD /"), "HEAD");
      expect([asked.status, fieldOf(asked, "content-length")]).toEqual([200, "6"]);
      await proxy.accessLog(2);
    });
  });

  test("row 44: errors follow Accept and give nothing away", async () => {
    const proxy = await startProxy({ routes: [], front });
    const errorFor = (accept: string) => request(proxy.port, head("GET /secret", `Accept: ${accept}`));
    const page = await errorFor("text/html,*/*");
    expect([page.status, fieldOf(page, "content-type")]).toEqual([404, "text/html; charset=utf-8"]);
    const problem = await errorFor("application/json");
    expect(fieldOf(problem, "content-type")).toBe("application/problem+json");
    expect(JSON.parse(problem.body.toString())).toMatchObject({ status: 404 });
    const text = await errorFor("*/*");
    expect(fieldOf(text, "content-type")).toBe("text/plain; charset=utf-8");
    for (const one of [page, problem, text]) {
      expect(one.body.toString()).not.toContain("secret");
      expect(fieldOf(one, "cache-control")).toBe("no-store");
    }
    const asked = await request(proxy.port, head("HEAD /secret"), "HEAD");
    expect([asked.status, asked.body.length]).toEqual([404, 0]);
    const got = await request(proxy.port, head("GET /secret"));
    expect(fieldOf(asked, "content-length")).toBe(String(got.body.length));
  });

  test("row 19: Connection: close is obeyed", async () => {
    const { proxy } = await setUp();
    const client = await openClient(proxy.port);
    client.send(head("GET /", "Connection: close"));
    expect((await client.read()).status).toBe(200);
    await client.closed();
  });

  test.each([5, 1_000_000])(
    "row 19: a refused upload of %i bytes leaves the connection in step, or closed",
    async (size) => {
      const upstream = await startRawUpstream({ serve: OK });
      const proxy = await startProxy({
        routes: [proxyRoute([upstream.port], { match: { path: "/app" } })],
        front,
      });
      const client = await openClient(proxy.port);
      const evil = head("GET /app", "X-Evil: 1");
      client.send(head("POST /nothing", `Content-Length: ${size}`));
      client.send(evil.repeat(Math.ceil(size / evil.length)).slice(0, size));
      expect((await client.read()).status).toBe(404);
      client.send(head("GET /app"));
      await until("answered or closed", () => client.isClosed() || client.unread().endsWith("ok"));
      for (const one of upstream.requests) expect(one.head).not.toContain("Evil");
      expect(upstream.requests.length).toBeLessThan(2);
    },
  );

  test("row 19: HTTP/1.0 gets a long answer without chunks", async () => {
    const upstream = await startRawUpstream({
      serve: `HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nContent-Length: 100000\r\n\r\n${"x".repeat(100_000)}`,
    });
    const proxy = await startProxy({ routes: [proxyRoute([upstream.port])], front });
    const client = await openClient(proxy.port);
    client.send("GET / HTTP/1.0\r\nHost: site.test\r\n\r\n");
    const response = await client.read();
    expect([response.framing === "chunked", response.body.length]).toEqual([false, 100_000]);
  });

  test("row 19: HTTP/1.0 is answered and closed, with or without Host", async () => {
    const { proxy, upstream } = await setUp();
    for (const lines of ["", "Host: site.test\r\n"]) {
      const client = await openClient(proxy.port);
      client.send(`GET /x HTTP/1.0\r\n${lines}\r\n`);
      expect((await client.read()).body.toString()).toBe("ok");
      await client.closed();
    }
    expect(upstream.requests.map((one) => [one.target, fieldOf(one, "host")])).toEqual([
      ["/x", `127.0.0.1:${upstream.port}`],
      ["/x", "site.test"],
    ]);
  });
});

describe("what Bun.serve decides, as it is today", () => {
  async function setUp() {
    const upstream = await startRawUpstream({ serve: OK });
    return { upstream, proxy: await startProxy({ routes: [proxyRoute([upstream.port])] }) };
  }

  test("row 2: two equal Content-Length fields are taken as one", async () => {
    const { proxy, upstream } = await setUp();
    const bytes = `${head("POST /", "Content-Length: 2", "Content-Length: 2")}ab`;
    expect((await request(proxy.port, bytes)).status).toBe(200);
    expect(upstream.requests[0]?.fields.filter(([name]) => name === "content-length")).toEqual([
      ["content-length", "2"],
    ]);
  });

  test("row 3: leading zeros are never emitted again", async () => {
    const { proxy, upstream } = await setUp();
    const response = await request(proxy.port, `${head("POST /", "Content-Length: 002")}ab`);
    if (response.status === 200) expect(upstream.requests[0]?.head).toContain("content-length: 2\r\n");
    else expect(response.status).toBe(400);
  });

  test("row 5: chunked in HTTP/1.0 is refused", async () => {
    const { proxy, upstream } = await setUp();
    const bytes = "POST / HTTP/1.0\r\nHost: site.test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    expect((await request(proxy.port, bytes)).status).toBe(400);
    expect(upstream.requests).toEqual([]);
  });

  test.each(["GET / HTTP/1.2", "GET / HTTP/2.0", "GET / HTTP/0.9"])("row 16: %s is a 505", async (line) => {
    const { proxy } = await setUp();
    expect((await request(proxy.port, `${line}\r\nHost: site.test\r\n\r\n`)).status).toBe(505);
  });

  test("row 17: a head over 16 KiB, and one of too many fields, is a 431", async () => {
    const { proxy, upstream } = await setUp();
    expect((await request(proxy.port, head("GET /", `X-A: ${"a".repeat(17_000)}`))).status).toBe(431);
    expect(
      (
        await request(
          proxy.port,
          head(
            "GET /",
            ..."x"
              .repeat(300)
              .split("")
              .map((x, i) => `${x}${i}: 1`),
          ),
        )
      ).status,
    ).toBe(431);
    expect(upstream.requests).toEqual([]);
  });

  test("row 13: the authority of an absolute target is dropped and Host decides", async () => {
    const { proxy, upstream } = await setUp();
    expect((await request(proxy.port, head("GET http://other.test/abs?q"))).status).toBe(200);
    expect([upstream.requests[0]?.target, fieldOf(upstream.requests[0] ?? { fields: [] }, "host")]).toEqual([
      "/abs?q",
      "site.test",
    ]);
  });

  test.each(["OPTIONS *", "GET *", "GET site.test:443"])("row 14: %s is a 400", async (line) => {
    const { proxy, upstream } = await setUp();
    expect((await request(proxy.port, head(line))).status).toBe(400);
    expect(upstream.requests).toEqual([]);
  });

  test("row 20: a pipelined request closes the connection without an answer (oven-sh/bun#38128)", async () => {
    const { proxy } = await setUp();
    const client = await openClient(proxy.port);
    client.send(head("GET /1") + head("GET /2"));
    await client.closed();
    expect(client.receivedBytes()).toBe(0);
    await proxy.accessLog(1);
    expect(proxy.inFlight()).toBe(0);
  });

  test("an unknown method closes the connection without an answer (oven-sh/bun#6556)", async () => {
    const { proxy, upstream } = await setUp();
    const client = await openClient(proxy.port);
    client.send(head("FOO /"));
    await client.closed();
    expect([client.receivedBytes(), upstream.requests.length]).toEqual([0, 0]);
  });

  test("row 26: the path arrives normalised, the rest as sent (oven-sh/bun#37603)", async () => {
    const { proxy, upstream } = await setUp();
    const sent: [string, string][] = [
      ["/a/../b", "/b"],
      ["/a/%2E%2e/b", "/b"],
      ["/a%2Fb//c;v=1?a??b&c=%zz", "/a%2Fb//c;v=1?a??b&c=%zz"],
      ["/%7Euser/%41", "/%7Euser/%41"],
    ];
    for (const [path] of sent) await request(proxy.port, head(`GET ${path}`));
    expect(upstream.requests.map((one) => one.target)).toEqual(sent.map(([, target]) => target));
  });

  test("row 37: a request with trailers reaches the endpoint without them, but is answered with 400", async () => {
    const { proxy, upstream } = await setUp();
    const client = await openClient(proxy.port);
    client.send(`${head("POST /", "Transfer-Encoding: chunked")}2\r\nab\r\n0\r\nX-Sum: 1\r\n\r\n`);
    expect((await client.read()).status).toBe(400);
    await client.closed();
    await proxy.accessLog(1);
    for (const one of upstream.requests) expect(one.head + one.body.toString()).not.toContain("X-Sum");
  });

  test("row 3: a field whose value is the name of the length does not hide it", async () => {
    const { proxy, upstream } = await setUp();
    const lines = ["A: content-length", "B: transfer-encoding", "Content-Length: 2"];
    expect((await request(proxy.port, `${head("POST /", ...lines)}ab`)).status).toBe(200);
    expect([upstream.requests[0]?.framing, upstream.requests[0]?.body.toString()]).toEqual(["length", "ab"]);
  });

  test("row 7: a chunk extension of any length is skipped and not forwarded", async () => {
    const { proxy, upstream } = await setUp();
    const bytes = `${head("POST /", "Transfer-Encoding: chunked")}2;x=${"y".repeat(100)}\r\nab\r\n0\r\n\r\n`;
    expect((await request(proxy.port, bytes)).status).toBe(200);
    expect(upstream.connections[0]?.received()).not.toContain("yyy");
  });
});

describe("what the second front shows and Bun.serve does not", () => {
  const front = FRONTS[1]?.[1];

  test("row 26: the target is forwarded byte for byte; one that leaves the root is a 400", async () => {
    const upstream = await startRawUpstream({ serve: OK });
    const proxy = await startProxy({
      routes: [proxyRoute([upstream.port])],
      ...(front === undefined ? {} : { front }),
    });
    for (const path of ["/a/../b", "/a/%2e%2E/b?x", "/a//b/./c"])
      await request(proxy.port, head(`GET ${path}`));
    expect(upstream.requests.map((one) => one.target)).toEqual(["/a/../b", "/a/%2e%2E/b?x", "/a//b/./c"]);
    for (const path of ["/..", "/a/../../b", "/%2e%2e/x", "/a\\b", "http://site.test/x", "*"]) {
      expect([path, (await request(proxy.port, head(`GET ${path}`))).status]).toEqual([path, 400]);
    }
    expect(upstream.requests.length).toBe(3);
  });

  test("row 20: pipelined requests are answered in order", async () => {
    const upstream = await startRawUpstream({
      serve: (connection, one) =>
        connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${one.target.length}\r\n\r\n${one.target}`),
    });
    const proxy = await startProxy({
      routes: [proxyRoute([upstream.port])],
      ...(front === undefined ? {} : { front }),
    });
    const client = await openClient(proxy.port);
    client.send(head("GET /1") + head("GET /2") + head("GET /3"));
    for (const path of ["/1", "/2", "/3"]) expect((await client.read()).body.toString()).toBe(path);
  });
});
