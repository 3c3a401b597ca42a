/** A tunnel between two scripted halves and a clock that only moves when told. */

import type { Tunnel, TunnelClient, TunnelEvents } from "../../src/exchange/exchange.ts";
import { createTunnel } from "../../src/upstream/tunnel.ts";
import { DEFAULT_TUNNEL_LIMITS, type TunnelEnd, type TunnelLimits } from "../../src/upstream/tunnel-state.ts";
import type { SetTimer, UpgradedConnection, UpgradedHandlers } from "../../src/upstream/upgraded.ts";
import { closePayload, type DecodedFrame, decodeFrames, frameBytes } from "./ws-bytes.ts";

export interface FakeClock {
  readonly setTimer: SetTimer;
  advance(ms: number): void;
  /** Timers not fired and not cancelled. */
  pending(): number;
}

export function createFakeClock(): FakeClock {
  let now = 0;
  const timers = new Set<{ at: number; fire: () => void }>();
  return {
    setTimer(ms, fire) {
      const timer = { at: now + ms, fire };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
    advance(ms) {
      const end = now + ms;
      for (;;) {
        const due = [...timers].filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at)[0];
        if (due === undefined) break;
        timers.delete(due);
        now = due.at;
        due.fire();
      }
      now = end;
    },
    pending: () => timers.size,
  };
}

export interface FakeUpstream extends UpgradedConnection {
  readonly written: Uint8Array[];
  /** What was asked of the connection besides writing, in order. */
  readonly calls: string[];
  paused: boolean;
  /** While set, writes queue. */
  stalled: boolean;
  handlers: UpgradedHandlers | undefined;
  frames(): DecodedFrame[];
  /** Lets the queue go and reports it. */
  drain(): void;
  queuedBytes: number;
}

export function createFakeUpstream(): FakeUpstream {
  const upstream: FakeUpstream = {
    written: [],
    calls: [],
    paused: false,
    stalled: false,
    handlers: undefined,
    queuedBytes: 0,
    write(bytes) {
      upstream.written.push(bytes.slice());
      if (upstream.stalled) upstream.queuedBytes += bytes.length;
      return !upstream.stalled;
    },
    bufferedBytes: () => upstream.queuedBytes,
    pause() {
      upstream.paused = true;
    },
    resume() {
      upstream.paused = false;
    },
    end: () => void upstream.calls.push("end"),
    terminate: () => void upstream.calls.push("terminate"),
    setHandlers(handlers) {
      upstream.handlers = handlers;
    },
    frames: () => decodeFrames(Buffer.concat(upstream.written)),
    drain() {
      upstream.stalled = false;
      upstream.queuedBytes = 0;
      upstream.handlers?.onDrain();
    },
  };
  return upstream;
}

export interface FakeClient extends TunnelClient {
  readonly got: (string | readonly number[])[];
  readonly calls: string[];
  paused: boolean;
  /** While set, `send` asks to wait. */
  stalled: boolean;
}

export function createFakeClient(): FakeClient {
  const client: FakeClient = {
    got: [],
    calls: [],
    paused: false,
    stalled: false,
    send(data) {
      client.got.push(typeof data === "string" ? data : [...data]);
      return !client.stalled;
    },
    ping: () => void client.calls.push("ping"),
    close: (code, reason) => void client.calls.push(`close ${code ?? "none"} ${reason}`.trim()),
    terminate: () => void client.calls.push("terminate"),
    pause() {
      client.paused = true;
    },
    resume() {
      client.paused = false;
    },
  };
  return client;
}

export interface TunnelRig {
  readonly tunnel: Tunnel;
  readonly upstream: FakeUpstream;
  readonly client: FakeClient;
  readonly clock: FakeClock;
  readonly ends: TunnelEnd[];
}

export function createTunnelRig(
  options: { leftover?: Uint8Array; limits?: Partial<TunnelLimits> } = {},
): TunnelRig {
  const upstream = createFakeUpstream();
  const clock = createFakeClock();
  const ends: TunnelEnd[] = [];
  const tunnel = createTunnel({
    upstream,
    leftover: options.leftover,
    limits: { ...DEFAULT_TUNNEL_LIMITS, ...options.limits },
    nextMaskKey: () => 0x0badcafe,
    setTimer: clock.setTimer,
    onEnd: (end) => void ends.push(end),
  });
  return { tunnel, upstream, client: createFakeClient(), clock, ends };
}

/** A rig whose client half is attached. */
export function openTunnelRig(
  options: Parameters<typeof createTunnelRig>[0] = {},
): TunnelRig & { readonly events: TunnelEvents } {
  const rig = createTunnelRig(options);
  return { ...rig, events: rig.tunnel.attach(rig.client) };
}

/** What the upstream was sent: opcode and payload, one character a byte. */
export function sentFrames(rig: TunnelRig): (readonly [number, string])[] {
  return rig.upstream.frames().map(({ opcode, payload }) => [opcode, payload.toString("latin1")] as const);
}

/** A close frame as `sentFrames` shows it. */
export function sentClose(code: number, reason = ""): readonly [number, string] {
  return [8, closePayload(code, reason).toString("latin1")];
}

export function textBytes(payload: string): Buffer {
  return frameBytes({ opcode: 1, payload });
}

export function closeBytes(code: number, reason = ""): Buffer {
  return frameBytes({ opcode: 8, payload: closePayload(code, reason) });
}
