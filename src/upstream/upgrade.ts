/** A 101 from an endpoint: checked, then its connection becomes the upstream half of a tunnel. */

import { createHash } from "node:crypto";
import { type ProxyError, upstreamError } from "../exchange/error.ts";
import type { Answer, Exchange } from "../exchange/exchange.ts";
import { getHeader, type MutableHeaderList } from "../http/headers.ts";
import { type Call, detachCall } from "./call.ts";
import {
  type Connection,
  type ConnectionEvents,
  destroyConnection,
  pauseReading,
  resumeReading,
  writeBytes,
} from "./connection.ts";
import type { ResponseHead } from "./response-head.ts";
import { createTunnel, DEFAULT_TUNNEL_LIMITS, type TunnelEnd } from "./tunnel.ts";
import type { SetTimer, UpgradedConnection, UpgradedHandlers } from "./upgraded.ts";

/** RFC 6455 1.3. */
const WEBSOCKET_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/** A dead peer behind a tunnel without traffic is noticed by the kernel. */
const TCP_KEEPALIVE_MS = 60_000;

export interface UpgradeTools {
  readonly nextMaskKey: () => number;
  readonly setTimer: SetTimer;
}

/**
 * Switching before the endpoint agreed, or to something else than was asked, is how requests are
 * smuggled past a proxy: everything is checked before the connection changes hands.
 */
export function checkUpgrade(
  exchange: Exchange,
  head: ResponseHead,
  endpointName: string,
): ProxyError | undefined {
  if (head.upgrade?.toLowerCase() !== "websocket") {
    return upstreamError("upgrade_failed", `${endpointName}: 101 without Upgrade: websocket`);
  }
  const key = getHeader(exchange.headers, "sec-websocket-key") ?? "";
  const expected = createHash("sha1")
    .update(key + WEBSOCKET_GUID)
    .digest("base64");
  if (getHeader(head.headers, "sec-websocket-accept") !== expected) {
    return upstreamError("upgrade_failed", `${endpointName}: 101 with a wrong Sec-WebSocket-Accept`);
  }
  if (getHeader(head.headers, "sec-websocket-extensions") !== undefined) {
    return upstreamError("upgrade_failed", `${endpointName}: 101 with an extension nobody asked for`);
  }
  const protocol = getHeader(head.headers, "sec-websocket-protocol");
  const offered = (getHeader(exchange.headers, "sec-websocket-protocol") ?? "")
    .split(",")
    .map((name) => name.trim());
  if (protocol !== undefined && !offered.includes(protocol)) {
    return upstreamError("upgrade_failed", `${endpointName}: 101 with a subprotocol nobody offered`);
  }
  return undefined;
}

/** Takes the connection out of the call. `onEnd` is called once, when the upstream half is gone. */
export function toUpgradeAnswer(
  call: Call,
  head: ResponseHead,
  tools: UpgradeTools,
  onEnd: (end: TunnelEnd) => void,
): Answer {
  detachCall(call);
  const { promise: ended, resolve } = Promise.withResolvers<void>();
  const tunnel = createTunnel({
    upstream: toUpgraded(call.connection),
    leftover: call.leftover,
    limits: DEFAULT_TUNNEL_LIMITS,
    ...tools,
    onEnd: (end) => {
      onEnd(end);
      resolve();
    },
  });
  return { status: 101, headers: handshakeHeaders(head), body: { kind: "websocket", tunnel, ended } };
}

/** Bun writes its own accept key; the rest of the endpoint's fields goes along. */
function handshakeHeaders(head: ResponseHead): MutableHeaderList {
  const headers: MutableHeaderList = [];
  for (let i = 0; i < head.headers.length; i += 2) {
    const name = head.headers[i] as string;
    if (name.toLowerCase() !== "sec-websocket-accept") headers.push(name, head.headers[i + 1] as string);
  }
  return headers;
}

interface UpgradedUser {
  readonly events: ConnectionEvents;
  handlers: UpgradedHandlers | undefined;
}

function toUpgraded(connection: Connection): UpgradedConnection {
  const user: UpgradedUser = { events: UPGRADED_EVENTS, handlers: undefined };
  connection.user = user;
  connection.socket?.setKeepAlive(true, TCP_KEEPALIVE_MS);
  let ending = false;
  return {
    write: (bytes) => writeBytes(connection, bytes),
    bufferedBytes: () => connection.pendingBytes,
    pause: () => pauseReading(connection),
    resume: () => resumeReading(connection),
    end() {
      if (ending || connection.closed) return;
      ending = true;
      connection.endWhenFlushed = true;
      if (connection.pendingBytes === 0) connection.socket?.end();
    },
    terminate() {
      const handlers = user.handlers;
      if (connection.closed) return;
      destroyConnection(connection);
      // Never from inside the caller's own call.
      queueMicrotask(() => handlers?.onClose());
    },
    setHandlers(handlers) {
      user.handlers = handlers;
    },
  };
}

const UPGRADED_EVENTS: ConnectionEvents = {
  data: (connection, chunk) => handlersOf(connection)?.onData(chunk),
  drain(connection) {
    if (connection.endWhenFlushed) connection.socket?.end();
    handlersOf(connection)?.onDrain();
  },
  closed(_connection, clean, detail, user) {
    const handlers = (user as UpgradedUser).handlers;
    handlers?.onClose(clean ? undefined : new Error(detail));
  },
};

function handlersOf(connection: Connection): UpgradedHandlers | undefined {
  // Only users with this table of events get here.
  return (connection.user as UpgradedUser | undefined)?.handlers;
}
