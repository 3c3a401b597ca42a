/** The seam inside a worker: its process side on this side, the data plane behind it. */

import type { Logger } from "../lib/logger.ts";
import type { Cells } from "../shm/cells.ts";
import type { Snapshot } from "../snapshot/types.ts";

/**
 * The data plane of one worker. `process.ts` calls `prepare` only after the one before was committed or
 * discarded, and never after `drain`.
 *
 * The snapshot is already tailored to this worker. Every tcp listener has its real port and is bound with
 * reusePort. A unix listener is in the snapshot of one worker only, its owner: bind it at
 * `temporarySocketPath(path, process.pid)` in `prepare` and put it in place with `publishSocket` in `commit`.
 * When the owner goes away, another worker is given a snapshot of the same generation with the listener in it.
 * The master removes socket files that nobody serves any more.
 */
export interface Engine {
  /** Binds new listeners, compiles handlers. Rejects with an Error whose message is fit for the user. */
  prepare(snapshot: Snapshot): Promise<Prepared>;
  /** Makes it current, in one step that cannot fail: an exception here ends the worker. */
  commit(prepared: Prepared): void;
  discard(prepared: Prepared): Promise<void>;
  /**
   * Stops accepting, turns readiness off, finishes what is in flight, closes WebSockets with 1001 and jitter.
   * Resolves when nothing is left or at the deadline.
   */
  drain(deadlineMs: number): Promise<void>;
  reopenLogs(): void;
  status(): WorkerStatus;
}

export interface Prepared {
  readonly snapshot: Snapshot;
}

/** Plain data; crosses the process boundary as JSON. */
export interface WorkerStatus {
  readonly connections: number;
  readonly inFlight: number;
  readonly websockets: number;
  readonly listeners: readonly BoundListener[];
  readonly rssBytes: number;
}

export interface BoundListener {
  readonly key: string;
  /** "0.0.0.0:8080" with the real port, or "unix:/path". */
  readonly address: string;
}

export interface WorkerContext {
  readonly cells: Cells;
  /** This worker's row in the shared cells. */
  readonly row: number;
  /** 0 … workers − 1; a replacement has the index of the worker it replaces. */
  readonly index: number;
  readonly home: string;
  readonly log: Logger;
}

export type CreateEngine = (context: WorkerContext) => Engine;
