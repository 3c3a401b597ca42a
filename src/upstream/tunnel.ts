/** Bridges an accepted WebSocket: messages and backpressure both ways, pings, and the way to every end. */

import type { Tunnel, TunnelClient, TunnelEvents } from "../exchange/exchange.ts";
import {
  endAtOnce,
  endByClient,
  endByProtocol,
  endByShutdown,
  endByUpstream,
  endClient,
  endUnattached,
  finishLost,
  loseUpstream,
} from "./tunnel-end.ts";
import type { TunnelOptions, TunnelState } from "./tunnel-state.ts";
import { CLOSE, createTunnelState } from "./tunnel-state.ts";
import { encodeFrame } from "./ws-encode.ts";
import type { FrameEvents } from "./ws-frame.ts";
import { OPCODE, pushChunk } from "./ws-frame.ts";

export { DEFAULT_TUNNEL_LIMITS, type TunnelEnd, type TunnelOptions } from "./tunnel-state.ts";

/** Bytes for the client that were read before the client was there or before `pause` took effect. */
export const WEBSOCKET_HELD_BYTES_MAX = 4 * 1024 * 1024;

/** Queued for the upstream beyond one message: what the front had read before its `pause` took effect. */
export const WEBSOCKET_QUEUE_SLACK_BYTES = 1024 * 1024;

/** Pings an upstream may leave unanswered, one ping interval each. */
const PINGS_UNANSWERED_MAX = 2;

const EMPTY = new Uint8Array(0);

export function createTunnel(options: TunnelOptions): Tunnel {
  const state = createTunnelState(options);
  const frames: FrameEvents = {
    onMessage: (data) => sendToClient(state, data),
    onPing: (payload) => answerPing(state, payload),
    // That something came is what counts, and `receive` has noted it.
    onPong: () => {},
    onClose: (code, reason) => endByUpstream(state, code, reason),
    onError: (error) => endByProtocol(state, error),
  };
  options.upstream.setHandlers({
    onData: (chunk) => receive(state, frames, chunk),
    onDrain: () => resumeClient(state),
    onClose: (error) => loseUpstream(state, error),
  });
  // Nobody to deliver to yet: the kernel holds what the upstream sends, not we.
  options.upstream.pause();
  if (options.leftover !== undefined) receive(state, frames, options.leftover);
  return {
    attach: (client) => attach(state, frames, client),
    abandon: () => endUnattached(state),
  };
}

function attach(state: TunnelState, frames: FrameEvents, client: TunnelClient): TunnelEvents {
  state.client = client;
  state.clientPhase = "open";
  // The upstream may have overrun the limit on held bytes before the client came.
  if (state.upstreamPhase === "closed") endClient(state, CLOSE.internalError, "");
  else if (state.options.limits.pingIntervalMs > 0) armPingTimer(state);
  deliverHeld(state, frames);
  return {
    onMessage: (data) => sendToUpstream(state, data),
    onDrain: () => {
      state.clientBlocked = false;
      deliverHeld(state, frames);
    },
    onClose: (code, reason) => endByClient(state, code, reason),
    onShutdown: () => endByShutdown(state),
  };
}

function receive(state: TunnelState, frames: FrameEvents, chunk: Uint8Array): void {
  state.upstreamHeard = true;
  state.bytesOut += chunk.length;
  if (state.upstreamPhase !== "open") return;
  if (state.clientPhase !== "open" || state.clientBlocked || state.held.length > 0) {
    hold(state, chunk);
    return;
  }
  const taken = parse(state, frames, chunk);
  if (taken < chunk.length) hold(state, chunk.subarray(taken));
}

function hold(state: TunnelState, rest: Uint8Array): void {
  if (state.upstreamPhase !== "open" || rest.length === 0) return;
  state.held.push(rest);
  state.heldBytes += rest.length;
  if (state.heldBytes <= WEBSOCKET_HELD_BYTES_MAX) return;
  const detail = `upstream half delivered ${state.heldBytes} bytes while paused`;
  endAtOnce(state, { by: "proxy", code: CLOSE.internalError, cause: "internal", detail });
}

function parse(state: TunnelState, frames: FrameEvents, chunk: Uint8Array): number {
  const client = state.client;
  if (client?.batch === undefined) return pushChunk(state.parser, chunk, frames);
  let taken = 0;
  client.batch(() => {
    taken = pushChunk(state.parser, chunk, frames);
  });
  return taken;
}

