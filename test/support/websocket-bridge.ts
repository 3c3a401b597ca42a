/** A front with nothing but the WebSocket bridge: each client is joined to the upstream on `upstreamPort`. */

import type { Server, ServerWebSocket } from "bun";
import {
  createWebSocketData,
  createWebSocketHandlers,
  type WebSocketData,
  type WebSocketRegistry,
} from "../../src/listener/websocket.ts";
import { createTunnel } from "../../src/upstream/tunnel.ts";
import { DEFAULT_TUNNEL_LIMITS, type TunnelEnd, type TunnelLimits } from "../../src/upstream/tunnel-state.ts";
import type { SetTimer } from "../../src/upstream/upgraded.ts";
import { createMaskKeySource } from "../../src/upstream/ws-encode.ts";
import { dialUpgraded, type Upgraded } from "./upgraded-connection.ts";

export interface Bridge {
  readonly port: number;
  readonly url: string;
  readonly registry: WebSocketRegistry;
  readonly ends: TunnelEnd[];
  /** The client halves so far, as the runtime has them. */
  readonly sockets: ServerWebSocket<WebSocketData>[];
  readonly upstreams: Upgraded[];
  readonly bugs: Error[];
  /** The most bytes ever queued for a client. */
  readonly peakClientBytes: () => number;
  stop(): Promise<void>;
}

export const setRealTimer: SetTimer = (ms, fire) => {
  const timer = setTimeout(fire, ms);
  return () => clearTimeout(timer);
};

/** The snapshot generation of a WebSocket is taken from the path `/gen/<n>`, else 1. */
export function startBridge(upstreamPort: number, limits: Partial<TunnelLimits> = {}): Bridge {
  const tunnelLimits = { ...DEFAULT_TUNNEL_LIMITS, ...limits };
  const nextMaskKey = createMaskKeySource((words) => void crypto.getRandomValues(words));
  const ends: TunnelEnd[] = [];
  const sockets: ServerWebSocket<WebSocketData>[] = [];
  const upstreams: Upgraded[] = [];
  const bugs: Error[] = [];
  let peakClientBytes = 0;
  const front = createWebSocketHandlers({
    maxMessageBytes: tunnelLimits.maxMessageBytes,
    setTimer: setRealTimer,
    onBug: (error) => void bugs.push(error),
  });
  const { open } = front.handlers;
  const upgrade = async (request: Request, server: Server<WebSocketData>): Promise<Response | undefined> => {
    const target = new URL(request.url).pathname;
    const upgraded = await dialUpgraded({
      port: upstreamPort,
      target,
      protocols: request.headers.get("sec-websocket-protocol"),
    });
    upstreams.push(upgraded);
    const tunnel = createTunnel({
      upstream: upgraded.connection,
      leftover: upgraded.leftover,
      limits: tunnelLimits,
      nextMaskKey,
      setTimer: setRealTimer,
      onEnd: (end) => void ends.push(end),
    });
    const generation = Number(/^\/gen\/(\d+)$/.exec(target)?.[1] ?? 1);
    const origin = { route: target, generation, endpoint: "upstream" };
    const data = createWebSocketData({ tunnel, ...origin, onClosed: () => {} });
    const headers: Record<string, string> =
      upgraded.protocol === undefined ? {} : { "Sec-WebSocket-Protocol": upgraded.protocol };
    if (server.upgrade(request, { data, headers })) return undefined;
    tunnel.abandon();
    return new Response(null, { status: 400 });
  };
  const server = Bun.serve<WebSocketData>({
    hostname: "127.0.0.1",
    port: 0,
    fetch: upgrade,
    websocket: {
      ...front.handlers,
      open(ws) {
        sockets.push(ws);
        const sendBinary = ws.sendBinary.bind(ws);
        // The runtime has no figure of its own for the most that was queued.
        ws.sendBinary = (data, compress) => {
          const status = sendBinary(data, compress);
          peakClientBytes = Math.max(peakClientBytes, ws.getBufferedAmount());
          return status;
        };
        return open?.(ws);
      },
    },
  });
  return {
    port: server.port ?? 0,
    url: `ws://127.0.0.1:${server.port}`,
    registry: front.registry,
    ends,
    sockets,
    upstreams,
    bugs,
    peakClientBytes: () => peakClientBytes,
    stop: () => server.stop(true),
  };
}
