/** Each work-around in src/runtime stands as long as its test here passes; one that fails says what can go. */

import { afterEach, describe, expect, test } from "bun:test";
import { silentOpening } from "../../../src/runtime/early-head.ts";
import { toUpgradeFields } from "../../../src/runtime/subprotocol.ts";
import { toLargeBody } from "../../../src/runtime/large-body.ts";
import { toUntypedBody } from "../../../src/runtime/untyped-body.ts";

type TestServer = ReturnType<typeof Bun.serve>;

const servers: TestServer[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop(true);
});

function serve(answer: (request: Request, server: TestServer) => Response | undefined): TestServer {
  const server: TestServer = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    development: false,
    idleTimeout: 8,
    fetch: (request, own) => answer(request, own as TestServer),
    websocket: { message() {} },
  });
  servers.push(server);
  return server;
}

/** Sends `request` and gives what has come after `until` matches, after a FIN, or after `deadlineMs`. */
async function exchange(port: number, request: string, until: RegExp, deadlineMs: number): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let received = "";
  const socket = await Bun.connect({
    hostname: "127.0.0.1",
    port,
    socket: {
      data(_socket, bytes) {
        received += bytes.toString("latin1");
        if (until.test(received)) resolve();
      },
      close: () => resolve(),
    },
  });
  const timer = setTimeout(resolve, deadlineMs);
  socket.write(request);
  await promise;
  clearTimeout(timer);
  socket.terminate();
  return received;
}

const GET = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";
const HEAD_END = /\r\n\r\n/;

describe("oven-sh/bun#21193: bytes without a type are given one (untyped-body.ts)", () => {
  test("as bytes they have one", async () => {
    const { port } = serve(() => new Response(new Uint8Array([1, 2, 3])));
    expect(await exchange(port ?? 0, GET, HEAD_END, 5000)).toMatch(
      /content-type: application\/octet-stream/i,
    );
  });

  test("through the work-around they have none and keep their length", async () => {
    const { port } = serve(() => new Response(toUntypedBody(new Uint8Array([1, 2, 3]))));
    const head = await exchange(port ?? 0, GET, HEAD_END, 5000);
    expect(head).not.toMatch(/content-type/i);
    expect(head).toMatch(/content-length: 3/i);
  });
});

describe("oven-sh/bun#33660: the head of a silent stream is kept back (early-head.ts)", () => {
  const silent = (first: Uint8Array | undefined) =>
    new Response(
      new ReadableStream<Uint8Array>({
        start(controller) {
          if (first !== undefined) controller.enqueue(first);
        },
      }),
      { headers: { "content-type": "text/event-stream" } },
    );

  test("left alone it does not end", async () => {
    const { port } = serve(() => silent(undefined));
    expect(await exchange(port ?? 0, GET, HEAD_END, 700)).not.toMatch(HEAD_END);
  });

  test("with the opening it does", async () => {
    const { port } = serve(() => silent(silentOpening(["Content-Type", "text/event-stream"])));
    expect(await exchange(port ?? 0, GET, HEAD_END, 5000)).toMatch(HEAD_END);
  });

  test("nothing is sent into other or encoded bodies", () => {
    expect(silentOpening(["Content-Type", "text/plain"])).toBeUndefined();
    const encoded = ["Content-Type", "text/event-stream", "Content-Encoding", "gzip"];
    expect(silentOpening(encoded)).toBeUndefined();
  });
});

describe("oven-sh/bun#18243: the first subprotocol is accepted unasked (subprotocol.ts)", () => {
  const handshake =
    "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: one, two\r\n\r\n";

  const answerTo = async (fields: [string, string][] | undefined) => {
    const { port } = serve((request, server) => {
      server.upgrade(request, { data: undefined, ...(fields === undefined ? {} : { headers: fields }) });
      return undefined;
    });
    return await exchange(port ?? 0, handshake, HEAD_END, 5000);
  };

  test("left alone it is", async () => {
    expect(await answerTo(undefined)).toMatch(/sec-websocket-protocol: one/i);
  });

  test("with the work-around none is, and a chosen one stays", async () => {
    expect(await answerTo(toUpgradeFields([]))).not.toMatch(/sec-websocket-protocol/i);
    expect(await answerTo(toUpgradeFields(["Sec-WebSocket-Protocol", "two"]))).toMatch(
      /sec-websocket-protocol: two/i,
    );
  });
});

describe("the idle timer of Bun.serve (idle-timer.ts)", () => {
  test("counts a backend that thinks as idle", async () => {
    const server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      development: false,
      idleTimeout: 1,
      fetch: () => new Promise<Response>(() => {}),
    });
    servers.push(server);
    const startedAt = performance.now();
    expect(await exchange(server.port ?? 0, GET, HEAD_END, 10_000)).toBe("");
    expect(performance.now() - startedAt).toBeLessThan(9000);
  }, 15_000);
});

describe("large bodies that were not ready at once (large-body.ts)", () => {
  test("oven-sh/bun#10507: arrive whole, without a length", async () => {
    const bytes = new Uint8Array(100_000).fill(120);
    const server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      development: false,
      async fetch() {
        await Bun.sleep(1);
        return new Response(toLargeBody(bytes), { headers: { "content-length": String(bytes.length) } });
      },
    });
    servers.push(server);
    const text = await exchange(server.port ?? 0, GET, /\r\n0\r\n\r\n$/, 5000);
    expect(text).toMatch(/transfer-encoding: chunked/i);
    expect(text.split("x").length - 1).toBe(bytes.length);
  });
});