/** Goes on where the client half said stop. */
function deliverHeld(state: TunnelState, frames: FrameEvents): void {
  while (state.held.length > 0 && !state.clientBlocked && state.clientPhase === "open") {
    const chunk = state.held.shift() ?? EMPTY;
    state.heldBytes -= chunk.length;
    const taken = parse(state, frames, chunk);
    if (taken === chunk.length || state.clientPhase !== "open") continue;
    state.held.unshift(chunk.subarray(taken));
    state.heldBytes += chunk.length - taken;
  }
  if (state.clientBlocked || state.clientPhase !== "open") return;
  if (state.upstreamPhase === "lost") finishLost(state);
  else if (state.upstreamPhase === "open") state.upstream.resume();
}

/** False stops the parser, so that one message over the limit of the client half is the most it ever gets. */
function sendToClient(state: TunnelState, data: string | Uint8Array): boolean {
  if (state.clientPhase !== "open" || state.client === undefined) return true;
  if (state.client.send(data)) return true;
  state.clientBlocked = true;
  if (state.upstreamPhase === "open") state.upstream.pause();
  return false;
}

function sendToUpstream(state: TunnelState, data: string | Uint8Array): void {
  state.clientHeard = true;
  if (state.upstreamPhase !== "open") return;
  writeFrame(state, typeof data === "string" ? OPCODE.text : OPCODE.binary, data);
}

/** Pings end at each hop: the front answers those of the client, so passing them on would answer twice. */
function answerPing(state: TunnelState, payload: Uint8Array): void {
  if (state.upstreamPhase !== "open") return;
  // An upstream that pings without reading must not fill the queue with answers.
  if (state.upstreamBlocked) state.pendingPong = payload.slice();
  else writeFrame(state, OPCODE.pong, payload);
}

function writeFrame(state: TunnelState, opcode: number, payload: string | Uint8Array): void {
  const frame = encodeFrame(opcode, payload, state.options.nextMaskKey());
  state.bytesIn += frame.length;
  if (state.upstream.write(frame)) return;
  if (!state.upstreamBlocked) {
    state.upstreamBlocked = true;
    if (state.clientPhase === "open") state.client?.pause();
  }
  const queueBytes = state.upstream.bufferedBytes();
  if (queueBytes <= state.options.limits.maxMessageBytes + WEBSOCKET_QUEUE_SLACK_BYTES) return;
  const detail = `client half delivered ${queueBytes} bytes while paused`;
  endAtOnce(state, { by: "proxy", code: CLOSE.internalError, cause: "internal", detail });
}

function resumeClient(state: TunnelState): void {
  state.upstreamBlocked = false;
  const pong = state.pendingPong;
  state.pendingPong = undefined;
  if (pong !== undefined) answerPing(state, pong);
  if (!state.upstreamBlocked && state.clientPhase === "open") state.client?.resume();
}

function armPingTimer(state: TunnelState): void {
  state.cancelTimer = state.options.setTimer(state.options.limits.pingIntervalMs, () => {
    armPingTimer(state);
    keepAlive(state);
  });
}

/**
 * A half that cannot be heard because it is paused, or cannot answer because bytes for it are queued, is
 * not judged: TCP notices if such a peer is dead. Clients are never judged, since a long message on a
 * slow line hides their pongs; the unacknowledged ping makes TCP give up on a dead one.
 */
function keepAlive(state: TunnelState): void {
  if (!state.clientHeard && !state.clientBlocked && !state.upstreamBlocked) state.client?.ping(EMPTY);
  state.clientHeard = false;
  const canAnswer = !state.clientBlocked && !state.upstreamBlocked && state.upstream.bufferedBytes() === 0;
  if (state.upstreamHeard || !canAnswer) {
    state.pingsUnanswered = 0;
  } else if (state.pingsUnanswered < PINGS_UNANSWERED_MAX) {
    state.pingsUnanswered++;
    writeFrame(state, OPCODE.ping, EMPTY);
  } else {
    const detail = `no answer to ${PINGS_UNANSWERED_MAX} pings`;
    endAtOnce(state, { by: "upstream", code: CLOSE.abnormal, cause: "upstream_idle_timeout", detail });
  }
  state.upstreamHeard = false;
}
