import { describe, expect, test } from "bun:test";
import { WEBSOCKET_HELD_BYTES_MAX, WEBSOCKET_QUEUE_SLACK_BYTES } from "../../../src/upstream/tunnel.ts";
import {
  closeBytes,
  createTunnelRig,
  openTunnelRig,
  sentClose,
  sentFrames,
  textBytes,
} from "../../support/tunnel-fakes.ts";
import { frameBytes } from "../../support/ws-bytes.ts";

describe("attach", () => {
  test("row 32: bytes that came with the 101 or before the front was ready are held in order", () => {
    const rig = createTunnelRig({
      leftover: Buffer.concat([textBytes("one"), textBytes("two").subarray(0, 2)]),
    });
    expect(rig.upstream.paused).toBe(true);
    rig.upstream.handlers?.onData(textBytes("two").subarray(2));
    expect(rig.client.got).toEqual([]);
    rig.tunnel.attach(rig.client);
    expect(rig.client.got).toEqual(["one", "two"]);
    expect(rig.upstream.paused).toBe(false);
  });

  test("delivers what a dead upstream had sent, then ends the client half abnormally", () => {
    const rig = createTunnelRig({ leftover: textBytes("last words") });
    rig.upstream.handlers?.onClose();
    expect(rig.ends).toEqual([]);
    rig.tunnel.attach(rig.client);
    expect(rig.client.got).toEqual(["last words"]);
    expect(rig.client.calls).toEqual(["terminate"]);
    expect(rig.ends).toMatchObject([{ by: "upstream", code: 1006, cause: "upstream_closed" }]);
    expect(rig.clock.pending()).toBe(0);
  });

  test("passes on a close that was held", () => {
    const rig = createTunnelRig({ leftover: closeBytes(3001, "early") });
    rig.tunnel.attach(rig.client);
    expect(rig.client.calls).toEqual(["close 3001 early"]);
    expect(sentFrames(rig)).toEqual([sentClose(3001)]);
  });

  test("gives up when an upstream half delivers without end while paused", () => {
    const rig = createTunnelRig();
    const chunk = new Uint8Array(1024 * 1024);
    for (let i = 0; i <= WEBSOCKET_HELD_BYTES_MAX / chunk.length; i++) rig.upstream.handlers?.onData(chunk);
    expect(rig.upstream.calls).toEqual(["terminate"]);
    rig.tunnel.attach(rig.client);
    expect(rig.client.calls).toEqual(["close 1011"]);
    expect(rig.ends).toMatchObject([{ by: "proxy", cause: "internal" }]);
    expect(rig.clock.pending()).toBe(0);
  });
});

describe("abandon", () => {
  test("closes the upstream half with 1001 and ends when it is gone", () => {
    const rig = createTunnelRig({ leftover: textBytes("unread") });
    rig.tunnel.abandon();
    expect(sentFrames(rig)).toEqual([sentClose(1001)]);
    expect(rig.upstream.paused).toBe(false);
    expect(rig.ends).toEqual([]);
    rig.upstream.handlers?.onClose();
    expect(rig.ends).toMatchObject([{ by: "client", cause: "client_gone" }]);
    expect(rig.clock.pending()).toBe(0);
  });
});

describe("messages", () => {
  test("row 34: text stays text, binary binary, empty stays a message, in order both ways", () => {
    const rig = openTunnelRig();
    const frames = [
      textBytes("a"),
      frameBytes({ opcode: 2, payload: "b" }),
      textBytes(""),
      frameBytes({ opcode: 2 }),
    ];
    rig.upstream.handlers?.onData(Buffer.concat(frames));
    expect(rig.client.got).toEqual(["a", [98], "", []]);
    for (const data of ["a", Buffer.from("b"), "", new Uint8Array(0)]) rig.events.onMessage(data);
    expect(sentFrames(rig)).toEqual([
      [1, "a"],
      [2, "b"],
      [1, ""],
      [2, ""],
    ]);
    expect(rig.upstream.frames().every((frame) => frame.masked && frame.fin)).toBe(true);
  });

  test("sends what one chunk holds as one batch if the front can", () => {
    const rig = createTunnelRig();
    let batches = 0;
    const batch = (run: () => void) => {
      batches++;
      run();
    };
    rig.tunnel.attach({ ...rig.client, batch });
    rig.upstream.handlers?.onData(Buffer.concat([textBytes("a"), textBytes("b")]));
    expect(rig.client.got).toEqual(["a", "b"]);
    expect(batches).toBe(1);
  });

  test("answers upstream pings itself and passes neither ping nor pong on", () => {
    const rig = openTunnelRig();
    rig.upstream.handlers?.onData(frameBytes({ opcode: 9, payload: "hi" }));
    rig.upstream.handlers?.onData(frameBytes({ opcode: 10, payload: "ho" }));
    expect(sentFrames(rig)).toEqual([[10, "hi"]]);
    expect(rig.client.got).toEqual([]);
    expect(rig.client.calls).toEqual([]);
  });
});

