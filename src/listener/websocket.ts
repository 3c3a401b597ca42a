/** The client half of every WebSocket: Bun's native handlers on one side, the tunnel of its route on the other. */

import type { ServerWebSocket, WebSocketHandler } from "bun";
import type { Tunnel, TunnelClient, TunnelEvents } from "../exchange/exchange.ts";
import type { SetTimer } from "../upstream/upgraded.ts";

/** A client half with more than this queued takes no more until it is back under the low mark. */
export const WEBSOCKET_CLIENT_QUEUE_HIGH_BYTES = 256 * 1024;
export const WEBSOCKET_CLIENT_QUEUE_LOW_BYTES = 64 * 1024;

/** Queued beyond one message over the high mark: answers to the pings in one read of the runtime. */
const QUEUE_SLACK_BYTES = 1024 * 1024;

/** How long a client that is being closed may leave queued bytes unread without taking any. */
export const WEBSOCKET_FLUSH_TIMEOUT_MS = 5_000;
/** Further flush timeouts granted as long as the client keeps reading. */
const FLUSH_EXTENSIONS_MAX = 12;

/** Told to a client the runtime cut off for the size of its message; the upstream is told the same. */
const TOO_BIG = 1009;
const ABNORMAL = 1006;
const NO_CODE = 1005;

/**
 * The runtime closes with 1009 itself, but reports 1006 with this reason. A test notices when the
 * wording changes.
 */
const TOO_BIG_REASON = "Received too big message";

export interface WebSocketData {
  readonly tunnel: Tunnel;
  /** Id of the route and generation of the snapshot the WebSocket began under. */
  readonly route: string;
  readonly generation: number;
  /** Name of the endpoint behind the tunnel. */
  readonly endpoint: string;
  /** Called once when the client half is gone. */
  readonly onClosed: () => void;
  /** Set while the WebSocket is open; owned by this file. */
  half: ClientHalf | undefined;
}

interface ClientHalf {
  readonly ws: ServerWebSocket<WebSocketData>;
  readonly setTimer: SetTimer;
  readonly queueLimitBytes: number;
  events: TunnelEvents | undefined;
  /** An end that came while the tunnel was still attaching. */
  early: { readonly code: number; readonly reason: string } | undefined;
  /** The tunnel was told to wait for `onDrain`. */
  blocked: boolean;
  pausedByTunnel: boolean;
  /** The client pings without reading the answers. */
  pausedByPings: boolean;
  /** What to do once everything queued is read. */
  finish: ((ws: ServerWebSocket<WebSocketData>) => void) | undefined;
  flushExtensions: number;
  flushBytes: number;
  cancelFlush: (() => void) | undefined;
  cancelShutdown: (() => void) | undefined;
}

/** When to close: at a random moment within the time, so that the clients do not all come back at once. */
export interface CloseSpread {
  readonly withinMs: number;
  /** In [0, 1). */
  readonly random: () => number;
}

export interface WebSocketRegistry {
  count(): number;
  countWhere(predicate: (data: WebSocketData) => boolean): number;
  /** Closes every WebSocket with 1001; a later call may bring the moment forward. */
  closeAll(spread: CloseSpread): void;
  /** Closes those whose route or endpoint is gone; returns how many. */
  closeWhere(predicate: (data: WebSocketData) => boolean, spread: CloseSpread): number;
}

export interface WebSocketOptions {
  readonly maxMessageBytes: number;
  readonly setTimer: SetTimer;
  /** An exception in a handler is a bug; the WebSocket ends and the process goes on. */
  readonly onBug: (error: Error) => void;
}

export interface WebSocketFront {
  /** The `websocket` option of the server. */
  readonly handlers: WebSocketHandler<WebSocketData>;
  readonly registry: WebSocketRegistry;
}

/** What goes to `server.upgrade` as `data`. */
export function createWebSocketData(data: Omit<WebSocketData, "half">): WebSocketData {
  return { ...data, half: undefined };
}

export function createWebSocketHandlers(options: WebSocketOptions): WebSocketFront {
  const open = new Set<WebSocketData>();
  const queueLimitBytes = WEBSOCKET_CLIENT_QUEUE_HIGH_BYTES + options.maxMessageBytes + QUEUE_SLACK_BYTES;
  const handlers: WebSocketHandler<WebSocketData> = {
    maxPayloadLength: options.maxMessageBytes,
    // Far above the mark where the tunnel stops, since the runtime drops messages at this limit.
    backpressureLimit: queueLimitBytes,
    closeOnBackpressureLimit: false,
    // The runtime's own idle timer also cuts clients that only read slowly; the tunnel pings instead.
    idleTimeout: 0,
    sendPings: false,
    perMessageDeflate: false,
    open(ws) {
      open.add(ws.data);
      openHalf(ws, options.setTimer, queueLimitBytes);
    },
    message: (ws, data) => ws.data.half?.events?.onMessage(data),
    drain: (ws) => drainHalf(ws.data.half),
    ping: (ws) => pauseIfPinging(ws.data.half),
    close(ws, code, reason) {
      open.delete(ws.data);
      closeHalf(ws.data, code, reason);
    },
    error(error, ws) {
      options.onBug(error);
      ws.terminate();
    },
  };
  return { handlers, registry: createRegistry(open) };
}

function createRegistry(open: ReadonlySet<WebSocketData>): WebSocketRegistry {
  const closeWhere: WebSocketRegistry["closeWhere"] = (predicate, spread) => {
    let matching = 0;
    // A copy, since a close removes from the set.
    for (const data of [...open]) {
      const half = data.half;
      if (half === undefined || !predicate(data)) continue;
      matching++;
      scheduleShutdown(half, spread);
    }
    return matching;
  };
  return {
    count: () => open.size,
    countWhere(predicate) {
      let matching = 0;
      for (const data of open) if (predicate(data)) matching++;
      return matching;
    },
    closeAll: (spread) => void closeWhere(() => true, spread),
    closeWhere,
  };
}

