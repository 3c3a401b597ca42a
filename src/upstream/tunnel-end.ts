/** How a bridged WebSocket ends: who is told what, and how long the other side may take. */

import type { TunnelEndReason, TunnelState } from "./tunnel-state.ts";
import { CLOSE } from "./tunnel-state.ts";
import { encodeClose } from "./ws-encode.ts";
import type { FrameError } from "./ws-frame.ts";
import { isCloseCode } from "./ws-frame.ts";

/** Further close timeouts granted as long as queued bytes keep leaving. */
const CLOSE_EXTENSIONS_MAX = 12;

/** The client half ended: an orderly close is passed on, anything else ends the upstream without a close frame. */
export function endByClient(state: TunnelState, code: number, reason: string): void {
  if (state.clientPhase === "ended") return;
  state.clientPhase = "ended";
  const isOrderly = code === CLOSE.noCode || isCloseCode(code);
  noteReason(state, { by: "client", code, cause: isOrderly ? "" : "client_gone", detail: reason });
  if (isOrderly) closeUpstream(state, code, reason);
  else hangUpUpstream(state);
  settle(state);
}

/** The upstream sent a close frame: it is echoed (RFC 6455 5.5.1) and passed on. */
export function endByUpstream(state: TunnelState, code: number | undefined, reason: string): void {
  const known = code ?? CLOSE.noCode;
  noteReason(state, { by: "upstream", code: known, cause: "", detail: reason });
  closeUpstream(state, known, "");
  endClient(state, known, reason);
}

/** The upstream broke the protocol or a limit (RFC 6455 7.1.7). */
export function endByProtocol(state: TunnelState, error: FrameError): void {
  noteReason(state, {
    by: "upstream",
    code: error.code,
    cause: "upstream_protocol",
    detail: error.detail,
  });
  closeUpstream(state, error.code, error.detail);
  if (state.upstreamPhase === "closing") state.upstream.end();
  endClient(state, error.code === CLOSE.tooBig ? CLOSE.tooBig : CLOSE.internalError, "");
}

export function endByShutdown(state: TunnelState): void {
  if (state.clientPhase === "ended") return;
  noteReason(state, { by: "proxy", code: CLOSE.goingAway, cause: "shutting_down", detail: "" });
  closeUpstream(state, CLOSE.goingAway, "");
  endClient(state, CLOSE.goingAway, "");
}

/** The front could not switch protocols. */
export function endUnattached(state: TunnelState): void {
  if (state.clientPhase !== "waiting") return;
  state.clientPhase = "ended";
  noteReason(state, { by: "client", code: CLOSE.abnormal, cause: "client_gone", detail: "not attached" });
  closeUpstream(state, CLOSE.goingAway, "");
  settle(state);
}

/** A half ignores its limits or is silent: the upstream connection ends at once. */
export function endAtOnce(state: TunnelState, reason: TunnelEndReason): void {
  if (state.upstreamPhase !== "open") return;
  noteReason(state, reason);
  endClient(state, reason.cause === "internal" ? CLOSE.internalError : CLOSE.abnormal, "");
  terminateUpstream(state);
}

/** The upstream connection is gone; what it sent before still reaches the client. */
export function loseUpstream(state: TunnelState, error: Error | undefined): void {
  if (state.upstreamPhase === "closing") closedUpstream(state);
  if (state.upstreamPhase !== "open") return;
  state.upstreamPhase = "lost";
  state.lostDetail = error?.message ?? "ended without a close frame";
  state.upstreamBlocked = false;
  // Its messages lead nowhere now, but its end must be noticed.
  if (state.clientPhase === "open") state.client?.resume();
  if (state.clientPhase === "open" && state.held.length === 0) finishLost(state);
}

/** Everything a lost upstream had sent is delivered. */
export function finishLost(state: TunnelState): void {
  noteReason(state, {
    by: "upstream",
    code: CLOSE.abnormal,
    cause: "upstream_closed",
    detail: state.lostDetail,
  });
  endClient(state, CLOSE.abnormal, "");
  closedUpstream(state);
}

/** Tells the client half, unless it ended by itself or is not there yet. */
export function endClient(state: TunnelState, code: number, reason: string): void {
  if (state.clientPhase !== "open") return;
  // Before the call: the front reports the end from inside it.
  state.clientPhase = "ended";
  if (code === CLOSE.abnormal) state.client?.terminate();
  else state.client?.close(code === CLOSE.noCode ? undefined : code, reason);
  settle(state);
}

function closeUpstream(state: TunnelState, code: number, reason: string): void {
  if (state.upstreamPhase === "lost") closedUpstream(state);
  if (state.upstreamPhase !== "open") return;
  const frame = encodeClose(code === CLOSE.noCode ? undefined : code, reason, state.options.nextMaskKey());
  state.bytesIn += frame.length;
  state.upstreamPhase = "closing";
  state.upstream.write(frame);
  awaitUpstreamEnd(state);
}

/** FIN without a close frame, behind what is queued: the upstream sees 1006 and every message sent before it. */
function hangUpUpstream(state: TunnelState): void {
  if (state.upstreamPhase === "lost") closedUpstream(state);
  if (state.upstreamPhase !== "open") return;
  state.upstreamPhase = "closing";
  state.upstream.end();
  awaitUpstreamEnd(state);
}

/** The server ends the connection first (RFC 6455 7.1.1), which also leaves TIME_WAIT on its side. */
function awaitUpstreamEnd(state: TunnelState): void {
  dropHeld(state);
  state.closeQueueBytes = state.upstream.bufferedBytes();
  armCloseTimer(state);
  // What still comes is thrown away, but without reading the end would never be seen.
  state.upstream.resume();
}

function armCloseTimer(state: TunnelState): void {
  state.cancelTimer?.();
  state.cancelTimer = state.options.setTimer(state.options.limits.closeTimeoutMs, () => {
    state.cancelTimer = undefined;
    const queueBytes = state.upstream.bufferedBytes();
    const isMoving = queueBytes > 0 && queueBytes < state.closeQueueBytes;
    if (!isMoving || state.closeExtensions++ >= CLOSE_EXTENSIONS_MAX) return terminateUpstream(state);
    state.closeQueueBytes = queueBytes;
    armCloseTimer(state);
  });
}

function terminateUpstream(state: TunnelState): void {
  if (state.upstreamPhase === "closed") return;
  closedUpstream(state);
  state.upstream.terminate();
}

function closedUpstream(state: TunnelState): void {
  state.upstreamPhase = "closed";
  state.cancelTimer?.();
  state.cancelTimer = undefined;
  dropHeld(state);
  settle(state);
}

function dropHeld(state: TunnelState): void {
  state.held.length = 0;
  state.heldBytes = 0;
  state.pendingPong = undefined;
}

function noteReason(state: TunnelState, reason: TunnelEndReason): void {
  state.reason ??= reason;
}

function settle(state: TunnelState): void {
  if (state.ended || state.upstreamPhase !== "closed" || state.clientPhase !== "ended") return;
  state.ended = true;
  const reason = state.reason ?? { by: "proxy", code: CLOSE.abnormal, cause: "internal", detail: "" };
  state.options.onEnd({ ...reason, bytesIn: state.bytesIn, bytesOut: state.bytesOut });
}
