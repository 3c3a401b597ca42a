/** Takes log lines from the request path and brings them to a file in batches, without ever waiting or throwing. */

import { ok, type Result } from "../lib/result.ts";
import {
  type Batch,
  createBatch,
  linesLeft,
  skipTornLine,
  waitForWriteSync,
  writeAllSync,
  writeSome,
} from "./batch.ts";
import { appendLine, createPages, type Pages, takePages } from "./pages.ts";
import { closeTarget, isStream, openTarget, type Target } from "./target.ts";

export interface SinkOptions {
  /** Absolute path, "stdout" or "stderr". */
  readonly path: string;
  /** Told about lost lines and about recovery, at most once a minute each; must not write to this sink. */
  readonly report: (message: string) => void;
  /** How long a line may wait for company. */
  readonly flushMs?: number;
  readonly maxPendingBytes?: number;
  /** Monotonic clock in milliseconds. */
  readonly now?: () => number;
}

export interface Sink {
  readonly path: string;
  /** One whole line with its "\n". Never throws, never waits; drops and counts when the limit is reached. */
  write(line: string): void;
  /** Resolves when everything written so far is in the file, or when trying failed (it is tried again later). */
  flush(): Promise<void>;
  /** For the exit of the process; called by itself on "exit". */
  flushSync(): void;
  /** After a rotation: what is pending goes to the old file, then the path is opened anew. */
  reopen(): Promise<void>;
  /** Flushes and lets go of the file; later lines are dropped. */
  close(): Promise<void>;
  readonly pendingBytes: () => number;
  readonly droppedLines: () => number;
}

/** Bytes that may wait for a slow or full disk. */
export const MAX_PENDING_BYTES = 8 * 1024 * 1024;
/**
 * A write from another thread costs about 100 µs whatever its size: measured 0.5 µs a line in batches of 64 KiB,
 * 0.1 µs in batches of 256 KiB.
 */
export const FLUSH_BYTES = 256 * 1024;
export const FLUSH_MS = 200;
const RETRY_MS = 1000;
const RETRY_PIPE_MS = 20;
const REPORT_EVERY_MS = 60_000;
/** How often close() tries again when a pipe is full: one second in all. */
const CLOSE_TRIES = 50;

interface SinkState {
  readonly path: string;
  readonly flushMs: number;
  readonly maxPendingBytes: number;
  readonly report: (message: string) => void;
  readonly now: () => number;
  target: Target;
  readonly pages: Pages;
  batch: Batch | undefined;
  draining: Promise<void> | undefined;
  flushWanted: boolean;
  flushTimer: Timer | undefined;
  retryTimer: Timer | undefined;
  /** True after EPIPE: nobody will ever read it. */
  gone: boolean;
  closed: boolean;
  failing: boolean;
  failureReported: boolean;
  dropped: number;
  droppedReported: number;
  reportedAt: number;
}

type Timer = ReturnType<typeof setTimeout>;

export function createSink(options: SinkOptions): Result<Sink, string> {
  const opened = openTarget(options.path);
  if (!opened.ok) return opened;
  const state: SinkState = {
    path: options.path,
    flushMs: options.flushMs ?? FLUSH_MS,
    maxPendingBytes: options.maxPendingBytes ?? MAX_PENDING_BYTES,
    report: options.report,
    now: options.now ?? (() => performance.now()),
    target: opened.value,
    pages: createPages(),
    batch: undefined,
    draining: undefined,
    flushWanted: false,
    flushTimer: undefined,
    retryTimer: undefined,
    gone: false,
    closed: false,
    failing: false,
    failureReported: false,
    dropped: 0,
    droppedReported: 0,
    reportedAt: Number.NEGATIVE_INFINITY,
  };
  const onExit = (): void => flushSync(state);
  process.on("exit", onExit);
  return ok({
    path: options.path,
    write: (line) => write(state, line),
    flush: () => flush(state),
    flushSync: () => flushSync(state),
    reopen: () => reopen(state),
    close: async () => {
      process.off("exit", onExit);
      await close(state);
    },
    pendingBytes: () => pendingBytes(state),
    droppedLines: () => state.dropped,
  });
}

function write(state: SinkState, line: string): void {
  if (state.closed || state.gone || pendingBytes(state) + line.length > state.maxPendingBytes) {
    drop(state, 1);
    return;
  }
  appendLine(state.pages, line);
  if (state.pages.bytes >= FLUSH_BYTES) {
    if (state.retryTimer === undefined) void drain(state);
  } else {
    state.flushTimer ??= setTimeout(onFlushTimer, state.flushMs, state);
  }
}

function pendingBytes(state: SinkState): number {
  const { batch } = state;
  return state.pages.bytes + (batch === undefined ? 0 : batch.bytes.length - batch.offset);
}

/** Never cleared by a full batch: one timer a period is cheaper than setting and clearing one a batch. */
function onFlushTimer(state: SinkState): void {
  state.flushTimer = undefined;
  if (state.pages.lines > 0 && state.retryTimer === undefined) void flush(state);
}

