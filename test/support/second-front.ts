/**
 * A second, minimal HTTP/1.1 front on Bun.listen. Nothing behind the pipeline knows which front it serves;
 * unlike Bun.serve this one shows targets and bodies as they were sent.
 */

import type { Socket } from "bun";
import { clientError, ProxyFailure } from "../../src/exchange/error.ts";
import type { Answer, Exchange, RequestBody } from "../../src/exchange/exchange.ts";
import { createTrace } from "../../src/exchange/trace.ts";
import { getHeader } from "../../src/http/headers.ts";
import { hasNoBody, reasonPhrase } from "../../src/http/status.ts";
import type { Pipeline } from "../../src/listener/pipeline.ts";
import type { Listener, ListenerOptions } from "../../src/listener/serve.ts";
import { type BodyReader, createBodyReader } from "./second-front-body.ts";

const HEAD_MAX_BYTES = 16 * 1024;

interface Front {
  readonly pipeline: Pipeline;
  readonly localPort: number;
  readonly connections: Set<Link>;
  inFlight: number;
  stopping: boolean;
}

interface Link {
  readonly front: Front;
  readonly socket: Socket<Link>;
  unread: Buffer;
  body: BodyReader | undefined;
  busy: boolean;
  closed: boolean;
  onGone: (() => void) | undefined;
  /** What the kernel has not taken yet. */
  queue: Buffer;
  onDrain: (() => void) | undefined;
}

interface Head {
  readonly method: string;
  readonly target: string;
  readonly minor: number;
  /** Names in lower case; lines of one name joined, as a front must. */
  readonly headers: string[];
}

export function startSecondFront({ spec, pipeline }: ListenerOptions): Listener {
  if (spec.kind !== "tcp") throw new Error("The second front listens on tcp only");
  const front: Front = {
    pipeline,
    localPort: spec.port,
    connections: new Set(),
    inFlight: 0,
    stopping: false,
  };
  const server = Bun.listen<Link>({
    hostname: spec.hostname,
    port: spec.port,
    socket: {
      open(socket) {
        socket.data = openLink(front, socket);
      },
      data: (socket, chunk) => onData(socket.data, chunk),
      drain: (socket) => flush(socket.data),
      end: (socket) => void socket.terminate(),
      close: (socket) => onClosed(socket.data),
      error: (socket) => onClosed(socket.data),
    },
  });
  const { promise: stopped, resolve } = Promise.withResolvers<void>();
  return {
    spec,
    address: `${spec.hostname}:${server.port}`,
    inFlight: () => front.inFlight,
    connections: () => front.connections.size,
    stop() {
      front.stopping = true;
      server.stop();
      for (const link of front.connections) if (!link.busy) link.socket.end();
      resolve();
      return stopped;
    },
    kill() {
      server.stop(true);
      for (const link of front.connections) link.socket.terminate();
    },
  };
}

function openLink(front: Front, socket: Socket<Link>): Link {
  const link: Link = {
    front,
    socket,
    unread: Buffer.alloc(0),
    body: undefined,
    busy: false,
    closed: false,
    onGone: undefined,
    queue: Buffer.alloc(0),
    onDrain: undefined,
  };
  front.connections.add(link);
  return link;
}

function onData(link: Link, chunk: Buffer): void {
  link.unread = Buffer.concat([link.unread, chunk]);
  feedBody(link);
  if (!link.busy) nextRequest(link);
}

function feedBody(link: Link): void {
  if (link.body === undefined) return;
  link.unread = link.body.feed(link.unread);
  if (link.body.queuedBytes() > HEAD_MAX_BYTES) link.socket.pause();
}

function onClosed(link: Link): void {
  if (link.closed) return;
  link.closed = true;
  link.front.connections.delete(link);
  link.body?.fail();
  link.onDrain?.();
  link.onGone?.();
}

function nextRequest(link: Link): void {
  const end = link.unread.indexOf("\r\n\r\n");
  if (end < 0) {
    if (link.unread.length > HEAD_MAX_BYTES) refuse(link, 431);
    return;
  }
  const head = parseHead(link.unread.toString("latin1", 0, end));
  const framing = head === undefined ? undefined : framingOf(head);
  if (head === undefined || framing === undefined) {
    refuse(link, 400);
    return;
  }
  link.unread = link.unread.subarray(end + 4);
  link.busy = true;
  link.body = framing === "none" ? undefined : createBodyReader(framing, () => void link.socket.resume());
  feedBody(link);
  void serve(link, head, framing === "none" ? undefined : framing);
}

function refuse(link: Link, status: number): void {
  write(link, `HTTP/1.1 ${status} ${reasonPhrase(status)}\r\nConnection: close\r\n\r\n`);
  link.socket.end();
}

function parseHead(text: string): Head | undefined {
  const [requestLine = "", ...lines] = text.split("\r\n");
  const match = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([!-~]+) HTTP\/1\.([01])$/.exec(requestLine);
  if (match === null) return undefined;
  const joined = new Map<string, string>();
  for (const line of lines) {
    const field = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*?)[ \t]*$/.exec(line);
    if (field === null) return undefined;
    const [, name = "", value = ""] = field;
    const before = joined.get(name.toLowerCase());
    joined.set(name.toLowerCase(), before === undefined ? value : `${before}, ${value}`);
  }
  if (match[3] === "1" && !joined.has("host")) return undefined;
  return {
    method: match[1] ?? "",
    target: match[2] ?? "",
    minor: Number(match[3]),
    headers: [...joined].flat(),
  };
}