describe("backpressure", () => {
  test("a client half that takes no more stops the parser and the upstream", () => {
    const rig = openTunnelRig();
    rig.client.stalled = true;
    rig.upstream.handlers?.onData(Buffer.concat([textBytes("a"), textBytes("b"), textBytes("c")]));
    rig.upstream.handlers?.onData(textBytes("d"));
    expect(rig.client.got).toEqual(["a"]);
    expect(rig.upstream.paused).toBe(true);
    rig.events.onDrain();
    expect(rig.client.got).toEqual(["a", "b"]);
    expect(rig.upstream.paused).toBe(true);
    rig.client.stalled = false;
    rig.events.onDrain();
    expect(rig.client.got).toEqual(["a", "b", "c", "d"]);
    expect(rig.upstream.paused).toBe(false);
  });

  test("row 34: what a lost upstream had sent is flushed to a slow client before its half ends", () => {
    const rig = openTunnelRig();
    rig.client.stalled = true;
    rig.upstream.handlers?.onData(Buffer.concat([textBytes("a"), textBytes("b")]));
    rig.upstream.handlers?.onClose(new Error("reset"));
    expect(rig.client.calls).toEqual([]);
    rig.client.stalled = false;
    rig.events.onDrain();
    expect(rig.client.got).toEqual(["a", "b"]);
    expect(rig.client.calls).toEqual(["terminate"]);
    expect(rig.ends).toMatchObject([{ cause: "upstream_closed", detail: "reset" }]);
  });

  test("an upstream that takes no more pauses the client half until it drained", () => {
    const rig = openTunnelRig();
    rig.upstream.stalled = true;
    rig.events.onMessage("a");
    expect(rig.client.paused).toBe(true);
    rig.events.onMessage("read before the pause");
    expect(sentFrames(rig)).toEqual([
      [1, "a"],
      [1, "read before the pause"],
    ]);
    rig.upstream.drain();
    expect(rig.client.paused).toBe(false);
  });

  test("a client half that ignores the pause is cut off at a named limit", () => {
    const rig = openTunnelRig({ limits: { maxMessageBytes: 1000 } });
    rig.upstream.stalled = true;
    const message = new Uint8Array(100_000);
    let count = 0;
    while (rig.client.calls.length === 0 && count < 1000) {
      rig.events.onMessage(message);
      count++;
    }
    expect(rig.upstream.queuedBytes).toBeGreaterThan(WEBSOCKET_QUEUE_SLACK_BYTES);
    expect(rig.upstream.queuedBytes).toBeLessThan(WEBSOCKET_QUEUE_SLACK_BYTES + 2 * message.length);
    expect(rig.client.calls).toEqual(["close 1011"]);
    expect(rig.upstream.calls).toEqual(["terminate"]);
  });

  test("an upstream that pings without reading gets one answer, to its latest ping", () => {
    const rig = openTunnelRig();
    rig.upstream.stalled = true;
    rig.events.onMessage("full");
    for (let i = 0; i < 1000; i++) rig.upstream.handlers?.onData(frameBytes({ opcode: 9, payload: `${i}` }));
    expect(sentFrames(rig)).toEqual([[1, "full"]]);
    rig.upstream.drain();
    expect(sentFrames(rig)).toEqual([
      [1, "full"],
      [10, "999"],
    ]);
    expect(rig.client.paused).toBe(false);
  });
});
