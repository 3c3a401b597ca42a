import { describe, expect, test } from "bun:test";
import { closeBytes, openTunnelRig, sentClose, sentFrames, textBytes } from "../../support/tunnel-fakes.ts";
import { frameBytes } from "../../support/ws-bytes.ts";

describe("the client half ends", () => {
  for (const code of [1000, 1001, 3000, 4999]) {
    test(`passes ${code} and the reason on and waits for the upstream to end`, () => {
      const rig = openTunnelRig();
      rig.events.onClose(code, "why");
      expect(sentFrames(rig)).toEqual([sentClose(code, "why")]);
      rig.upstream.handlers?.onData(closeBytes(code));
      expect(sentFrames(rig).length).toBe(1);
      expect(rig.ends).toEqual([]);
      rig.upstream.handlers?.onClose();
      expect(rig.ends).toMatchObject([{ by: "client", code, cause: "", detail: "why" }]);
      expect(rig.clock.pending()).toBe(0);
      expect(rig.client.calls).toEqual([]);
    });
  }

  test("passes a missing code on as a close frame without payload", () => {
    const rig = openTunnelRig();
    rig.events.onClose(1005, "");
    expect(sentFrames(rig)).toEqual([[8, ""]]);
  });

  test("ends the upstream without a close frame after an abnormal end, behind what is queued", () => {
    const rig = openTunnelRig();
    rig.upstream.stalled = true;
    rig.events.onMessage("last");
    rig.events.onClose(1006, "");
    expect(rig.upstream.calls).toEqual(["end"]);
    expect(sentFrames(rig)).toEqual([[1, "last"]]);
    rig.upstream.handlers?.onClose();
    expect(rig.ends).toMatchObject([{ by: "client", code: 1006, cause: "client_gone" }]);
  });

  test("throws away what still comes, even from an upstream that was paused", () => {
    const rig = openTunnelRig();
    rig.client.stalled = true;
    rig.upstream.handlers?.onData(Buffer.concat([textBytes("a"), textBytes("b")]));
    rig.events.onClose(1000, "");
    expect(rig.upstream.paused).toBe(false);
    rig.upstream.handlers?.onData(Buffer.concat([textBytes("c"), frameBytes({ opcode: 9 })]));
    expect(rig.client.got).toEqual(["a"]);
    expect(sentFrames(rig)).toEqual([sentClose(1000)]);
  });

  test("terminates an upstream that does not end within the close timeout", () => {
    const rig = openTunnelRig({ limits: { closeTimeoutMs: 5000 } });
    rig.events.onClose(1000, "");
    rig.clock.advance(4999);
    expect(rig.upstream.calls).toEqual([]);
    rig.clock.advance(1);
    expect(rig.upstream.calls).toEqual(["terminate"]);
    expect(rig.ends.length).toBe(1);
    rig.upstream.handlers?.onClose();
    expect(rig.ends.length).toBe(1);
    expect(rig.clock.pending()).toBe(0);
  });

  test("waits longer while queued bytes leave, but not for ever", () => {
    const rig = openTunnelRig({ limits: { closeTimeoutMs: 1000 } });
    rig.upstream.stalled = true;
    rig.events.onMessage(new Uint8Array(1000));
    rig.events.onClose(1000, "");
    let waitedMs = 0;
    while (rig.upstream.calls.length === 0 && waitedMs < 100_000) {
      rig.upstream.queuedBytes--;
      rig.clock.advance(1000);
      waitedMs += 1000;
    }
    expect(waitedMs).toBe(13_000);
  });
});

