/** What becomes of a finished exchange: its access-log line, and a line in the error log if the proxy failed it. */

import type { Exchange } from "../exchange/exchange.ts";
import type { Logger } from "../lib/logger.ts";
import { createFormat, type FormatLine, toAccessRecord } from "../observe/access-format.ts";
import { createSink, type Sink } from "../observe/sink.ts";
import type { LogSpec } from "../snapshot/types.ts";

/** Failures described per second and worker; the access log has a line for every one of them. */
export const MAX_FAILURES_DESCRIBED = 20;

export interface Recorder {
  record(exchange: Exchange): void;
  /** Opens the access log of a snapshot that may be committed; throws if that is not possible. */
  prepare(spec: LogSpec): PreparedLog;
  commit(prepared: PreparedLog): void;
  discard(prepared: PreparedLog): void;
  reopen(): void;
  close(): Promise<void>;
}

export interface PreparedLog {
  readonly spec: LogSpec;
  readonly sink: Sink | undefined;
}

interface RecorderState {
  readonly log: Logger;
  current: PreparedLog | undefined;
  format: FormatLine;
  second: number;
  described: number;
}

/** HTTP/1.0 and 1.1 look the same behind Bun.serve. */
const PROTOCOL = "HTTP/1.1";

export function createRecorder({ log }: { readonly log: Logger }): Recorder {
  const state: RecorderState = {
    log,
    current: undefined,
    format: createFormat("json"),
    second: 0,
    described: 0,
  };
  return {
    record: (exchange) => record(state, exchange),
    prepare: (spec) => prepare(state, spec),
    commit: (prepared) => commit(state, prepared),
    discard(prepared) {
      if (prepared.sink !== state.current?.sink) void prepared.sink?.close();
    },
    reopen: () => void state.current?.sink?.reopen(),
    async close() {
      await state.current?.sink?.close();
      state.current = undefined;
    },
  };
}

function record(state: RecorderState, exchange: Exchange): void {
  const { trace } = exchange;
  const now = performance.now();
  state.current?.sink?.write(state.format(toAccessRecord(exchange, PROTOCOL), trace, now - trace.start));
  if (trace.cause !== "" && trace.detail !== "" && trace.status >= 500) describe(state, exchange, now);
}

function describe(state: RecorderState, { method, path, trace }: Exchange, now: number): void {
  const second = Math.floor(now / 1000);
  if (second !== state.second) {
    if (state.described > MAX_FAILURES_DESCRIBED) {
      state.log.warn(
        `${state.described - MAX_FAILURES_DESCRIBED} more failed requests were not described here`,
      );
    }
    state.second = second;
    state.described = 0;
  }
  state.described += 1;
  if (state.described > MAX_FAILURES_DESCRIBED) return;
  state.log.warn(`${trace.cause}: ${method} ${path} on route "${trace.route}": ${trace.detail}`);
}

/** An unchanged path keeps its open file. */
function prepare(state: RecorderState, spec: LogSpec): PreparedLog {
  if (spec.access === "") return { spec, sink: undefined };
  if (state.current?.spec.access === spec.access) return { spec, sink: state.current.sink };
  const opened = createSink({ path: spec.access, report: (message) => state.log.warn(message) });
  if (!opened.ok) throw new Error(opened.error);
  return { spec, sink: opened.value };
}

function commit(state: RecorderState, prepared: PreparedLog): void {
  const earlier = state.current;
  if (earlier?.spec.format !== prepared.spec.format) state.format = createFormat(prepared.spec.format);
  if (earlier !== undefined && earlier.sink !== prepared.sink) void earlier.sink?.close();
  state.current = prepared;
}
