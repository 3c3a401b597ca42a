/** The one table from failures to statuses; what a client may know about them. */

import type { ProxyError, ProxyErrorKind } from "./error.ts";

interface Rescue {
  /** 499 is for the log only: nobody is left to read it. */
  readonly status: number;
  readonly sentence: string;
  readonly retryAfterSeconds?: number;
}

const UNREACHABLE = "The application behind this address cannot be reached";
const BROKEN = "The application behind this address sent an invalid answer";
const TIMEOUT = "The application behind this address did not answer in time";
const UNAVAILABLE = "The application behind this address is not available at the moment";

const RESCUES = {
  bad_request: { status: 400, sentence: "The request is malformed" },
  method_not_allowed: { status: 405, sentence: "The method is not allowed here" },
  not_implemented: { status: 501, sentence: "The method is not supported" },
  no_route: { status: 404, sentence: "There is nothing at this address" },
  loop_detected: { status: 508, sentence: "The request went in a circle" },
  client_gone: { status: 499, sentence: "The client closed the connection" },
  client_idle_timeout: { status: 408, sentence: "The request body did not arrive in time" },
  upgrade_required: { status: 426, sentence: "The WebSocket version is not supported" },
  expectation_failed: { status: 417, sentence: "The expectation cannot be met" },
  no_endpoint: { status: 503, sentence: UNAVAILABLE, retryAfterSeconds: 5 },
  connect_refused: { status: 502, sentence: UNREACHABLE },
  connect_timeout: { status: 504, sentence: TIMEOUT },
  connect_failed: { status: 502, sentence: UNREACHABLE },
  connect_limit: { status: 503, sentence: UNAVAILABLE, retryAfterSeconds: 1 },
  dns_failed: { status: 502, sentence: UNREACHABLE },
  tls_failed: { status: 502, sentence: UNREACHABLE },
  upstream_closed: { status: 502, sentence: BROKEN },
  upstream_protocol: { status: 502, sentence: BROKEN },
  upstream_head_too_large: { status: 502, sentence: BROKEN },
  response_header_timeout: { status: 504, sentence: TIMEOUT },
  upstream_idle_timeout: { status: 504, sentence: TIMEOUT },
  upstream_truncated: { status: 502, sentence: BROKEN },
  upgrade_failed: { status: 502, sentence: BROKEN },
  not_serving: { status: 503, sentence: UNAVAILABLE, retryAfterSeconds: 1 },
  internal: { status: 500, sentence: "Something went wrong" },
} as const satisfies Record<ProxyErrorKind, Rescue>;

export function rescue(error: ProxyError): Rescue {
  const entry: Rescue = RESCUES[error.kind];
  return error.publicDetail === undefined ? entry : { ...entry, sentence: error.publicDetail };
}
