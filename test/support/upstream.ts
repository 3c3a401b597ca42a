/** Upstreams for tests: one that answers with exact bytes, however broken, and one that echoes through Bun.serve. */

import { createServer, type Server, type Socket } from "node:net";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { createServer as createTlsServer, type TlsOptions } from "node:tls";
import { onCleanUp } from "./cleanup.ts";
import { type Message, readMessage, type Unread } from "./http-message.ts";

/** One connection of the proxy, as the upstream sees it. */
export interface UpstreamConnection {
  readonly number: number;
  readonly socket: Socket;
  readonly send: (bytes: string | Uint8Array) => void;
  /** Sends in pieces of `size`, each in a segment of its own. */
  readonly dribble: (bytes: string, size: number) => Promise<void>;
  /** FIN; the other direction stays open. */
  readonly end: () => void;
  readonly reset: () => void;
  /** The proxy has closed or reset its side. */
  readonly isGone: () => boolean;
  /** Bytes received so far, heads included. */
  readonly receivedBytes: () => number;
  /** All bytes received so far as latin1, for exact comparisons; only the first megabyte is kept. */
  readonly received: () => string;
}

export interface UpstreamRequest extends Message {
  readonly method: string;
  readonly target: string;
}

export type Serve = (connection: UpstreamConnection, request: UpstreamRequest, number: number) => unknown;

export interface RawUpstream {
  readonly port: number;
  readonly connections: readonly UpstreamConnection[];
  /** Complete requests, in order of their ends. */
  readonly requests: readonly UpstreamRequest[];
}

export interface RawUpstreamOptions {
  /** Called for every complete request; a text is sent as it is. */
  readonly serve?: Serve | string;
  /** Called when a connection opens; then nothing is parsed. */
  readonly onConnection?: (connection: UpstreamConnection) => unknown;
  /** Called once the head of the first request on a connection has come, before its body. */
  readonly onHead?: (connection: UpstreamConnection) => unknown;
  readonly tls?: TlsOptions;
  /** Path of a unix socket instead of a port. */
  readonly unix?: string;
}

const KEPT_BYTES = 1 << 20;

export const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

export async function startRawUpstream(options: RawUpstreamOptions): Promise<RawUpstream> {
  const connections: UpstreamConnection[] = [];
  const requests: UpstreamRequest[] = [];
  const accept = (socket: Socket) => {
    const connection = watchConnection(socket, connections.length + 1);
    connections.push(connection);
    if (options.onConnection !== undefined) options.onConnection(connection);
    else parseRequests(connection, options, requests);
  };
  const server: Server =
    options.tls === undefined
      ? createServer({ allowHalfOpen: true }, accept)
      : createTlsServer({ ...options.tls }, accept);
  server.on("tlsClientError", () => {});
  if (options.unix === undefined) server.listen(0, "127.0.0.1");
  else server.listen(options.unix);
  await once(server, "listening");
  onCleanUp(() => {
    for (const { socket } of connections) socket.destroy();
    server.close();
  });
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return { port, connections, requests };
}

function watchConnection(socket: Socket, number: number): UpstreamConnection {
  let gone = false;
  let receivedBytes = 0;
  let kept = "";
  socket.setNoDelay(true);
  socket.on("error", () => {
    gone = true;
  });
  socket.on("close", () => {
    gone = true;
  });
  socket.on("end", () => {
    gone = true;
  });
  socket.on("data", (chunk: Buffer) => {
    receivedBytes += chunk.length;
    if (kept.length < KEPT_BYTES) kept += chunk.toString("latin1");
  });
  const send = (bytes: string | Uint8Array) => {
    if (!socket.destroyed) socket.write(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes);
  };
  return {
    number,
    socket,
    send,
    async dribble(bytes, size) {
      for (let at = 0; at < bytes.length; at += size) {
        send(bytes.slice(at, at + size));
        await delay(1);
      }
    },
    end: () => void socket.end(),
    reset: () => void socket.resetAndDestroy(),
    isGone: () => gone,
    receivedBytes: () => receivedBytes,
    received: () => kept,
  };
}

function parseRequests(
  connection: UpstreamConnection,
  { serve, onHead }: RawUpstreamOptions,
  requests: UpstreamRequest[],
): void {
  const unread: Unread = { bytes: Buffer.alloc(0), ended: false };
  let count = 0;
  let headSeen = false;
  connection.socket.on("data", (chunk: Buffer) => {
    unread.bytes = unread.bytes.length === 0 ? chunk : Buffer.concat([unread.bytes, chunk]);
    if (!headSeen && unread.bytes.includes("\r\n\r\n")) {
      headSeen = true;
      onHead?.(connection);
    }
    for (;;) {
      const message = readMessage(unread, "request");
      if (message === undefined) return;
      const [method = "", target = ""] = message.startLine.split(" ");
      const request = { ...message, method, target };
      requests.push(request);
      count += 1;
      if (typeof serve === "string") connection.send(serve);
      else void serve?.(connection, request, count);
    }
  });
}

export interface EchoUpstream {
  readonly port: number;
  readonly requestCount: () => number;
}

/** Answers with what it got: method, target, fields and body as JSON. `/bytes/N` answers with N bytes. */
export function startEchoUpstream(): EchoUpstream {
  let count = 0;
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    development: false,
    async fetch(request) {
      count += 1;
      const { pathname, search } = new URL(request.url);
      const bytes = /^\/bytes\/(\d+)$/.exec(pathname)?.[1];
      if (bytes !== undefined) return new Response(patternOf(Number(bytes)));
      const body = await request.text();
      return Response.json({
        method: request.method,
        target: pathname + search,
        headers: request.headers.toJSON(),
        body,
      });
    },
  });
  onCleanUp(() => server.stop(true));
  return { port: server.port ?? 0, requestCount: () => count };
}

/** Bytes in which a lost or moved piece shows. */
export function patternOf(size: number): Buffer {
  const bytes = Buffer.allocUnsafe(size);
  for (let i = 0; i < size; i++) bytes[i] = (i * 31 + (i >> 8) * 17 + (i >> 16)) & 0xff;
  return bytes;
}
