/**
 * Steady load of requests that know their answers, on connections that are accounted for: what fails is told
 * with the connection it failed on.
 */

import type { Socket } from "bun";

export interface LoadOptions {
  readonly port: number;
  /** Connections that are kept and used for one request after another. */
  readonly keepAlive: number;
  /** Clients that open a connection for each request. */
  readonly fresh: number;
  readonly thinkMs: number;
  readonly method?: (count: number) => string;
  /** Path with query; the answer's body must be the id. */
  readonly target: (id: string) => string;
  readonly timeoutMs?: number;
}

/** Times are of `performance.now()`. */
export interface ConnectionFacts {
  readonly clientPort: number;
  /** The kernel finished the handshake at some time between these two. */
  readonly startedAt: number;
  readonly openedAt: number;
  readonly requests: number;
}

export interface Failure {
  readonly id: string;
  readonly method: string;
  readonly kind: "connect" | "closed" | "timeout" | "status" | "body";
  readonly detail: string;
  readonly sentAt: number;
  readonly failedAt: number;
  readonly connection: ConnectionFacts | undefined;
  /** Answered, however wrong. */
  readonly status: number;
}

export interface Answered {
  readonly status: number;
  readonly at: number;
  readonly connection: ConnectionFacts;
}

export interface Load {
  /** By id. */
  readonly answered: Map<string, Answered>;
  readonly failures: Failure[];
  readonly sent: () => number;
  readonly connections: () => number;
  /** Longest time from sending to a good answer. */
  readonly slowestMs: () => number;
  /** No new requests; resolves when the last one has ended. */
  readonly stop: () => Promise<void>;
}

interface State {
  readonly options: LoadOptions;
  readonly answered: Map<string, Answered>;
  readonly failures: Failure[];
  sent: number;
  connections: number;
  slowestMs: number;
  stopping: boolean;
}

const TIMEOUT_MS = 10_000;
/** After a refused connection; otherwise a client would fill the log of failures in an instant. */
const REFUSED_PAUSE_MS = 10;

export function startLoad(options: LoadOptions): Load {
  const state: State = {
    options,
    answered: new Map(),
    failures: [],
    sent: 0,
    connections: 0,
    slowestMs: 0,
    stopping: false,
  };
  const clients = [
    ...Array.from({ length: options.keepAlive }, () => runClient(state, true)),
    ...Array.from({ length: options.fresh }, () => runClient(state, false)),
  ];
  return {
    answered: state.answered,
    failures: state.failures,
    sent: () => state.sent,
    connections: () => state.connections,
    slowestMs: () => state.slowestMs,
    async stop() {
      state.stopping = true;
      await Promise.all(clients);
    },
  };
}

interface Connection {
  readonly socket: Socket<undefined>;
  readonly facts: Omit<ConnectionFacts, "requests"> & { requests: number };
  received: string;
  closed: string;
  wake: () => void;
}

async function runClient(state: State, isKept: boolean): Promise<void> {
  let connection: Connection | undefined;
  while (!state.stopping) {
    if (connection === undefined || connection.closed !== "") connection = await connect(state);
    if (connection === undefined) {
      await Bun.sleep(REFUSED_PAUSE_MS);
      continue;
    }
    await exchange(state, connection, isKept);
    if (!isKept) connection.socket.end();
    if (!isKept) connection = undefined;
    if (state.options.thinkMs > 0) await Bun.sleep(state.options.thinkMs);
  }
  connection?.socket.end();
}

async function connect(state: State): Promise<Connection | undefined> {
  const startedAt = performance.now();
  let connection: Connection | undefined;
  const end = (reason: string) => {
    if (connection === undefined || connection.closed !== "") return;
    connection.closed = reason;
    connection.wake();
  };
  try {
    const socket = await Bun.connect({
      hostname: "127.0.0.1",
      port: state.options.port,
      socket: {
        data(_, bytes) {
          if (connection === undefined) return;
          connection.received += bytes.toString("latin1");
          connection.wake();
        },
        end: () => end("end"),
        close: (_, error) => end(error === undefined ? "close" : String(error)),
        error: (_, error) => end(error.message),
      },
    });
    const facts = { clientPort: socket.localPort, startedAt, openedAt: performance.now(), requests: 0 };
    connection = { socket, facts, received: "", closed: "", wake: () => undefined };
    state.connections += 1;
    return connection;
  } catch (error) {
    state.failures.push({
      id: "",
      method: "",
      kind: "connect",
      detail: error instanceof Error && "code" in error ? String(error.code) : String(error),
      sentAt: startedAt,
      failedAt: performance.now(),
      connection: undefined,
      status: 0,
    });
    return undefined;
  }
}

async function exchange(state: State, connection: Connection, isKept: boolean): Promise<void> {
  const { options } = state;
  state.sent += 1;
  const id = `r${state.sent}`;
  const method = options.method?.(state.sent) ?? "GET";
  const sentAt = performance.now();
  connection.received = "";
  connection.facts.requests += 1;
  const lines = [`${method} ${options.target(id)} HTTP/1.1`, "Host: site.test"];
  if (method === "POST") lines.push("Content-Length: 0");
  if (!isKept) lines.push("Connection: close");
  connection.socket.write(`${lines.join("\r\n")}\r\n\r\n`);
  const outcome = await answerOf(connection, sentAt + (options.timeoutMs ?? TIMEOUT_MS));
  const failed = (kind: Failure["kind"], detail: string, status: number) => {
    const { facts } = connection;
    const failedAt = performance.now();
    state.failures.push({ id, method, kind, detail, sentAt, failedAt, connection: { ...facts }, status });
    connection.closed ||= "given up";
    connection.socket.end();
  };
  if (typeof outcome === "string") return failed(outcome === "timeout" ? "timeout" : "closed", outcome, 0);
  const at = performance.now();
  state.answered.set(id, { status: outcome.status, at, connection: { ...connection.facts } });
  state.slowestMs = Math.max(state.slowestMs, at - sentAt);
  if (outcome.status !== 200) failed("status", outcome.body, outcome.status);
  else if (outcome.body !== id) failed("body", outcome.body, outcome.status);
  else if (outcome.closes) {
    connection.closed ||= "asked to";
    connection.socket.end();
  }
}

interface Outcome {
  readonly status: number;
  readonly body: string;
  readonly closes: boolean;
}

/** The reason why there is none, as a text. */
async function answerOf(connection: Connection, deadline: number): Promise<Outcome | string> {
  for (;;) {
    const outcome = parse(connection.received);
    if (outcome !== undefined) return outcome;
    if (connection.closed !== "") return connection.closed;
    const leftMs = deadline - performance.now();
    if (leftMs <= 0) return "timeout";
    const { promise, resolve } = Promise.withResolvers<void>();
    connection.wake = resolve;
    const timer = setTimeout(resolve, leftMs);
    await promise;
    clearTimeout(timer);
  }
}

/** Answers under load are small and have a length; anything else is a failure of the body. */
function parse(received: string): Outcome | undefined {
  const headEnd = received.indexOf("\r\n\r\n");
  if (headEnd < 0) return undefined;
  const head = received.slice(0, headEnd);
  const status = Number(head.slice(9, 12));
  const length = /^content-length: *(\d+)$/im.exec(head)?.[1];
  if (length === undefined) return { status, body: `no length: ${head}`, closes: true };
  const body = received.slice(headEnd + 4);
  if (body.length < Number(length)) return undefined;
  return { status, body, closes: /^connection: *close$/im.test(head) };
}