describe("the upstream ends", () => {
  for (const code of [1000, 1001, 1014, 3000, 4999]) {
    test(`echoes ${code} and passes it with the reason to the client`, () => {
      const rig = openTunnelRig();
      rig.upstream.handlers?.onData(
        Buffer.concat([textBytes("before"), closeBytes(code, "why"), textBytes("after")]),
      );
      expect(rig.client.got).toEqual(["before"]);
      expect(rig.client.calls).toEqual([`close ${code} why`]);
      expect(sentFrames(rig)).toEqual([sentClose(code)]);
      rig.events.onClose(code, "why");
      rig.upstream.handlers?.onClose();
      expect(rig.ends).toMatchObject([{ by: "upstream", code, cause: "", detail: "why" }]);
    });
  }

  test("passes a missing code on as missing", () => {
    const rig = openTunnelRig();
    rig.upstream.handlers?.onData(frameBytes({ opcode: 8 }));
    expect(rig.client.calls).toEqual(["close none"]);
    expect(sentFrames(rig)).toEqual([[8, ""]]);
  });

  test("without a close frame the client half ends abnormally", () => {
    const rig = openTunnelRig();
    rig.upstream.handlers?.onClose();
    expect(rig.client.calls).toEqual(["terminate"]);
    expect(rig.ends).toMatchObject([{ by: "upstream", code: 1006, cause: "upstream_closed" }]);
    expect(rig.clock.pending()).toBe(0);
    rig.events.onMessage("late");
    expect(sentFrames(rig)).toEqual([]);
  });

  const broken = [
    { name: "breaks the protocol", bytes: frameBytes({ opcode: 1, rsv: 4 }), code: 1002, told: 1011 },
    {
      name: "sends text that is not UTF-8",
      bytes: frameBytes({ opcode: 1, payload: Buffer.from([0xff]) }),
      code: 1007,
      told: 1011,
    },
    {
      name: "sends too much",
      bytes: frameBytes({ opcode: 2, payload: new Uint8Array(11) }),
      code: 1009,
      told: 1009,
    },
  ];
  for (const row of broken) {
    test(`one that ${row.name} is told ${row.code}, the client ${row.told}`, () => {
      const rig = openTunnelRig({ limits: { maxMessageBytes: 10 } });
      rig.upstream.handlers?.onData(row.bytes);
      expect(rig.client.calls).toEqual([`close ${row.told}`]);
      expect(rig.upstream.frames()[0]?.payload.readUInt16BE(0)).toBe(row.code);
      expect(rig.upstream.calls).toEqual(["end"]);
      rig.clock.advance(5000);
      expect(rig.upstream.calls).toEqual(["end", "terminate"]);
      expect(rig.ends).toMatchObject([{ by: "upstream", code: row.code, cause: "upstream_protocol" }]);
    });
  }
});

describe("onShutdown", () => {
  test("row 65: closes both halves with 1001", () => {
    const rig = openTunnelRig();
    rig.events.onShutdown();
    expect(rig.client.calls).toEqual(["close 1001"]);
    expect(sentFrames(rig)).toEqual([sentClose(1001)]);
    rig.events.onClose(1001, "");
    rig.upstream.handlers?.onClose();
    expect(rig.ends).toMatchObject([{ by: "proxy", code: 1001, cause: "shutting_down" }]);
  });
});

describe("pings", () => {
  const INTERVAL_MS = 30_000;

  test("go to quiet halves only", () => {
    const rig = openTunnelRig();
    rig.events.onMessage("x");
    rig.upstream.handlers?.onData(textBytes("y"));
    rig.clock.advance(INTERVAL_MS);
    expect(rig.client.calls).toEqual([]);
    expect(sentFrames(rig)).toEqual([[1, "x"]]);
    rig.clock.advance(INTERVAL_MS);
    expect(rig.client.calls).toEqual(["ping"]);
    expect(sentFrames(rig)[1]).toEqual([9, ""]);
  });

  test("an upstream that leaves two unanswered is cut off", () => {
    const rig = openTunnelRig();
    rig.clock.advance(3 * INTERVAL_MS - 1);
    expect(rig.upstream.calls).toEqual([]);
    rig.clock.advance(1);
    expect(rig.upstream.calls).toEqual(["terminate"]);
    expect(rig.client.calls.at(-1)).toBe("terminate");
    expect(rig.ends).toMatchObject([{ by: "upstream", cause: "upstream_idle_timeout" }]);
    expect(rig.clock.pending()).toBe(0);
  });

  test("an upstream that answers may stay quiet for ever", () => {
    const rig = openTunnelRig();
    for (let i = 0; i < 100; i++) {
      rig.clock.advance(INTERVAL_MS);
      rig.upstream.handlers?.onData(frameBytes({ opcode: 10 }));
    }
    expect(rig.upstream.calls).toEqual([]);
    expect(rig.ends).toEqual([]);
  });

  test("nobody is judged who is paused or has bytes to read", () => {
    const blocked = openTunnelRig();
    blocked.client.stalled = true;
    blocked.upstream.handlers?.onData(textBytes("x"));
    blocked.clock.advance(10 * INTERVAL_MS);
    expect(blocked.ends).toEqual([]);
    expect(blocked.client.calls).toEqual([]);
    const stalled = openTunnelRig();
    stalled.upstream.stalled = true;
    stalled.events.onMessage("x");
    stalled.clock.advance(10 * INTERVAL_MS);
    expect(stalled.ends).toEqual([]);
    expect(sentFrames(stalled)).toEqual([[1, "x"]]);
  });

  test("an interval of 0 sends none", () => {
    const rig = openTunnelRig({ limits: { pingIntervalMs: 0 } });
    expect(rig.clock.pending()).toBe(0);
    rig.clock.advance(10 * INTERVAL_MS);
    expect(sentFrames(rig)).toEqual([]);
  });
});
