/** Exchanges and received requests for tests without a front. */

import type { Received } from "../../src/exchange/accept.ts";
import type { Answer, ByteSource, Exchange, Handler, RequestBody } from "../../src/exchange/exchange.ts";
import { createTrace } from "../../src/exchange/trace.ts";

export function createExchange(exchange: Partial<Exchange> = {}): Exchange {
  return {
    method: "GET",
    target: "/",
    path: "/",
    query: "",
    scheme: "http",
    host: "site.test",
    authority: "site.test",
    localPort: 8080,
    client: { ip: "203.0.113.7", peer: "203.0.113.7", trusted: false, hops: 0 },
    headers: [],
    body: undefined,
    upgrade: undefined,
    trace: createTrace(0, 0),
    onClientGone: () => undefined,
    ...exchange,
  };
}

export function createReceived(received: Partial<Received> = {}): Received {
  return {
    method: "GET",
    target: "/",
    scheme: "http",
    headers: ["host", "site.test"],
    peer: "203.0.113.7",
    localPort: 8080,
    body: undefined,
    onClientGone: () => undefined,
    trace: createTrace(0, 0),
    ...received,
  };
}

export interface FakeBody extends RequestBody {
  /** Hands the next piece to whoever reads, or keeps it until somebody does; undefined ends the body. */
  push(piece: string | undefined): void;
  fail(error: Error): void;
  /** Reads that wait. */
  waiting(): number;
  cancelled(): boolean;
}

export function createFakeBody(length: number | undefined): FakeBody {
  const items: (Uint8Array | undefined | Error)[] = [];
  const readers: ((item: Uint8Array | undefined | Error) => void)[] = [];
  let cancelled = false;
  const push = (item: Uint8Array | undefined | Error) => {
    const reader = readers.shift();
    if (reader === undefined) items.push(item);
    else reader(item);
  };
  const read: ByteSource["read"] = async () => {
    const item =
      items.length > 0
        ? items.shift()
        : await new Promise<Uint8Array | undefined | Error>((r) => readers.push(r));
    if (item instanceof Error) throw item;
    return item;
  };
  return {
    length,
    read,
    cancel() {
      cancelled = true;
    },
    push: (piece) => push(piece === undefined ? undefined : Buffer.from(piece, "latin1")),
    fail: push,
    waiting: () => readers.length,
    cancelled: () => cancelled,
  };
}

/** The answer of a handler that does not wait. */
export function answerOf(handler: Handler, exchange: Partial<Exchange> = {}): Answer {
  const answer = handler(createExchange(exchange));
  if (answer instanceof Promise) throw new Error("The handler answers later");
  return answer;
}
