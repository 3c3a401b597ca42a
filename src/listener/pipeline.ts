/** What any front needs of the proxy behind it; the seam that keeps Bun's types inside this folder. */

import type { Received } from "../exchange/accept.ts";
import type { Answer, Exchange } from "../exchange/exchange.ts";

export interface Started {
  readonly exchange: Exchange;
  /** A rejection becomes an answer by `rescue`; one promise less a request than an answer that never rejects. */
  readonly answer: Answer | Promise<Answer>;
  /** Generation of the snapshot that serves it, to its end. */
  readonly generation: number;
}

export interface Pipeline {
  /** Never throws. */
  start(received: Received): Started;
  /** The answer to a request whose own failed. */
  rescue(exchange: Exchange, thrown: unknown): Answer;
  /** Exactly once per started exchange: its last byte was handed over, or the client is gone. */
  finish(exchange: Exchange): void;
  /** Idle time of keep-alive connections in seconds. */
  keepaliveSeconds(): number;
  /** How long a client may leave the rest of an answer unread, in seconds. */
  clientIdleSeconds(): number;
}