function flush(state: SinkState): Promise<void> {
  state.flushWanted = true;
  clearTimeout(state.retryTimer);
  state.retryTimer = undefined;
  return drain(state);
}

/** One at a time; ends when only a small batch is left that nobody waits for, or when writing fails. */
function drain(state: SinkState): Promise<void> {
  if (state.draining !== undefined) return state.draining;
  if (!isDue(state)) {
    state.flushWanted = false;
    return Promise.resolve();
  }
  // Something is due, so the loop waits at least once and cannot have cleared `draining` before it is set.
  state.draining = drainLoop(state);
  return state.draining;
}

async function drainLoop(state: SinkState): Promise<void> {
  try {
    while (isDue(state)) {
      state.batch ??= takeBatch(state);
      const failure = await writeSome(state.target, state.batch);
      if (failure !== undefined) return onFailure(state, failure);
      if (state.batch.offset === state.batch.bytes.length) {
        state.batch = undefined;
        onWritten(state);
      }
    }
  } finally {
    state.flushWanted = false;
    state.draining = undefined;
  }
}

function isDue(state: SinkState): boolean {
  if (state.batch !== undefined) return true;
  return state.pages.lines > 0 && (state.flushWanted || state.pages.bytes >= FLUSH_BYTES);
}

function takeBatch(state: SinkState): Batch {
  state.flushWanted = false;
  return createBatch(takePages(state.pages));
}

function onFailure(state: SinkState, failure: string): void {
  if (failure === "EAGAIN") {
    retryLater(state, RETRY_PIPE_MS);
    return;
  }
  if (failure === "EPIPE") {
    state.gone = true;
    discardPending(state);
    state.report(`Cannot write log "${state.path}": nobody reads it any more, its lines are dropped`);
    return;
  }
  if (!state.failing && isReportDue(state)) {
    state.reportedAt = state.now();
    state.failureReported = true;
    state.report(`Cannot write log "${state.path}": ${failure}`);
  }
  state.failing = true;
  retryLater(state, RETRY_MS);
}

function retryLater(state: SinkState, delayMs: number): void {
  if (state.closed) return;
  state.retryTimer ??= setTimeout(() => {
    state.retryTimer = undefined;
    void flush(state);
  }, delayMs);
  // A full disk must not keep a process alive that has nothing else to do.
  state.retryTimer.unref();
}

function onWritten(state: SinkState): void {
  if (state.failing && state.failureReported) {
    reportDropped(state, "is written again");
    state.failureReported = false;
  } else if (state.dropped > state.droppedReported && isReportDue(state)) {
    reportDropped(state, "cannot keep up");
  }
  state.failing = false;
}

function drop(state: SinkState, lines: number): void {
  state.dropped += lines;
  if (lines === 0 || state.closed || state.gone || !isReportDue(state)) return;
  reportDropped(state, state.failing ? "cannot be written" : "cannot keep up");
}

function isReportDue(state: SinkState): boolean {
  return state.now() - state.reportedAt >= REPORT_EVERY_MS;
}

function reportDropped(state: SinkState, what: string): void {
  const lines = state.dropped - state.droppedReported;
  state.droppedReported = state.dropped;
  state.reportedAt = state.now();
  state.report(`Log "${state.path}" ${what}: dropped ${lines} ${lines === 1 ? "line" : "lines"}`);
}

function discardPending(state: SinkState): void {
  drop(state, state.pages.lines + (state.batch === undefined ? 0 : linesLeft(state.batch)));
  state.batch = undefined;
  takeBatch(state);
}

function flushSync(state: SinkState): void {
  if (state.closed || state.gone) return;
  if (state.batch?.inFlight !== undefined) waitForWriteSync(state.target, state.batch.inFlight);
  else if (state.batch !== undefined) writeAllSync(state.target, state.batch);
  if (state.pages.lines > 0) writeAllSync(state.target, takeBatch(state));
}

async function reopen(state: SinkState): Promise<void> {
  await flush(state);
  while (state.draining !== undefined) await state.draining;
  if (state.closed || isStream(state.path)) return;
  const opened = openTarget(state.path);
  if (!opened.ok) {
    state.report(`${opened.error}; the old file is still used`);
    return;
  }
  closeTarget(state.target);
  state.target = opened.value;
  state.gone = false;
  // The rest of a line whose beginning is in the old file must not open the new one.
  if (state.batch !== undefined && skipTornLine(state.batch)) drop(state, 1);
  if (pendingBytes(state) > 0) await flush(state);
}

async function close(state: SinkState): Promise<void> {
  if (state.closed) return;
  for (let tries = 0; tries < CLOSE_TRIES; tries++) {
    await flush(state);
    while (state.draining !== undefined) await state.draining;
    if (pendingBytes(state) === 0 || state.failing || state.gone) break;
    await Bun.sleep(RETRY_PIPE_MS);
  }
  clearTimeout(state.flushTimer);
  clearTimeout(state.retryTimer);
  discardPending(state);
  if (state.dropped > state.droppedReported) reportDropped(state, "was closed");
  state.closed = true;
  closeTarget(state.target);
}
