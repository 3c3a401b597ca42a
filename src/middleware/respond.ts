/** The terminal handler of a route with a fixed response. */

import type { Handler } from "../exchange/exchange.ts";
import { hasNoBody } from "../http/status.ts";

export interface RespondOptions {
  readonly status: number;
  readonly body: string;
  readonly contentType: string;
}

export function createRespond({ status, body, contentType }: RespondOptions): Handler {
  const bytes = new TextEncoder().encode(body);
  return (exchange) => {
    if (hasNoBody("GET", status)) return { status, headers: [], body: { kind: "none" } };
    if (hasNoBody(exchange.method, status)) {
      const headers = ["Content-Type", contentType, "Content-Length", String(bytes.length)];
      return { status, headers, body: { kind: "none" } };
    }
    return {
      status,
      headers: ["Content-Type", contentType],
      body: { kind: "bytes", bytes, keepLength: true },
    };
  };
}
