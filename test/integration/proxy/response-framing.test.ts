import { afterEach, describe, expect, test } from "bun:test";
import { MAX_RESPONSE_FIELDS, MAX_RESPONSE_HEAD_BYTES } from "../../../src/upstream/response-head.ts";
import { cleanUp } from "../../support/cleanup.ts";
import { FRONTS } from "../../support/fronts.ts";
import { fieldOf, fieldsOf } from "../../support/http-message.ts";
import { proxyRoute, startProxy } from "../../support/proxy.ts";
import { head, openClient, request } from "../../support/raw-client.ts";
import { OK, patternOf, startRawUpstream } from "../../support/upstream.ts";
import { until } from "../../support/until.ts";
import { startListener } from "../../../src/listener/serve.ts";

afterEach(cleanUp);

const CHUNKED = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

describe.each(FRONTS)("behind %s", (name, front) => {
  const isBun = name === "Bun.serve";

  async function exchange(answer: string, method = "GET") {
    const upstream = await startRawUpstream({ serve: answer });
    const proxy = await startProxy({ routes: [proxyRoute([upstream.port])], front });
    const client = await openClient(proxy.port);
    const ask = async () => {
      client.send(head(`${method} /`));
      return await client.read(method);
    };
    return { upstream, proxy, client, ask, response: await ask() };
  }

  describe("complete answers keep the connection to the endpoint", () => {
    test.each<[string, string, string]>([
      ["a Content-Length", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "hello"],
      ["a Content-Length of 0", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", ""],
      [
        "two equal Content-Length fields",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok",
        "ok",
      ],
      ["chunks", `${CHUNKED}3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n`, "hello"],
      ["no chunk but the last", `${CHUNKED}0\r\n\r\n`, ""],
      ["trailers, which are dropped", `${CHUNKED}2\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n`, "ok"],
      ["no reason phrase", "HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok", "ok"],
    ])("row 31: %s", async (_, answer, body) => {
      const { upstream, ask, response } = await exchange(answer);
      expect([response.status, response.body.toString(), response.complete]).toEqual([200, body, true]);
      expect((await ask()).body.toString()).toBe(body);
      expect(upstream.connections.length).toBe(1);
    });

    test.each<[string, string]>([
      ["one by one", `${CHUNKED}3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n`],
      ["with a length", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"],
    ])("row 6: bytes that come %s", async (_, answer) => {
      const upstream = await startRawUpstream({ serve: (connection) => connection.dribble(answer, 1) });
      const proxy = await startProxy({ routes: [proxyRoute([upstream.port])], front });
      const response = await request(proxy.port, head("GET /"));
      expect([response.body.toString(), response.complete]).toEqual(["hello", true]);
    });
  });

  describe("answers that end with the connection", () => {
    test.each(["HTTP/1.1 200 OK\r\n\r\nhello", "HTTP/1.0 200 OK\r\n\r\nhello"])(
      "row 29: %j ends with a FIN",
      async (answer) => {
        const upstream = await startRawUpstream({
          serve(connection) {
            connection.send(answer);
            connection.end();
          },
        });
        const proxy = await startProxy({ routes: [proxyRoute([upstream.port])], front });
        const response = await request(proxy.port, head("GET /"));
        expect([response.body.toString(), response.complete]).toEqual(["hello", true]);
        await until("the proxy closes too", () => upstream.connections[0]?.isGone());
      },
    );

    test("row 28: a reset instead of the FIN is not taken for the end", async () => {
      const upstream = await startRawUpstream({
        serve: async (connection) => {
          connection.send("HTTP/1.1 200 OK\r\n\r\nhello");
          await until("the client has the first bytes", () => client.receivedBytes() > 0);
          connection.reset();
        },
      });
      const proxy = await startProxy({ routes: [proxyRoute([upstream.port])], front });
      const client = await openClient(proxy.port);
      client.send(head("GET /"));
      const response = await client.read();
      expect(response.complete).toBe(false);
      const [line] = await proxy.accessLog(1);
      expect(line?.cause).toBe("upstream_truncated");
    });
  });

  describe("row 28: an answer that ends early is never a clean end", () => {
    test.each<[string, string, "end" | "reset"]>([
      ["short of its length, FIN", "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nhello", "end"],
      ["short of its length, RST", "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nhello", "reset"],
      ["inside a chunk", `${CHUNKED}ff\r\nhello`, "end"],
      ["between chunks", `${CHUNKED}5\r\nhello\r\n`, "end"],
      ["before the last CRLF", `${CHUNKED}5\r\nhello\r\n0\r\n`, "end"],
    ])("%s", async (_, answer, how) => {
      const upstream = await startRawUpstream({
        async serve(connection) {
          connection.send(answer);
          await until("the client has the first bytes", () => client.receivedBytes() > 0);
          connection[how]();
        },
      });
      const proxy = await startProxy({ routes: [proxyRoute([upstream.port])], front });
      const client = await openClient(proxy.port);
      client.send(head("GET /"));
      const response = await client.read();
      expect([response.status, response.body.toString(), response.complete]).toEqual([200, "hello", false]);
      const [line] = await proxy.accessLog(1);
      expect([line?.cause, line?.status, line?.bytes_out]).toEqual(["upstream_truncated", 200, 5]);
      expect(proxy.inFlight()).toBe(0);
    });

    test("a small one with a length is a 502, since nothing has been sent yet", async () => {
      const upstream = await startRawUpstream({
        serve(connection) {
          connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
          connection.end();
        },
      });
      const proxy = await startProxy({ routes: [proxyRoute([upstream.port])], front });
      const response = await request(proxy.port, head("GET /"));
      expect(response.status).toBe(502);
      expect(response.body.toString()).not.toContain(String(upstream.port));
      expect((await proxy.accessLog(1))[0]?.cause).toBe("upstream_truncated");
    });
  });

  describe("row 29: broken framing is a 502 and the connection is not used again", () => {
    test.each<[string, string]>([
      ["different lengths", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok"],
      ["a list of lengths", "HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nok"],
      ["a signed length", "HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nok"],
      ["a hexadecimal length", "HTTP/1.1 200 OK\r\nContent-Length: 0x2\r\n\r\nok"],
      ["an empty length", "HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\nok"],
      ["a length beyond 2^53", "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nok"],
      [
        "both framings",
        `${CHUNKED.replace("\r\n\r\n", "\r\nContent-Length: 2\r\n\r\n")}2\r\nok\r\n0\r\n\r\n`,
      ],
      ["another coding", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"],
      ["chunked twice", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"],
      ["chunked in HTTP/1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"],
      ["row 30: a folded line", "HTTP/1.1 200 OK\r\nX-A: 1\r\n 2\r\nContent-Length: 2\r\n\r\nok"],
      ["a space before the colon", "HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nok"],
      ["a bare LF", "HTTP/1.1 200 OK\nContent-Length: 2\r\n\r\nok"],
      ["a bare CR in a value", "HTTP/1.1 200 OK\r\nX-A: 1\r2\r\nContent-Length: 2\r\n\r\nok"],
      ["a NUL in a value", "HTTP/1.1 200 OK\r\nX-A: 1\x002\r\nContent-Length: 2\r\n\r\nok"],
      ["a line without a colon", "HTTP/1.1 200 OK\r\nnonsense\r\n\r\n"],
      ["an empty name", "HTTP/1.1 200 OK\r\n: 1\r\n\r\n"],
      ["no status", "HTTP/1.1 OK\r\n\r\n"],
      ["status 600", "HTTP/1.1 600 Odd\r\nContent-Length: 0\r\n\r\n"],
      ["status 99", "HTTP/1.1 099 Odd\r\nContent-Length: 0\r\n\r\n"],
      ["HTTP/2", "HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n"],
      ["another protocol", "SSH-2.0-OpenSSH_9.2\r\n\r\n"],
      ["an empty line first", "\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"],
      ["a 101 nobody asked for", "HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"],
      ["too many 1xx", `${"HTTP/1.1 102 Processing\r\n\r\n".repeat(20)}${OK}`],
      ["too many fields", `HTTP/1.1 200 OK\r\n${"A: b\r\n".repeat(MAX_RESPONSE_FIELDS + 1)}\r\n`],
      ["a head too large", `HTTP/1.1 200 OK\r\nA: ${"b".repeat(MAX_RESPONSE_HEAD_BYTES)}\r\n\r\n`],
      ["a head without end", `HTTP/1.1 200 OK\r\nA: ${"b".repeat(MAX_RESPONSE_HEAD_BYTES + 10)}`],
    ])("%s", async (_, answer) => {
      const { upstream, proxy, response } = await exchange(answer);
      expect([response.status, response.complete]).toEqual([502, true]);
      expect(response.body.toString()).toContain("sent an invalid answer");
      await until("the proxy closes", () => upstream.connections[0]?.isGone());
      const [line] = await proxy.accessLog(1);
      expect(line?.cause).toMatch(/^upstream_(protocol|head_too_large)$/);
      expect(proxy.inFlight()).toBe(0);
    });

    test.each<[string, string]>([
      ["a size that is none", "xyz\r\nhello\r\n0\r\n\r\n"],
      ["a size with 0x", "0x5\r\nhello\r\n0\r\n\r\n"],
      ["a size with a sign", "+5\r\nhello\r\n0\r\n\r\n"],
      ["a size with an underscore", "0_5\r\nhello\r\n0\r\n\r\n"],
      ["a size with a space", "5 \r\nhello\r\n0\r\n\r\n"],
      ["a size that is too large", "fffffffffffffff\r\nhello\r\n0\r\n\r\n"],
      ["no size", "\r\nhello\r\n0\r\n\r\n"],
      ["a bare LF after the size", "5\nhello\r\n0\r\n\r\n"],
      ["more data than the size", "5\r\nhello!\r\n0\r\n\r\n"],
      ["row 7: a control character in an extension", "5;a\x00b\r\nhello\r\n0\r\n\r\n"],
      ["row 7: an extension without end", `5;${"a".repeat(1000)}\r\nhello\r\n0\r\n\r\n`],
    ])("chunks with %s: aborted after a first good chunk", async (_, rest) => {
      const upstream = await startRawUpstream({
        async serve(connection) {
          connection.send(`${CHUNKED}2\r\nok\r\n`);
          await until("the client has the first chunk", () => client.receivedBytes() > 0);
          connection.send(rest);
        },
      });
      const proxy = await startProxy({ routes: [proxyRoute([upstream.port])], front });
      const client = await openClient(proxy.port);
      client.send(head("GET /"));
      const response = await client.read();
      expect(response.complete).toBe(false);
      await until("the proxy closes", () => upstream.connections[0]?.isGone());
      expect((await proxy.accessLog(1))[0]?.cause).toBe("upstream_protocol");
    });
  });

  describe("row 29: bytes after a complete answer", () => {
    test.each<[string, string]>([
      ["after a length", `${OK}HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison`],
      ["after the last chunk", `${CHUNKED}2\r\nok\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n\r\npoison`],
    ])("%s are never the next answer", async (_, answer) => {
      const { upstream, ask, response } = await exchange(answer);
      expect([response.body.toString(), response.complete]).toEqual(["ok", true]);
      expect((await ask()).body.toString()).toBe("ok");
      expect(upstream.connections.length).toBe(2);
    });

    test("row 38: a body after a 304 is never the next answer", async () => {
      const { upstream, ask, response } = await exchange("HTTP/1.1 304 Not Modified\r\n\r\npoison");
      expect([response.status, response.body.length]).toEqual([304, 0]);
      expect((await ask()).status).toBe(304);
      expect(upstream.connections.length).toBe(2);
    });
  });

  describe("row 38: answers without a body", () => {
    test("HEAD keeps the length of the GET", async () => {
      const { upstream, ask, response } = await exchange(
        "HTTP/1.1 200 OK\r\nContent-Length: 1234567\r\n\r\n",
        "HEAD",
      );
      expect([response.status, fieldsOf(response, "content-length")]).toEqual([200, ["1234567"]]);
      expect((await ask()).status).toBe(200);
      expect(upstream.connections.length).toBe(1);
    });

    test("HEAD of something empty says so", async () => {
      const { response } = await exchange("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "HEAD");
      expect(fieldsOf(response, "content-length")).toEqual(["0"]);
    });

    test("HEAD of something without a length does not claim one", async () => {
      const { response, ask } = await exchange(CHUNKED, "HEAD");
      expect(fieldOf(response, "content-length")).toBeUndefined();
      if (isBun) expect(fieldOf(response, "transfer-encoding")).toBe("chunked");
      expect((await ask()).status).toBe(200);
    });

    test("204 has neither length nor coding", async () => {
      const { response, ask } = await exchange("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n");
      expect(response.status).toBe(204);
      expect([fieldOf(response, "content-length"), fieldOf(response, "transfer-encoding")]).toEqual([
        undefined,
        undefined,
      ]);
      expect((await ask()).status).toBe(204);
    });

    test("304 keeps its validators and its length", async () => {
      const { response, ask } = await exchange(
        'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\nContent-Length: 5\r\n\r\n',
      );
      expect([response.status, fieldOf(response, "etag"), fieldOf(response, "content-length")]).toEqual([
        304,
        '"x"',
        "5",
      ]);
      expect((await ask()).status).toBe(304);
    });

    test.each<[string, string]>([
      ["without a body", "HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n"],
      [
        "with an empty chunked one",
        "HTTP/1.1 205 Reset Content\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      ],
      ["with one, which is dropped", "HTTP/1.1 205 Reset Content\r\nContent-Length: 5\r\n\r\nhello"],
    ])("205 %s", async (_, answer) => {
      const { proxy, response, ask } = await exchange(answer);
      expect([response.status, response.body.length]).toEqual([205, 0]);
      expect((await ask()).status).toBe(205);
      await proxy.accessLog(2);
    });

    test("205 that never ends has no body either", async () => {
      const upstream = await startRawUpstream({ serve: "HTTP/1.1 205 Reset Content\r\n\r\nhello" });
      const proxy = await startProxy({ routes: [proxyRoute([upstream.port])], front });
      const response = await request(proxy.port, head("GET /"));
      expect([response.status, response.body.length]).toEqual([205, 0]);
      await proxy.accessLog(1);
      await until("the proxy closes", () => upstream.connections[0]?.isGone());
      expect(proxy.inFlight()).toBe(0);
    });
  });

  test("row 36: informational answers are skipped, as the front cannot send them", async () => {
    const { response } = await exchange(
      `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${OK}`,
    );
    expect([response.status, response.body.toString(), response.informational]).toEqual([200, "ok", []]);
  });

  test("row 36: an informational answer cut in two and a pause before the final one", async () => {
    const upstream = await startRawUpstream({
      serve: (connection) => connection.dribble(`HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${OK}`, 7),
    });
    const proxy = await startProxy({ routes: [proxyRoute([upstream.port])], front });
    expect((await request(proxy.port, head("GET /"))).body.toString()).toBe("ok");
  });

  test.each([0, 1, 16 * 1024 - 1, 16 * 1024, 100_000, 3_000_000])(
    "a body of %i bytes arrives as it was, whole with its length below 16 KiB",
    async (size) => {
      const upstream = await startRawUpstream({
        serve(connection) {
          connection.send(`HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nContent-Length: ${size}\r\n\r\n`);
          connection.send(patternOf(size));
        },
      });
      const proxy = await startProxy({ routes: [proxyRoute([upstream.port])], front });
      const response = await request(proxy.port, head("GET /"));
      expect(Buffer.compare(response.body, patternOf(size))).toBe(0);
      // Bun.serve cannot do both, few writes and a length (oven-sh/bun#10507); the second front can, if all is there.
      if (size < 16 * 1024) expect(response.framing).toBe("length");
      else if (front === startListener) expect(response.framing).toBe("chunked");
      expect((await proxy.accessLog(1))[0]?.bytes_out).toBe(size);
    },
  );

  describe("response_buffer keeps the length", () => {
    test.each([10_000, 900_000, 5_000_000])("of %i bytes that come in chunks", async (size) => {
      const bytes = patternOf(size);
      const upstream = await startRawUpstream({
        serve(connection) {
          connection.send(CHUNKED.replace("\r\n\r\n", "\r\nContent-Type: a/b\r\n\r\n"));
          for (let at = 0; at < size; at += 50_000) {
            const piece = bytes.subarray(at, at + 50_000);
            connection.send(`${piece.length.toString(16)}\r\n`);
            connection.send(piece);
            connection.send("\r\n");
          }
          connection.send("0\r\n\r\n");
        },
      });
      const routes = [proxyRoute([upstream.port], { responseBuffer: 8 * 1024 * 1024 })];
      const proxy = await startProxy({ routes, front });
      const response = await request(proxy.port, head("GET /"));
      expect([response.framing, response.body.length]).toEqual(["length", size]);
      expect(Buffer.compare(response.body, bytes)).toBe(0);
    });

    test("of a body whose first part fills a whole read", async () => {
      const size = 3_000_000;
      const answer = `HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nContent-Length: ${size}\r\n\r\n`;
      const bytes = Buffer.concat([Buffer.from(answer), patternOf(size)]);
      const upstream = await startRawUpstream({ serve: (connection) => connection.send(bytes) });
      const routes = [proxyRoute([upstream.port], { responseBuffer: 8 * 1024 * 1024 })];
      const proxy = await startProxy({ routes, front });
      const response = await request(proxy.port, head("GET /"));
      expect([response.framing, response.body.length]).toEqual(["length", size]);
    });
  });

  test("what is larger than response_buffer is streamed", async () => {
    const size = 2_000_000;
    const upstream = await startRawUpstream({
      serve(connection) {
        connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        connection.send(`${size.toString(16)}\r\n`);
        connection.send(patternOf(size));
        connection.send("\r\n0\r\n\r\n");
      },
    });
    const proxy = await startProxy({
      routes: [proxyRoute([upstream.port], { responseBuffer: 1_000_000 })],
      front,
    });
    const response = await request(proxy.port, head("GET /"));
    expect([response.framing, Buffer.compare(response.body, patternOf(size))]).toEqual(["chunked", 0]);
  });

  test("row 25: Set-Cookie stays two lines, other fields keep their values and order", async () => {
    const { response } = await exchange(
      "HTTP/1.1 200 OK\r\nSet-Cookie: a=1, b\r\nX-One: 1\r\nSet-Cookie: c=2\r\nVary: A\r\nVary: B\r\nContent-Length: 0\r\n\r\n",
    );
    expect(fieldsOf(response, "set-cookie")).toEqual(["a=1, b", "c=2"]);
    // Bun.serve joins other repeated fields; their meaning is the same (RFC 9110 5.3).
    expect(fieldsOf(response, "vary").join(", ")).toBe("A, B");
    expect(fieldOf(response, "x-one")).toBe("1");
  });

  test("row 21: fields of the endpoint's connection do not reach the client", async () => {
    const { response } = await exchange(
      "HTTP/1.1 200 OK\r\nConnection: keep-alive, X-Secret\r\nX-Secret: 1\r\nKeep-Alive: timeout=9\r\nProxy-Authenticate: Basic\r\nUpgrade: h2c\r\nTrailer: X\r\nProxy-Connection: x\r\nContent-Length: 2\r\nX-Kept: 1\r\n\r\nok",
    );
    for (const name of [
      "x-secret",
      "keep-alive",
      "proxy-authenticate",
      "upgrade",
      "trailer",
      "proxy-connection",
    ]) {
      expect(fieldOf(response, name)).toBeUndefined();
    }
    expect(fieldOf(response, "x-kept")).toBe("1");
  });

  test("row 18: bytes above 127 in a field pass unchanged", async () => {
    const { response } = await exchange(
      "HTTP/1.1 200 OK\r\nX-Latin: caf\xe9 \xc4\x8a\r\nContent-Length: 0\r\n\r\n",
    );
    expect(fieldOf(response, "x-latin")).toBe("caf\xe9 \xc4\x8a");
  });

  test.each([1, 255, 256, 5000])("no Content-Type is invented for %i bytes without one", async (size) => {
    const answer = `HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n${"x".repeat(size)}`;
    const { response } = await exchange(answer);
    expect([fieldOf(response, "content-type"), response.body.length]).toEqual([undefined, size]);
    // From 256 bytes on Bun.serve has either a type of its own making or chunks.
    expect(response.framing).toBe(isBun && size > 255 ? "chunked" : "length");
  });

  test("row 39: Date is added where the endpoint sent none, and kept where it did", async () => {
    const date = "Tue, 03 Jun 2008 11:05:30 GMT";
    const kept = await exchange(`HTTP/1.1 200 OK\r\nDate: ${date}\r\nContent-Length: 0\r\n\r\n`);
    expect(fieldsOf(kept.response, "date")).toEqual([date]);
    const { response } = await exchange(OK);
    // The second front is minimal: only a front knows when its answer leaves.
    const imfFixdate = /^\w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT$/;
    if (isBun) expect(fieldOf(response, "date")).toMatch(imfFixdate);
    const asked = await exchange(OK, "HEAD");
    if (isBun) expect(fieldsOf(asked.response, "date")).toEqual([expect.stringMatching(imfFixdate)]);
    const dated = await exchange(`HTTP/1.1 200 OK\r\nDate: ${date}\r\nContent-Length: 0\r\n\r\n`, "HEAD");
    expect(fieldsOf(dated.response, "date")).toEqual([date]);
  });
});
