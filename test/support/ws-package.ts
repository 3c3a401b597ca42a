/** The npm package `ws` itself as a peer: imported by path, since the runtime replaces it by a version of its own. */

import { type EventEmitter, once } from "node:events";
import { join } from "node:path";

export interface WsSocket extends EventEmitter {
  readonly readyState: number;
  readonly bufferedAmount: number;
  readonly protocol: string;
  readonly isPaused: boolean;
  send(data: string | Uint8Array, options?: { binary?: boolean; fin?: boolean }): void;
  ping(data?: string): void;
  close(code?: number, reason?: string): void;
  terminate(): void;
  pause(): void;
  resume(): void;
}

interface WsServer extends EventEmitter {
  address(): { port: number };
  close(): void;
  readonly clients: Set<WsSocket>;
}

interface WsModule {
  readonly default: new (url: string, protocols: string[], options: object) => WsSocket;
  readonly WebSocketServer: new (options: object) => WsServer;
}

export interface WsUpstream {
  readonly port: number;
  /** Sockets of the clients so far, in order. */
  readonly sockets: WsSocket[];
  stop(): void;
}

const modulePath: string = join(import.meta.dir, "../../node_modules/ws/wrapper.mjs");
const wsModule = (await import(modulePath)) as WsModule;

/** A server that calls `serve` for each client. */
export async function startWsUpstream(
  serve: (socket: WsSocket, target: string) => void,
  options: object = {},
): Promise<WsUpstream> {
  const server = new wsModule.WebSocketServer({
    port: 0,
    host: "127.0.0.1",
    perMessageDeflate: false,
    ...options,
  });
  const sockets: WsSocket[] = [];
  server.on("connection", (socket: WsSocket, request: { url: string }) => {
    sockets.push(socket);
    socket.on("error", () => {});
    serve(socket, request.url);
  });
  await once(server, "listening");
  return {
    port: server.address().port,
    sockets,
    stop() {
      for (const socket of server.clients) socket.terminate();
      server.close();
    },
  };
}

export interface WsClient {
  readonly socket: WsSocket;
  /** Text as strings, binary as Buffers. */
  readonly messages: (string | Buffer)[];
  /** Code and reason, once closed. */
  closed(): readonly [code: number, reason: string] | undefined;
}

export async function openWsClient(url: string, protocols: string[] = []): Promise<WsClient> {
  const socket = new wsModule.default(url, protocols, { perMessageDeflate: false });
  const messages: (string | Buffer)[] = [];
  let end: readonly [number, string] | undefined;
  socket.on("message", (data: Buffer, isBinary: boolean) => {
    messages.push(isBinary ? data : data.toString());
  });
  socket.on("close", (code: number, reason: Buffer) => {
    end = [code, reason.toString()];
  });
  await once(socket, "open");
  socket.on("error", () => {});
  return { socket, messages, closed: () => end };
}

const FLOOD_MESSAGE_BYTES = 64 * 1024;
const FLOOD_MESSAGES = 512;

/** A message that knows its place. */
export function numberedMessage(index: number): Uint8Array {
  const message = new Uint8Array(FLOOD_MESSAGE_BYTES).fill(index & 0xff);
  new DataView(message.buffer).setUint32(0, index);
  return message;
}

export const flood = {
  messageBytes: FLOOD_MESSAGE_BYTES,
  indexes: Array.from({ length: FLOOD_MESSAGES }, (_, i) => i),
} as const;

/** Behaves as the first segment of the path says: close/CODE/REASON, kill, greet, stuck, flood, echo or idle. */
export function startScriptedUpstream(): Promise<WsUpstream> {
  return startWsUpstream((socket, target) => {
    const [, verb, code, reason] = target.split("/");
    if (verb === "close") socket.close(code === undefined ? undefined : Number(code), reason);
    else if (verb === "kill") socket.on("message", () => socket.terminate());
    else if (verb === "greet") socket.send("hello");
    else if (verb === "stuck") socket.pause();
    else if (verb === "flood") {
      for (const index of flood.indexes) socket.send(numberedMessage(index));
      socket.close(1000, "flooded");
    } else if (verb === "echo") {
      socket.on("message", (data: Buffer, isBinary: boolean) => socket.send(data, { binary: isBinary }));
    }
  });
}
