/** WebSocket peers without a library, to send what no library would. */

import { createHash } from "node:crypto";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { until } from "./until.ts";

export interface RawUpstream {
  readonly server: Server;
  readonly port: number;
  readonly received: () => Buffer;
  readonly closed: () => boolean;
}

/** Answers 101 with `bytes` right behind it, then only listens. */
export async function startRawUpstream(bytes: Uint8Array): Promise<RawUpstream> {
  const received: Buffer[] = [];
  let isClosed = false;
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    let head = "";
    socket.on("error", () => {});
    socket.on("close", () => {
      isClosed = true;
    });
    socket.on("data", (chunk: Buffer) => {
      if (head.includes("\r\n\r\n")) return void received.push(chunk);
      head += chunk.toString("latin1");
      if (!head.includes("\r\n\r\n")) return;
      const key = /^sec-websocket-key: *(\S+)/im.exec(head)?.[1] ?? "";
      const accept = createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
      const lines = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"];
      socket.write(`${lines.join("\r\n")}\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`);
      socket.write(bytes);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return { server, port, received: () => Buffer.concat(received), closed: () => isClosed };
}

/** A client without a WebSocket library, past its handshake. */
export async function openRawClient(
  port: number,
  target: string,
): Promise<{ readonly socket: Socket; readonly received: () => Buffer }> {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => {});
  const chunks: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  await once(socket, "connect");
  const fields = "Host: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13";
  socket.write(`GET ${target} HTTP/1.1\r\n${fields}\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`);
  const headEnd = await until("the 101 is there", () => {
    const end = Buffer.concat(chunks).indexOf("\r\n\r\n");
    return end === -1 ? undefined : end + 4;
  });
  return { socket, received: () => Buffer.concat(chunks).subarray(headEnd) };
}
