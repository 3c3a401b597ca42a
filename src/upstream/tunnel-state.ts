/** The record of one bridged WebSocket, its limits and what is told when it ended. */

import type { TunnelClient } from "../exchange/exchange.ts";
import type { SetTimer, UpgradedConnection } from "./upgraded.ts";
import type { FrameParser } from "./ws-frame.ts";
import { createFrameParser, WEBSOCKET_MESSAGE_BYTES_MAX } from "./ws-frame.ts";

/** Quiet halves are pinged this often, so that dead peers are noticed and NAT entries stay alive. */
export const WEBSOCKET_PING_INTERVAL_MS = 30_000;

/** How long an upstream may take to end the connection once the closing handshake has begun. */
export const WEBSOCKET_CLOSE_TIMEOUT_MS = 5_000;

/** Close codes with a meaning here (RFC 6455 7.4.1). */
export const CLOSE = {
  goingAway: 1001,
  /** Stands for "the close frame had no code". */
  noCode: 1005,
  /** Stands for "ended without a close frame". */
  abnormal: 1006,
  tooBig: 1009,
  /** Told to clients when the upstream failed; 1014 would say it better, but common clients reject it. */
  internalError: 1011,
} as const;

export interface TunnelLimits {
  readonly maxMessageBytes: number;
  readonly closeTimeoutMs: number;
  /** 0 sends no pings. */
  readonly pingIntervalMs: number;
}

export const DEFAULT_TUNNEL_LIMITS: TunnelLimits = {
  maxMessageBytes: WEBSOCKET_MESSAGE_BYTES_MAX,
  closeTimeoutMs: WEBSOCKET_CLOSE_TIMEOUT_MS,
  pingIntervalMs: WEBSOCKET_PING_INTERVAL_MS,
};

export interface TunnelOptions {
  readonly upstream: UpgradedConnection;
  /** Bytes that came behind the head of the 101. */
  readonly leftover: Uint8Array | undefined;
  readonly limits: TunnelLimits;
  /** 32 unpredictable bits (RFC 6455 10.3). */
  readonly nextMaskKey: () => number;
  readonly setTimer: SetTimer;
  /** Called once, when the upstream connection is gone and the client half knows. */
  readonly onEnd: (end: TunnelEnd) => void;
}

/** Why a tunnel ended; the first reason is kept. */
export interface TunnelEndReason {
  readonly by: "client" | "upstream" | "proxy";
  /** The close code of that side, 1005 if it gave none, 1006 if it ended without a close frame. */
  readonly code: number;
  /** Cause code for the log, "" after an orderly end. */
  readonly cause:
    | ""
    | "client_gone"
    | "upstream_closed"
    | "upstream_protocol"
    | "upstream_idle_timeout"
    | "shutting_down"
    | "internal";
  readonly detail: string;
}

export interface TunnelEnd extends TunnelEndReason {
  /** Frame bytes sent to the upstream. */
  readonly bytesIn: number;
  /** Frame bytes received from the upstream. */
  readonly bytesOut: number;
}

export interface TunnelState {
  readonly options: TunnelOptions;
  readonly upstream: UpgradedConnection;
  readonly parser: FrameParser;
  client: TunnelClient | undefined;
  clientPhase: "waiting" | "open" | "ended";
  /** `lost`: the connection is gone, but bytes from it are still held for the client. */
  upstreamPhase: "open" | "lost" | "closing" | "closed";
  /** The client half takes no more; the upstream is paused and what was read is held. */
  clientBlocked: boolean;
  /** The upstream takes no more; the client half is paused. */
  upstreamBlocked: boolean;
  readonly held: Uint8Array[];
  heldBytes: number;
  /** Answer to the latest ping, while the upstream takes no more (RFC 6455 5.5.3 allows to skip older ones). */
  pendingPong: Uint8Array | undefined;
  reason: TunnelEndReason | undefined;
  lostDetail: string;
  ended: boolean;
  clientHeard: boolean;
  upstreamHeard: boolean;
  pingsUnanswered: number;
  /** The ping timer while open, the close timer afterwards. */
  cancelTimer: (() => void) | undefined;
  closeExtensions: number;
  closeQueueBytes: number;
  bytesIn: number;
  bytesOut: number;
}

export function createTunnelState(options: TunnelOptions): TunnelState {
  return {
    options,
    upstream: options.upstream,
    parser: createFrameParser(options.limits),
    client: undefined,
    clientPhase: "waiting",
    upstreamPhase: "open",
    clientBlocked: false,
    upstreamBlocked: false,
    held: [],
    heldBytes: 0,
    pendingPong: undefined,
    reason: undefined,
    lostDetail: "",
    ended: false,
    clientHeard: false,
    upstreamHeard: false,
    pingsUnanswered: 0,
    cancelTimer: undefined,
    closeExtensions: 0,
    closeQueueBytes: 0,
    bytesIn: 0,
    bytesOut: 0,
  };
}
