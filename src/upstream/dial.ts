/** Opens connections to endpoints: TCP, TLS and unix sockets, within a deadline. */

import type { Socket, SocketHandler } from "bun";
import { type ProxyError, upstreamError } from "../exchange/error.ts";
import { err, ok, type Result } from "../lib/result.ts";
import type { EndpointSpec, EndpointTls } from "../snapshot/types.ts";
import { type Connection, createConnection, destroyConnection, flushPending } from "./connection.ts";

/**
 * Dials per endpoint that were given up but that the kernel still tries: Bun.connect cannot be cancelled, so
 * a black-holed endpoint would collect descriptors. Those somebody waits for are bounded by MAX_CONNECTIONS.
 */
export const MAX_ABANDONED_DIALS = 256;
/** Dials allowed all the same, so that an endpoint that is back is noticed before the kernel gives up the old ones. */
export const PROBING_DIALS = 16;

export interface DialCount {
  /** Somebody waits for these. */
  waiting: number;
  abandoned: number;
}

/** Dials under way by endpoint key. */
export type PendingDials = Map<string, DialCount>;

type Dialled = Result<Connection, ProxyError>;

export function dial(
  endpoint: EndpointSpec,
  timeoutMs: number,
  pendingDials: PendingDials,
): Promise<Dialled> {
  const count = pendingDials.get(endpoint.key) ?? { waiting: 0, abandoned: 0 };
  if (count.abandoned >= MAX_ABANDONED_DIALS && count.waiting >= PROBING_DIALS) {
    const detail = `${endpoint.name} did not accept ${count.abandoned} connections in time`;
    return Promise.resolve(err(upstreamError("connect_limit", detail, "safe")));
  }
  pendingDials.set(endpoint.key, count);
  count.waiting += 1;
  return new Promise<Dialled>((resolve) => {
    const connection = createConnection(endpoint.key, endpoint.name);
    let settled = false;
    let abandoned = false;
    const settle = (result: Dialled) => {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      uncount(pendingDials, endpoint.key, "waiting");
      if (!result.ok) destroyConnection(connection);
      resolve(result);
    };
    const timer = setTimeout(() => {
      abandoned = connection.socket === undefined;
      if (abandoned) count.abandoned += 1;
      const detail = `${endpoint.name} did not accept within ${timeoutMs} ms`;
      settle(err(upstreamError("connect_timeout", detail, "safe")));
    }, timeoutMs);
    const tls = endpoint.tls;
    if (tls !== undefined) {
      connection.onSecure = (problem) => {
        // `insecure` means that a failed verification does not count; Bun reports it all the same.
        if (problem === undefined || (tls.insecure && !connection.closed)) settle(ok(connection));
        else settle(err(upstreamError("tls_failed", `${endpoint.name}: ${problem}`, "safe")));
      };
    }
    open(endpoint, connection).then(
      (socket) => {
        if (abandoned) uncount(pendingDials, endpoint.key, "abandoned");
        if (settled) socket.terminate();
        else if (endpoint.tls === undefined) settle(ok(connection));
      },
      (error: unknown) => {
        if (abandoned) uncount(pendingDials, endpoint.key, "abandoned");
        settle(err(classifyDialError(endpoint.name, error)));
      },
    );
  });
}

/** The entry stays as long as a dial is counted in it. */
function uncount(pendingDials: PendingDials, key: string, what: keyof DialCount): void {
  const count = pendingDials.get(key);
  if (count === undefined) return;
  count[what] -= 1;
  if (count.waiting + count.abandoned === 0) pendingDials.delete(key);
}

/** Async, because Bun.connect throws at once for keys and certificates that it cannot use. */
async function open(endpoint: EndpointSpec, connection: Connection): Promise<Socket<Connection>> {
  const address = endpoint.address;
  if (address.kind === "unix") {
    return Bun.connect<Connection>({ unix: address.path, data: connection, socket: HANDLERS });
  }
  return Bun.connect<Connection>({
    hostname: address.hostname,
    port: address.port,
    data: connection,
    socket: HANDLERS,
    ...(endpoint.tls === undefined ? {} : { tls: toTlsOptions(endpoint.tls) }),
  });
}

function toTlsOptions(tls: EndpointTls) {
  return {
    serverName: tls.serverName,
    rejectUnauthorized: !tls.insecure,
    ...(tls.ca === undefined ? {} : { ca: tls.ca }),
    ...(tls.cert === undefined ? {} : { cert: tls.cert }),
    ...(tls.key === undefined ? {} : { key: tls.key }),
  };
}

/** One table for every upstream socket; the connection in `socket.data` knows who the event is for. */
const HANDLERS: SocketHandler<Connection> = {
  open(socket) {
    socket.data.socket = socket;
    if (socket.data.closed) socket.terminate();
  },
  handshake(socket, _success, problem) {
    const connection = socket.data;
    connection.onSecure?.(problem === null ? undefined : problem.message);
    connection.onSecure = undefined;
  },
  data(socket, chunk) {
    const connection = socket.data;
    // An idle connection that becomes readable is closing or out of step: never used again.
    if (connection.user === undefined) destroyConnection(connection);
    else connection.user.events.data(connection, chunk);
  },
  drain(socket) {
    const connection = socket.data;
    if (flushPending(connection)) connection.user?.events.drain(connection);
  },
  end(socket) {
    onClosed(socket.data, true, "closed by the endpoint");
  },
  close(socket, error) {
    onClosed(socket.data, error === undefined || error === null, "connection reset");
  },
  error(socket, error) {
    onClosed(socket.data, false, error.message);
  },
};

function onClosed(connection: Connection, clean: boolean, detail: string): void {
  connection.onSecure?.(`${detail} during the handshake`);
  connection.onSecure = undefined;
  if (connection.closed) return;
  const user = connection.user;
  destroyConnection(connection);
  user?.events.closed(connection, clean, detail, user);
}

function classifyDialError(name: string, error: unknown): ProxyError {
  const code = typeof error === "object" && error !== null && "code" in error ? String(error.code) : "";
  const message = error instanceof Error ? error.message : String(error);
  if (code === "ECONNREFUSED")
    return upstreamError("connect_refused", `${name} refused the connection`, "safe");
  if (/ENOTFOUND|EAI_|DNS|getaddrinfo/i.test(`${code} ${message}`)) {
    return upstreamError("dns_failed", `${name} does not resolve: ${code || message}`, "safe");
  }
  if (/^ERR_(?:OSSL|BORINGSSL)/.test(code)) {
    return upstreamError("tls_failed", `${name}: cannot use the key or certificates: ${message}`, "safe");
  }
  return upstreamError("connect_failed", `${name}: ${code || message}`, "safe");
}
