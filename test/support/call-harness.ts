/** A call on a connection without a socket: bytes of a response in, what becomes of them out. */

import type { ProxyErrorKind } from "../../src/exchange/error.ts";
import { type Call, takePiece } from "../../src/upstream/call.ts";
import { type Connection, createConnection } from "../../src/upstream/connection.ts";
import { startCall } from "../../src/upstream/start-call.ts";

export interface Harness {
  readonly call: Call<undefined>;
  readonly connection: Connection;
  /** What was written to the endpoint. */
  readonly written: Uint8Array[];
  /** How many bytes the kernel takes from now on. */
  setRoom(bytes: number): void;
  feed(bytes: string | Uint8Array): void;
  /** The kernel has room again. */
  drain(): void;
  /** The endpoint ends the connection. */
  close(clean: boolean): void;
  /** True if the connection could be used again, undefined while the call lasts. */
  reusable(): boolean | undefined;
}

export interface HarnessOptions {
  readonly method?: string;
  readonly hasBody?: boolean;
  readonly upgrading?: boolean;
  readonly served?: number;
}

export function createHarness(options: HarnessOptions = {}): Harness {
  const connection = createConnection("key", "endpoint.test:80");
  connection.served = options.served ?? 0;
  const written: Uint8Array[] = [];
  let room = Number.POSITIVE_INFINITY;
  const socket = {
    write(bytes: Uint8Array): number {
      const taken = Math.min(room, bytes.length);
      room -= taken;
      if (taken > 0) written.push(bytes.slice(0, taken));
      return taken;
    },
    pause: () => undefined,
    resume: () => undefined,
    terminate: () => undefined,
    end: () => undefined,
  };
  // Only these methods of a socket are used on the way of a call.
  connection.socket = socket as unknown as NonNullable<Connection["socket"]>;
  let reusable: boolean | undefined;
  const request = {
    method: options.method ?? "GET",
    upgrading: options.upgrading ?? false,
    hasBody: options.hasBody ?? false,
  };
  const call = startCall<undefined>(connection, request, undefined, {
    onProgress: () => undefined,
    onFailure: () => undefined,
    onFinished: (_call, result) => {
      reusable = result;
    },
  });
  return {
    call,
    connection,
    written,
    setRoom(bytes) {
      room = bytes;
    },
    feed(bytes) {
      call.events.data(
        connection,
        typeof bytes === "string" ? Buffer.from(bytes, "latin1") : Buffer.from(bytes),
      );
    },
    drain() {
      room = Number.POSITIVE_INFINITY;
      written.push(...connection.pending.splice(0));
      connection.pendingBytes = 0;
      call.events.drain(connection);
    },
    close: (clean) => call.events.closed(connection, clean, clean ? "closed" : "reset", call),
    reusable: () => reusable,
  };
}

export interface Outcome {
  readonly status: number | undefined;
  readonly headers: readonly string[] | undefined;
  readonly body: string;
  readonly ended: boolean;
  readonly failure: ProxyErrorKind | undefined;
  readonly reusable: boolean | undefined;
}

/** Feeds the pieces one after another, reading as they come, and closes at the end if asked to. */
export function runResponse(pieces: readonly Uint8Array[], method: string, close: boolean): Outcome {
  const harness = createHarness({ method });
  const { call } = harness;
  let body = "";
  for (const piece of pieces) {
    // Nobody hears of bytes that come after the call has ended.
    if (call.finished) break;
    harness.feed(piece);
    for (let part = takePiece(call); part !== undefined; part = takePiece(call)) {
      body += Buffer.from(part).toString("latin1");
    }
  }
  if (close && !call.finished) harness.close(true);
  return {
    status: call.head?.status,
    headers: call.head?.headers,
    body,
    ended: call.ended,
    failure: call.failure?.kind,
    reusable: harness.reusable(),
  };
}
