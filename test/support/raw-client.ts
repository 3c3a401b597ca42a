/** A client that writes exact bytes and reads complete responses, also broken ones. */

import { connect, type Socket } from "node:net";
import { once } from "node:events";
import { onCleanUp } from "./cleanup.ts";
import { type Message, readMessage, type Unread } from "./http-message.ts";
import { until } from "./until.ts";

export interface Answered extends Message {
  readonly status: number;
  /** Informational responses before it. */
  readonly informational: readonly string[];
}

export interface RawClient {
  readonly socket: Socket;
  send(bytes: string | Uint8Array): void;
  /** The next response; `complete` is false if the connection ended inside its body. */
  read(method?: string, timeoutMs?: number): Promise<Answered>;
  /** Bytes not yet read as a response, as latin1. */
  unread(): string;
  receivedBytes(): number;
  isClosed(): boolean;
  /** Resolves when the proxy has closed the connection. */
  closed(timeoutMs?: number): Promise<void>;
  /** FIN. */
  end(): void;
  reset(): void;
}

const READ_TIMEOUT_MS = 4000;

/** To a port on the loopback, or a unix socket. */
export async function openClient(to: number | string): Promise<RawClient> {
  const socket = typeof to === "number" ? connect(to, "127.0.0.1") : connect(to);
  const unread: Unread = { bytes: Buffer.alloc(0), ended: false };
  let receivedBytes = 0;
  const chunks: Buffer[] = [];
  socket.setNoDelay(true);
  socket.on("data", (chunk: Buffer) => {
    receivedBytes += chunk.length;
    chunks.push(chunk);
  });
  socket.on("error", () => {
    unread.ended = true;
  });
  socket.on("end", () => {
    unread.ended = true;
  });
  socket.on("close", () => {
    unread.ended = true;
  });
  onCleanUp(() => socket.destroy());
  await once(socket, "connect");
  const gather = () => {
    if (chunks.length > 0) unread.bytes = Buffer.concat([unread.bytes, ...chunks.splice(0)]);
    return unread;
  };
  return {
    socket,
    send: (bytes) => void socket.write(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes),
    read: (method = "GET", timeoutMs = READ_TIMEOUT_MS) => readResponse(gather, method, timeoutMs),
    unread: () => gather().bytes.toString("latin1"),
    receivedBytes: () => receivedBytes,
    isClosed: () => unread.ended,
    closed: async (timeoutMs = READ_TIMEOUT_MS) => {
      await until("the proxy closes the connection", () => unread.ended, timeoutMs);
    },
    end: () => void socket.end(),
    reset: () => void socket.resetAndDestroy(),
  };
}

async function readResponse(gather: () => Unread, method: string, timeoutMs: number): Promise<Answered> {
  const informational: string[] = [];
  for (;;) {
    const message = await until(
      "a response is complete",
      () => {
        const unread = gather();
        return readMessage(unread, method) ?? (unread.ended ? "closed" : undefined);
      },
      timeoutMs,
    );
    if (message === "closed") {
      throw new Error(`Closed after ${JSON.stringify(gather().bytes.toString("latin1", 0, 200))}`);
    }
    const status = Number(message.startLine.split(" ")[1]);
    if (status >= 200 || status === 101) return { ...message, status, informational };
    informational.push(message.startLine);
  }
}

/** One request on a connection of its own. */
export async function request(
  to: number | string,
  bytes: string | Uint8Array,
  method = "GET",
): Promise<Answered> {
  const client = await openClient(to);
  client.send(bytes);
  const response = await client.read(method);
  client.socket.destroy();
  return response;
}

/** A request head with Host and the given lines. */
export function head(startLine: string, ...lines: string[]): string {
  return `${[`${startLine} HTTP/1.1`, "Host: site.test", ...lines].join("\r\n")}\r\n\r\n`;
}
