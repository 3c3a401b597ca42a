/**
 * The vocabulary of one request: plain records between the front, the middleware and the upstream.
 * Only `listener/` knows how a front turns these into its own request and response.
 */

import type { HeaderList, MutableHeaderList } from "../http/headers.ts";
import type { Trace } from "./trace.ts";

export interface Client {
  /** Address all features agree on: the peer, or what trusted proxies say. Empty on a unix socket. */
  readonly ip: string;
  /** Address of the TCP peer. Empty on a unix socket. */
  readonly peer: string;
  /** True if the peer is in `trusted_proxies`, so its X-Forwarded-* fields count. */
  readonly trusted: boolean;
  /** Entries of X-Forwarded-For that were believed, counted from the right. */
  readonly hops: number;
}

export interface Exchange {
  readonly method: string;
  /** Path and query as the client sent them, as far as the front shows them; this is what is forwarded. */
  readonly target: string;
  /** Canonical path: what router, guards, cache key and log agree on. Starts with "/". */
  readonly path: string;
  /** Query with its "?", or "". */
  readonly query: string;
  readonly scheme: "http" | "https";
  /** Lower-case hostname without port or trailing dot; "" for HTTP/1.0 without Host. */
  readonly host: string;
  /** Host field as sent after validation (hostname[:port]); "" for HTTP/1.0 without Host. */
  readonly authority: string;
  /** Port of the listener, 0 on a unix socket. */
  readonly localPort: number;
  readonly client: Client;
  /** Request fields, names in lower case, as the client sent them (nothing stripped yet). */
  readonly headers: HeaderList;
  /** Undefined when the request has no body. */
  readonly body: RequestBody | undefined;
  /** Non-undefined if the request is a valid WebSocket handshake (RFC 6455 4.2.1). */
  readonly upgrade: "websocket" | undefined;
  /** Filled in on the way; one access-log line at the end. */
  readonly trace: Trace;
  /** Calls back once if the client goes away before the answer is complete. */
  readonly onClientGone: (listener: () => void) => void;
}

/** Body bytes on demand. `read` resolves to undefined at the end and rejects with a ProxyFailure. */
export interface ByteSource {
  read(): Promise<Uint8Array | undefined>;
  /** No more bytes are wanted; must be safe to call twice and after the end. */
  cancel(): void;
  /**
   * Calls back once when no more bytes will come, read or not: from then on only the reader can be slow. `failed`
   * means that the next reads, or those after what is queued, reject.
   */
  onSettled?(listener: (failed: boolean) => void): void;
}

export interface RequestBody extends ByteSource {
  /** Content-Length in bytes; undefined means chunked. */
  readonly length: number | undefined;
}

export type AnswerBody =
  | { readonly kind: "none" }
  /** `keepLength`: the length is worth more than the speed of a large body (a limit of Bun.serve). */
  | { readonly kind: "bytes"; readonly bytes: Uint8Array; readonly keepLength?: boolean }
  | { readonly kind: "stream"; readonly first: Uint8Array | undefined; readonly rest: ByteSource }
  | {
      readonly kind: "websocket";
      readonly tunnel: Tunnel;
      /** Resolves when both halves are done; never rejects. */
      readonly ended: Promise<void>;
    };

export interface Answer {
  readonly status: number;
  /** Response fields without hop-by-hop and framing fields, except Content-Length where a body is absent (HEAD, 304). */
  readonly headers: MutableHeaderList;
  readonly body: AnswerBody;
}

export type Handler = (exchange: Exchange) => Answer | Promise<Answer>;

/** Wraps a handler; called once when a snapshot is assembled, never per request. */
export type Middleware = (next: Handler) => Handler;

/** The upstream half of an accepted WebSocket, waiting for the front to attach the client half. */
export interface Tunnel {
  /** The front calls this once, after its own 101 was sent. */
  attach(client: TunnelClient): TunnelEvents;
  /** The front could not upgrade: close the upstream half. */
  abandon(): void;
}

/** What a tunnel may do to the client half. */
export interface TunnelClient {
  /** Sends one message; false means its buffer is over the limit: wait for `onDrain`. */
  send(data: string | Uint8Array): boolean;
  ping(data: Uint8Array): void;
  close(code: number | undefined, reason: string): void;
  terminate(): void;
  pause(): void;
  resume(): void;
  /** Runs `run` at once; messages it sends may leave in one write. A front without such a thing leaves it out. */
  batch?(run: () => void): void;
}

/** What the front tells a tunnel about the client half. */
export interface TunnelEvents {
  onMessage(data: string | Uint8Array): void;
  onDrain(): void;
  onClose(code: number, reason: string): void;
  /** The proxy is draining: close both halves with 1001. */
  onShutdown(): void;
}