function framingOf({ headers }: Head): number | "chunked" | "none" | undefined {
  const length = getHeader(headers, "content-length");
  const coding = getHeader(headers, "transfer-encoding");
  if (coding !== undefined) return coding === "chunked" && length === undefined ? "chunked" : undefined;
  if (length === undefined || length === "0") return "none";
  return /^\d{1,15}$/.test(length) ? Number(length) : undefined;
}

async function serve(link: Link, head: Head, framing: number | "chunked" | undefined): Promise<void> {
  const { front } = link;
  const trace = createTrace(Date.now(), performance.now());
  const body: RequestBody | undefined =
    link.body === undefined
      ? undefined
      : { ...link.body.source(trace), length: typeof framing === "number" ? framing : undefined };
  front.inFlight += 1;
  const started = front.pipeline.start({
    method: head.method,
    target: head.target,
    scheme: "http",
    headers: head.headers,
    peer: link.socket.remoteAddress,
    localPort: front.localPort,
    body,
    onClientGone(listener) {
      if (link.closed) listener();
      else link.onGone = listener;
    },
    trace,
  });
  const answer = await Promise.resolve(started.answer).catch((thrown: unknown) =>
    front.pipeline.rescue(started.exchange, thrown),
  );
  link.onGone = undefined;
  const persistent = await send(link, head, started.exchange, answer);
  front.inFlight -= 1;
  front.pipeline.finish(started.exchange);
  link.busy = false;
  const hasRest = link.body !== undefined && !link.body.isComplete();
  link.body = undefined;
  if (!persistent || hasRest || front.stopping) link.socket.end();
  else if (!link.closed) nextRequest(link);
}

/** True if the connection can take another request. */
async function send(link: Link, head: Head, exchange: Exchange, answer: Answer): Promise<boolean> {
  const { trace } = exchange;
  if (trace.status === 0) trace.status = answer.status;
  const { body } = answer;
  const close = head.minor === 0 || /\bclose\b/i.test(getHeader(head.headers, "connection") ?? "");
  const lines = [`HTTP/1.1 ${answer.status} ${reasonPhrase(answer.status)}`];
  for (let i = 0; i < answer.headers.length; i += 2)
    lines.push(`${answer.headers[i]}: ${answer.headers[i + 1]}`);
  if (close) lines.push("Connection: close");
  const bodyless = hasNoBody(head.method, answer.status);
  switch (body.kind) {
    case "none":
      if (!bodyless) lines.push("Content-Length: 0");
      await write(link, toHeadText(lines));
      return !close;
    case "bytes": {
      const bytes = Buffer.from(body.bytes);
      await write(link, toHeadText([...lines, `Content-Length: ${bytes.length}`]));
      if (bodyless) return !close;
      trace.bytesOut += bytes.length;
      await write(link, bytes);
      return !close;
    }
    case "stream":
      if (head.minor === 1) lines.push("Transfer-Encoding: chunked");
      await write(link, toHeadText(lines));
      return (await sendStream(link, head.minor === 1, exchange, body)) && !close;
    case "websocket":
      body.tunnel.abandon();
      await write(link, toHeadText(["HTTP/1.1 501 Not Implemented", "Content-Length: 0"]));
      return false;
  }
}

async function sendStream(
  link: Link,
  chunked: boolean,
  { trace }: Exchange,
  body: Extract<Answer["body"], { kind: "stream" }>,
): Promise<boolean> {
  link.onGone = () => body.rest.cancel();
  body.rest.onSettled?.((failed) => {
    // A client that does not read would keep what is left of the answer for ever.
    if (failed && link.onDrain !== undefined) link.socket.terminate();
  });
  try {
    for (
      let piece = body.first ?? (await body.rest.read());
      piece !== undefined;
      piece = await body.rest.read()
    ) {
      if (link.closed) break;
      trace.bytesOut += piece.length;
      await write(
        link,
        chunked ? Buffer.from(`${piece.length.toString(16)}\r\n`, "latin1") : Buffer.alloc(0),
      );
      await write(link, piece);
      if (chunked) await write(link, "\r\n");
    }
    if (link.closed) throw new ProxyFailure(clientError("client_gone", "The client closed the connection"));
    if (chunked) await write(link, "0\r\n\r\n");
    return chunked;
  } catch (thrown) {
    body.rest.cancel();
    if (trace.cause === "") trace.cause = thrown instanceof ProxyFailure ? thrown.error.kind : "internal";
    link.socket.terminate();
    return false;
  }
}

function toHeadText(lines: readonly string[]): string {
  return `${lines.join("\r\n")}\r\n\r\n`;
}

/** Resolves when the kernel has taken everything, or the client is gone. */
async function write(link: Link, bytes: string | Uint8Array): Promise<void> {
  if (link.closed) return;
  link.queue = Buffer.concat([link.queue, typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes]);
  flush(link);
  if (link.queue.length > 0 && !link.closed) {
    await new Promise<void>((resolve) => {
      link.onDrain = resolve;
    });
  }
}

function flush(link: Link): void {
  if (link.queue.length > 0) link.queue = link.queue.subarray(Math.max(0, link.socket.write(link.queue)));
  if (link.queue.length > 0) return;
  link.onDrain?.();
  link.onDrain = undefined;
}
