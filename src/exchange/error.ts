/** What can go wrong with one request: a kind, who caused it and whether another try is safe. */

/** Every expected failure. The name is the cause code in the access log. */
export type ProxyErrorKind =
  | "bad_request"
  | "method_not_allowed"
  | "not_implemented"
  | "no_route"
  | "loop_detected"
  | "client_gone"
  | "client_idle_timeout"
  | "expectation_failed"
  | "upgrade_required"
  | "no_endpoint"
  | "connect_refused"
  | "connect_timeout"
  | "connect_failed"
  | "connect_limit"
  | "dns_failed"
  | "tls_failed"
  | "upstream_closed"
  | "upstream_protocol"
  | "upstream_head_too_large"
  | "response_header_timeout"
  | "upstream_idle_timeout"
  | "upstream_truncated"
  | "upgrade_failed"
  | "not_serving"
  | "internal";

export type ErrorSource = "client" | "upstream" | "proxy";

/**
 * - `safe`: no byte of the request reached an upstream, another endpoint may be tried.
 * - `if-reused`: the connection was reused and died before any response byte; once, if idempotent and replayable.
 * - `never`: an upstream may have acted on the request.
 */
export type RetryRule = "safe" | "if-reused" | "never";

export interface ProxyError {
  readonly kind: ProxyErrorKind;
  readonly source: ErrorSource;
  readonly retry: RetryRule;
  /** For the log only; may name addresses. Never sent to a client. */
  readonly detail: string;
  /** A fixed sentence that may be sent to the client, for refusals the client can act on. */
  readonly publicDetail?: string;
}

/** Carries a ProxyError through code that must throw: streams and socket callbacks. */
export class ProxyFailure extends Error {
  readonly error: ProxyError;

  constructor(error: ProxyError) {
    super(`${error.kind}: ${error.detail}`);
    this.name = "ProxyFailure";
    this.error = error;
  }
}

export function clientError(kind: ProxyErrorKind, publicDetail: string): ProxyError {
  return { kind, source: "client", retry: "never", detail: publicDetail, publicDetail };
}

export function upstreamError(kind: ProxyErrorKind, detail: string, retry: RetryRule = "never"): ProxyError {
  return { kind, source: "upstream", retry, detail };
}

export function proxyError(kind: ProxyErrorKind, detail: string): ProxyError {
  return { kind, source: "proxy", retry: "never", detail };
}