function scheduleShutdown(half: ClientHalf, spread: CloseSpread): void {
  half.cancelShutdown?.();
  half.cancelShutdown = undefined;
  const delayMs = Math.floor(spread.random() * spread.withinMs);
  if (delayMs === 0) half.events?.onShutdown();
  else half.cancelShutdown = half.setTimer(delayMs, () => half.events?.onShutdown());
}

function openHalf(ws: ServerWebSocket<WebSocketData>, setTimer: SetTimer, queueLimitBytes: number): void {
  const half: ClientHalf = {
    ws,
    setTimer,
    queueLimitBytes,
    events: undefined,
    early: undefined,
    blocked: false,
    pausedByTunnel: false,
    pausedByPings: false,
    finish: undefined,
    flushExtensions: 0,
    flushBytes: 0,
    cancelFlush: undefined,
    cancelShutdown: undefined,
  };
  ws.data.half = half;
  const events = ws.data.tunnel.attach(toTunnelClient(half));
  half.events = events;
  if (half.early !== undefined) events.onClose(half.early.code, half.early.reason);
}

function toTunnelClient(half: ClientHalf): TunnelClient {
  const { ws } = half;
  return {
    send: (data) => send(half, data),
    ping: (data) => void ws.ping(data),
    close: (code, reason) => flush(half, (socket) => socket.close(code ?? NO_CODE, reason)),
    terminate: () => flush(half, (socket) => socket.terminate()),
    pause() {
      half.pausedByTunnel = true;
      ws.pause();
    },
    resume() {
      half.pausedByTunnel = false;
      resumeReading(half);
    },
    batch: (run) => void ws.cork(run),
  };
}

function send(half: ClientHalf, data: string | Uint8Array): boolean {
  const { ws } = half;
  if (ws.readyState !== WebSocket.OPEN || half.finish !== undefined) return true;
  // Over its limit the runtime drops the message and returns 0, as it does for an empty message that was
  // sent, so the queue is looked at before. A message lost in the middle is worse than a lost connection.
  if (ws.getBufferedAmount() > half.queueLimitBytes) {
    ws.terminate();
    return true;
  }
  if (typeof data === "string") ws.sendText(data);
  else ws.sendBinary(data);
  half.blocked = ws.getBufferedAmount() > WEBSOCKET_CLIENT_QUEUE_HIGH_BYTES;
  return !half.blocked;
}

function drainHalf(half: ClientHalf | undefined): void {
  if (half === undefined) return;
  const queueBytes = half.ws.getBufferedAmount();
  if (half.finish !== undefined) {
    if (queueBytes === 0) finishNow(half);
    return;
  }
  if (queueBytes > WEBSOCKET_CLIENT_QUEUE_LOW_BYTES) return;
  if (half.pausedByPings) {
    half.pausedByPings = false;
    resumeReading(half);
  }
  if (half.blocked) {
    half.blocked = false;
    half.events?.onDrain();
  }
}

/** The runtime answers pings itself; without this a client that does not read would queue answers up to the limit. */
function pauseIfPinging(half: ClientHalf | undefined): void {
  if (half === undefined || half.ws.getBufferedAmount() <= WEBSOCKET_CLIENT_QUEUE_HIGH_BYTES) return;
  half.pausedByPings = true;
  half.ws.pause();
}

function resumeReading(half: ClientHalf): void {
  if (!half.pausedByTunnel && !half.pausedByPings) half.ws.resume();
}

/**
 * The runtime forgets a WebSocket the moment it is closed: what is queued then is sent for about ten
 * seconds and can neither be watched nor cut short. So the queue is emptied first.
 */
function flush(half: ClientHalf, finish: (ws: ServerWebSocket<WebSocketData>) => void): void {
  if (half.finish !== undefined) return;
  half.finish = finish;
  half.cancelShutdown?.();
  half.cancelShutdown = undefined;
  // A paused client could not be seen leaving.
  half.pausedByTunnel = false;
  resumeReading(half);
  half.flushBytes = half.ws.getBufferedAmount();
  if (half.flushBytes === 0) finishNow(half);
  else armFlushTimer(half);
}

function armFlushTimer(half: ClientHalf): void {
  half.cancelFlush = half.setTimer(WEBSOCKET_FLUSH_TIMEOUT_MS, () => {
    half.cancelFlush = undefined;
    const queueBytes = half.ws.getBufferedAmount();
    if (queueBytes >= half.flushBytes || half.flushExtensions++ >= FLUSH_EXTENSIONS_MAX) {
      half.ws.terminate();
      return;
    }
    half.flushBytes = queueBytes;
    armFlushTimer(half);
  });
}

function finishNow(half: ClientHalf): void {
  half.cancelFlush?.();
  half.cancelFlush = undefined;
  half.finish?.(half.ws);
}

function closeHalf(data: WebSocketData, code: number, reason: string): void {
  const half = data.half;
  if (half === undefined) return;
  data.half = undefined;
  half.cancelFlush?.();
  half.cancelShutdown?.();
  const isTooBig = code === ABNORMAL && reason === TOO_BIG_REASON;
  const end = isTooBig ? { code: TOO_BIG, reason: "" } : { code, reason };
  if (half.events === undefined) half.early = end;
  else half.events.onClose(end.code, end.reason);
  data.onClosed();
}
