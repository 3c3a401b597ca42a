/** A raw upgraded connection over Bun.connect: asks for a WebSocket and becomes the upstream half of a tunnel. */

import { randomBytes } from "node:crypto";
import type { Socket } from "bun";
import type { UpgradedConnection, UpgradedHandlers } from "../../src/upstream/upgraded.ts";

export interface Upgraded {
  readonly connection: UpgradedConnection;
  readonly leftover: Uint8Array;
  /** Chosen by the upstream. */
  readonly protocol: string | undefined;
  /** The most bytes that were ever queued. */
  readonly peakBytes: () => number;
}

export interface UpgradeRequest {
  readonly port: number;
  readonly target: string;
  readonly protocols: string | null;
}

interface Link {
  readonly queue: Uint8Array[];
  queuedBytes: number;
  peakBytes: number;
  handlers: UpgradedHandlers | undefined;
  head: Buffer | undefined;
  ending: boolean;
  closed: boolean;
  onHead: (end: number) => void;
  onFailed: (error: Error) => void;
}

/** Rejects if the upstream does not answer 101. */
export function dialUpgraded(request: UpgradeRequest): Promise<Upgraded> {
  const { promise, resolve, reject } = Promise.withResolvers<Upgraded>();
  const link: Link = {
    queue: [],
    queuedBytes: 0,
    peakBytes: 0,
    handlers: undefined,
    head: Buffer.alloc(0),
    ending: false,
    closed: false,
    onHead: () => {},
    onFailed: reject,
  };
  const opened = Bun.connect({
    hostname: "127.0.0.1",
    port: request.port,
    socket: {
      open(socket) {
        link.onHead = (end) => {
          const head = link.head ?? Buffer.alloc(0);
          link.head = undefined;
          const text = head.subarray(0, end).toString("latin1");
          if (!text.startsWith("HTTP/1.1 101")) return reject(new Error(text));
          const protocol = /^sec-websocket-protocol: *(.*?) *$/im.exec(text)?.[1];
          const connection = toConnection(socket, link);
          resolve({
            connection,
            leftover: head.subarray(end),
            protocol,
            peakBytes: () => link.peakBytes,
          });
        };
        socket.write(requestHead(request));
      },
      data(_socket, chunk) {
        if (link.head === undefined) return link.handlers?.onData(chunk);
        link.head = Buffer.concat([link.head, chunk]);
        const end = link.head.indexOf("\r\n\r\n");
        if (end !== -1) link.onHead(end + 4);
      },
      drain: (socket) => drain(socket, link),
      close(_socket, error) {
        link.closed = true;
        link.onFailed(new Error("closed before the 101"));
        link.handlers?.onClose(error ?? undefined);
      },
      error: () => {},
    },
  });
  opened.catch(reject);
  return promise;
}

function requestHead(request: UpgradeRequest): string {
  const lines = [
    `GET ${request.target} HTTP/1.1`,
    "Host: upstream.test",
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Version: 13",
    `Sec-WebSocket-Key: ${randomBytes(16).toString("base64")}`,
  ];
  if (request.protocols !== null) lines.push(`Sec-WebSocket-Protocol: ${request.protocols}`);
  return `${lines.join("\r\n")}\r\n\r\n`;
}

function toConnection(socket: Socket, link: Link): UpgradedConnection {
  return {
    write(bytes) {
      if (link.closed) return true;
      const written = link.queue.length > 0 ? 0 : Math.max(0, socket.write(bytes));
      if (written === bytes.length) return true;
      link.queue.push(bytes.slice(written));
      link.queuedBytes += bytes.length - written;
      link.peakBytes = Math.max(link.peakBytes, link.queuedBytes);
      return false;
    },
    bufferedBytes: () => link.queuedBytes,
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
    end() {
      link.ending = true;
      if (link.queue.length === 0) socket.end();
    },
    terminate: () => void socket.terminate(),
    setHandlers(handlers) {
      link.handlers = handlers;
    },
  };
}

function drain(socket: Socket, link: Link): void {
  for (let next = link.queue[0]; next !== undefined; next = link.queue[0]) {
    const written = Math.max(0, socket.write(next));
    link.queuedBytes -= written;
    if (written < next.length) {
      link.queue[0] = next.subarray(written);
      return;
    }
    link.queue.shift();
  }
  if (link.ending) socket.end();
  link.handlers?.onDrain();
}
