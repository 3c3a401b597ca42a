/** The mutable record of one request that becomes its access-log line. */

export interface Trace {
  /** Wall clock at the start, milliseconds since the epoch. */
  readonly startedAt: number;
  /** Monotonic clock at the start, milliseconds; the zero of all durations below. */
  readonly start: number;
  /** Name of the route, "" if none matched. */
  route: string;
  /** Address of the endpoint that answered or failed last, "" if none was asked. */
  endpoint: string;
  /** Further attempts after the first. */
  retries: number;
  /** Milliseconds spent waiting for a connection, -1 if none was needed; 0 for a reused one. */
  connectMs: number;
  /** Milliseconds from the start to the first response byte of the upstream, -1 if none came. */
  firstByteMs: number;
  /** Body bytes received from the client. */
  bytesIn: number;
  /** Body bytes handed to the client. */
  bytesOut: number;
  /** Status in the log: what was sent, or 499 when the client left first. */
  status: number;
  /** Cause code of a failure, "" if all went well. */
  cause: string;
  /** For the error log: what exactly failed. */
  detail: string;
}

export function createTrace(startedAt: number, start: number): Trace {
  return {
    startedAt,
    start,
    route: "",
    endpoint: "",
    retries: 0,
    connectMs: -1,
    firstByteMs: -1,
    bytesIn: 0,
    bytesOut: 0,
    status: 0,
    cause: "",
    detail: "",
  };
}
