import { afterEach, describe, expect, test } from "bun:test";
import { VIA_LOOP_LIMIT } from "../../../src/http/forwarded.ts";
import type { HeaderRules } from "../../../src/snapshot/types.ts";
import { cleanUp } from "../../support/cleanup.ts";
import { FRONTS } from "../../support/fronts.ts";
import { fieldOf, fieldsOf } from "../../support/http-message.ts";
import { type ProxyOptions, type ProxyRouteOptions, proxyRoute, startProxy } from "../../support/proxy.ts";
import { head, openClient, request } from "../../support/raw-client.ts";
import { OK, startEchoUpstream, startRawUpstream, type UpstreamRequest } from "../../support/upstream.ts";

afterEach(cleanUp);

const NO_RULES: HeaderRules = { remove: [], set: [], add: [] };

describe.each(FRONTS)("behind %s", (name, front) => {
  const isBun = name === "Bun.serve";

  /** What the endpoint gets of one request with these lines. */
  async function forwarded(
    lines: readonly string[],
    route: ProxyRouteOptions = {},
    options: Partial<ProxyOptions> = {},
  ): Promise<UpstreamRequest & { readonly proxyPort: number }> {
    const upstream = await startRawUpstream({ serve: OK });
    const proxy = await startProxy({ routes: [proxyRoute([upstream.port], route)], front, ...options });
    const response = await request(proxy.port, head("GET /path?q=1", ...lines));
    const [got] = upstream.requests;
    if (got === undefined) throw new Error(`Not forwarded: ${response.startLine}`);
    return { ...got, proxyPort: proxy.port };
  }

  test("row 21: fields of the client's connection are not forwarded", async () => {
    const got = await forwarded([
      "Connection: keep-alive, X-Mine",
      "X-Mine: 1",
      "Keep-Alive: timeout=5",
      "Proxy-Connection: keep-alive",
      "Proxy-Authorization: Basic eDp5",
      "TE: trailers, gzip",
      "Trailer: X-Sum",
      "Upgrade: h2c",
      "HTTP2-Settings: AAMAAABkAAQAAP__",
      "X-Kept: 1",
    ]);
    const names = got.fields.map(([field]) => field.toLowerCase()).sort();
    expect(names).toEqual([
      "host",
      "via",
      "x-forwarded-for",
      "x-forwarded-host",
      "x-forwarded-port",
      "x-forwarded-proto",
      "x-kept",
    ]);
  });

  test("row 21: a client cannot nominate away what the proxy or the request needs", async () => {
    const victims = [
      "Host",
      "Authorization",
      "Cookie",
      "X-Forwarded-For",
      "X-Forwarded-Proto",
      "Via",
      "Content-Type",
    ];
    const got = await forwarded([
      `Connection: close, ${victims.join(", ")}`,
      "Authorization: Basic eDp5",
      "Cookie: a=1",
      "Content-Type: a/b",
    ]);
    for (const victim of victims)
      expect([victim, fieldOf(got, victim.toLowerCase())]).not.toEqual([victim, undefined]);
  });

  test("row 23: Via is appended to what was received", async () => {
    expect(fieldOf(await forwarded([]), "via")).toBe("1.1 ophid");
    expect(fieldsOf(await forwarded(["Via: 1.0 fred"]), "via").join(", ")).toBe("1.0 fred, 1.1 ophid");
  });

  test("row 23: a loop ends with a 508", async () => {
    const upstream = await startRawUpstream({ serve: OK });
    const proxy = await startProxy({ routes: [proxyRoute([upstream.port])], front });
    const via = (times: number) => `Via: ${new Array(times).fill("1.1 ophid").join(", ")}`;
    expect((await request(proxy.port, head("GET /", via(VIA_LOOP_LIMIT)))).status).toBe(200);
    expect((await request(proxy.port, head("GET /", via(VIA_LOOP_LIMIT + 1)))).status).toBe(508);
    expect((await proxy.accessLog(2))[1]?.cause).toBe("loop_detected");
  });

  test("row 23: a proxy that points at itself answers 508 and stays alive", async () => {
    const first = await startProxy({ routes: [], front });
    await first.reload([proxyRoute([first.port])]).catch(() => undefined);
    expect((await request(first.port, head("GET /"))).status).toBe(508);
  });

  test("row 49: an untrusted client's claims about itself are replaced", async () => {
    const got = await forwarded([
      "X-Forwarded-For: 6.6.6.6",
      "X-Forwarded-Proto: https",
      "X-Forwarded-Host: evil.test",
      "X-Forwarded-Port: 1",
      "X-Forwarded-Prefix: /evil",
      "X-Real-IP: 6.6.6.6",
      "Forwarded: for=6.6.6.6",
      "True-Client-IP: 6.6.6.6",
      "CF-Connecting-IP: 6.6.6.6",
      "X-Original-URL: /admin",
    ]);
    expect(got.head).not.toContain("6.6.6.6");
    expect(got.head).not.toMatch(/evil|admin|true-client|cf-conn|x-real/i);
    expect(fieldsOf(got, "x-forwarded-for")).toEqual(["127.0.0.1"]);
    expect(fieldsOf(got, "x-forwarded-proto")).toEqual(["http"]);
    expect(fieldsOf(got, "x-forwarded-host")).toEqual(["site.test"]);
    expect(fieldsOf(got, "x-forwarded-port")).toEqual([String(got.proxyPort)]);
  });

  test("row 51: look-alikes with _ or . are dropped from everybody", async () => {
    const lines = ["X_Forwarded_For: 6.6.6.6", "X.Real.IP: 6.6.6.6", "Remote_User: admin", "My_Field: kept"];
    for (const trustedProxies of [[], ["127.0.0.0/8"]]) {
      const got = await forwarded(lines, {}, { trustedProxies });
      expect(got.head).not.toMatch(/6\.6\.6\.6|admin/);
      expect(fieldOf(got, "my_field")).toBe("kept");
    }
  });

  test("row 49: a trusted proxy is believed up to the first address that is not", async () => {
    const trustedProxies = ["127.0.0.0/8", "10.0.0.0/8"];
    const upstream = await startRawUpstream({ serve: OK });
    const proxy = await startProxy({ routes: [proxyRoute([upstream.port])], front, trustedProxies });
    await request(
      proxy.port,
      head(
        "GET /",
        "X-Forwarded-For: 6.6.6.6, 203.0.113.9, 10.0.0.2",
        "X-Forwarded-Proto: https",
        "X-Forwarded-Host: public.test",
        "X-Real-IP: 203.0.113.9",
      ),
    );
    const [got] = upstream.requests;
    expect(fieldOf(got ?? { fields: [] }, "x-forwarded-for")).toBe("203.0.113.9, 10.0.0.2, 127.0.0.1");
    expect(fieldOf(got ?? { fields: [] }, "x-forwarded-proto")).toBe("https");
    expect(fieldOf(got ?? { fields: [] }, "x-forwarded-host")).toBe("public.test");
    expect(fieldOf(got ?? { fields: [] }, "x-forwarded-port")).toBe("443");
    expect(fieldOf(got ?? { fields: [] }, "x-real-ip")).toBe("203.0.113.9");
    expect((await proxy.accessLog(1))[0]?.client).toBe("203.0.113.9");
  });

  test("row 25: unknown fields pass with their values, in order", async () => {
    const got = await forwarded(["X-B: 1", "X-A: 2", "Accept: a, b", "X-Empty:"]);
    const own = got.fields.filter(([field]) => /^(x-[ab]|accept|x-empty)$/i.test(field));
    expect(own.map(([field, value]) => [field.toLowerCase(), value]).sort()).toEqual([
      ["accept", "a, b"],
      ["x-a", "2"],
      ["x-b", "1"],
      ["x-empty", ""],
    ]);
    // Bun.serve does not show in which order fields came.
    if (!isBun) expect(own.map(([field]) => field)).toEqual(["x-b", "x-a", "accept", "x-empty"]);
  });

  test("row 25: repeated fields keep all their values", async () => {
    const got = await forwarded(["X-Twice: 1", "X-Twice: 2", "Cookie: a=1", "Cookie: b=2"]);
    expect(fieldsOf(got, "x-twice").join(", ")).toBe("1, 2");
    if (isBun) expect(fieldsOf(got, "cookie")).toEqual(["a=1; b=2"]);
  });

  test("row 18: bytes above 127 in a field pass unchanged, and none becomes a line break", async () => {
    const got = await forwarded(["X-Latin: caf\xe9 \xc4\x8a \xe5\x98\x8a\xe5\x98\x8dX-Evil: 1"]);
    expect(fieldOf(got, "x-latin")).toBe("caf\xe9 \xc4\x8a \xe5\x98\x8a\xe5\x98\x8dX-Evil: 1");
    expect(fieldOf(got, "x-evil")).toBeUndefined();
  });

  describe("host_header", () => {
    test("preserve passes the client's", async () => {
      expect(fieldsOf(await forwarded([]), "host")).toEqual(["site.test"]);
    });

    test("endpoint sends the endpoint's own, anything else is sent as it is", async () => {
      const own = await forwarded([], { hostHeader: "endpoint" });
      expect(fieldOf(own, "host")).toMatch(/^127\.0\.0\.1:\d+$/);
      expect(fieldOf(own, "x-forwarded-host")).toBe("site.test");
      expect(fieldsOf(await forwarded([], { hostHeader: "inner.test" }), "host")).toEqual(["inner.test"]);
    });
  });

  test("strip_prefix and add_prefix change the path only", async () => {
    const upstream = await startRawUpstream({ serve: OK });
    const route = { match: { path: "/api/*" }, stripPrefix: "/api", addPrefix: "/v2" };
    const proxy = await startProxy({ routes: [proxyRoute([upstream.port], route)], front });
    for (const path of ["/api/x%2Fy?a=/api", "/api", "/api/", "/api//evil.test/x"]) {
      await request(proxy.port, head(`GET ${path}`));
    }
    expect(upstream.requests.map((one) => one.target)).toEqual([
      "/v2/x%2Fy?a=/api",
      "/v2",
      "/v2/",
      "/v2/evil.test/x",
    ]);
  });

  test("header rules: remove, set and add, on the way there and back", async () => {
    const upstream = await startRawUpstream({
      serve: "HTTP/1.1 200 OK\r\nServer: secret\r\nX-Old: 1\r\nVary: a\r\nContent-Length: 0\r\n\r\n",
    });
    const rules = {
      kind: "headers" as const,
      request: { remove: ["cookie"], set: ["x-team", "w\u00e9b"], add: ["x-more", "2"] },
      response: {
        remove: ["server"],
        set: ["X-Old", "n\u00e9w", "X-Frame-Options", "DENY"],
        add: ["Vary", "b"],
      },
    };
    const proxy = await startProxy({ routes: [proxyRoute([upstream.port], { middleware: [rules] })], front });
    const response = await request(proxy.port, head("GET /", "Cookie: a=1", "X-Team: client", "X-More: 1"));
    const [got] = upstream.requests;
    expect(fieldOf(got ?? { fields: [] }, "cookie")).toBeUndefined();
    // The configuration is UTF-8 and leaves as UTF-8.
    expect(fieldsOf(got ?? { fields: [] }, "x-team")).toEqual(["w\xc3\xa9b"]);
    expect(fieldsOf(got ?? { fields: [] }, "x-more")).toEqual(["1", "2"]);
    expect(fieldOf(response, "server")).toBeUndefined();
    expect([fieldOf(response, "x-old"), fieldOf(response, "x-frame-options")]).toEqual([
      "n\xc3\xa9w",
      "DENY",
    ]);
    expect(fieldsOf(response, "vary").join(", ")).toBe("a, b");
  });

  test("rules of nested middleware apply in order", async () => {
    const outer = {
      kind: "headers" as const,
      request: NO_RULES,
      response: { ...NO_RULES, set: ["X-A", "outer"] },
    };
    const inner = {
      kind: "headers" as const,
      request: NO_RULES,
      response: { ...NO_RULES, set: ["X-A", "inner"] },
    };
    const upstream = await startRawUpstream({ serve: OK });
    const proxy = await startProxy({
      routes: [proxyRoute([upstream.port], { middleware: [outer, inner] })],
      front,
    });
    expect(fieldsOf(await request(proxy.port, head("GET /")), "x-a")).toEqual(["outer"]);
  });

  test("row 42: conditional and range requests pass unevaluated", async () => {
    const lines = ['If-None-Match: "x"', "Range: bytes=0-1", "If-Range: y", "If-Modified-Since: z"];
    const got = await forwarded(lines);
    for (const line of lines) {
      const [field = "", value] = line.split(": ");
      expect(fieldOf(got, field.toLowerCase())).toBe(value);
    }
  });

  test("row 33: Upgrade without Connection: upgrade, or to something else, is a normal request", async () => {
    const got = await forwarded(["Upgrade: websocket"]);
    expect([fieldOf(got, "upgrade"), fieldOf(got, "connection")]).toEqual([undefined, undefined]);
    const other = await forwarded(["Upgrade: h2c", "Connection: Upgrade"]);
    expect([fieldOf(other, "upgrade"), fieldOf(other, "connection")]).toEqual([undefined, undefined]);
  });

  describe("row 33: a bad WebSocket handshake", () => {
    const key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
    const upgrade = ["Upgrade: websocket", "Connection: Upgrade"];

    test.each<[string, number, string[]]>([
      ["of another version is a 426 with the right one", 426, [key, "Sec-WebSocket-Version: 8"]],
      ["without a version too", 426, [key]],
      ["without a key is a 400", 400, ["Sec-WebSocket-Version: 13"]],
      ["with a short key is a 400", 400, ["Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: abc"]],
      ["with a body is a 400", 400, [key, "Sec-WebSocket-Version: 13", "Content-Length: 2"]],
    ])("%s", async (_, status, lines) => {
      const upstream = await startRawUpstream({ serve: OK });
      const proxy = await startProxy({ routes: [proxyRoute([upstream.port])], front });
      const client = await openClient(proxy.port);
      client.send(head("GET /", ...upgrade, ...lines));
      const response = await client.read();
      expect(response.status).toBe(status);
      if (status === 426) {
        expect([fieldOf(response, "sec-websocket-version"), fieldOf(response, "upgrade")]).toEqual([
          "13",
          "websocket",
        ]);
      }
      expect(upstream.requests).toEqual([]);
      await proxy.accessLog(1);
    });
  });

  test("the body and fields of a real server come back as they were", async () => {
    const upstream = startEchoUpstream();
    const proxy = await startProxy({ routes: [proxyRoute([upstream.port])], front });
    const response = await request(proxy.port, `${head("POST /a?b=c", "Content-Length: 5", "X-A: 1")}hello`);
    expect(JSON.parse(response.body.toString())).toMatchObject({
      method: "POST",
      target: "/a?b=c",
      body: "hello",
      headers: { "x-a": "1", host: "site.test", "x-forwarded-for": "127.0.0.1" },
    });
    const large = await request(proxy.port, head("GET /bytes/300000"));
    expect(large.body.length).toBe(300_000);
  });
});
