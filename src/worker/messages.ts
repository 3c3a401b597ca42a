/** What master and worker say to each other, and the check of everything that arrives. */

import type { Snapshot } from "../snapshot/types.ts";
import type { BoundListener, WorkerStatus } from "./engine-types.ts";

/** Sent as JSON: measured at 10,000 routes, JSON takes 30 ms of the sender, structured clone 250 ms. */
export const IPC_SERIALIZATION = "json";
/** More is a broken worker, not a configuration. */
const MAX_LISTENERS = 4_096;
const MAX_TEXT_LENGTH = 16_384;

/** `id` ties an answer to its question. */
export type MasterMessage =
  | {
      readonly type: "init";
      readonly cellsPath: string;
      readonly row: number;
      readonly index: number;
      readonly home: string;
    }
  | { readonly type: "prepare"; readonly id: number; readonly snapshot: Snapshot }
  | { readonly type: "commit"; readonly id: number }
  | { readonly type: "discard"; readonly id: number }
  | { readonly type: "status"; readonly id: number }
  | { readonly type: "drain"; readonly deadlineMs: number }
  | { readonly type: "reopen-logs" };

export type WorkerMessage =
  /** Listening for messages; nothing sent before this is sure to arrive. */
  { readonly type: "hello" } | WorkerReply;

export type WorkerReply =
  | { readonly type: "done"; readonly id: number }
  | { readonly type: "refused"; readonly id: number; readonly message: string }
  | { readonly type: "status"; readonly id: number; readonly status: WorkerStatus };

/** Undefined for anything a correct worker would not say. */
export function parseWorkerMessage(value: unknown): WorkerMessage | undefined {
  if (!isRecord(value)) return undefined;
  if (value.type === "hello") return { type: "hello" };
  const { id } = value;
  if (!isCount(id)) return undefined;
  if (value.type === "done") return { type: "done", id };
  if (value.type === "refused" && isText(value.message)) {
    return { type: "refused", id, message: value.message };
  }
  if (value.type !== "status") return undefined;
  const status = parseStatus(value.status);
  return status === undefined ? undefined : { type: "status", id, status };
}

/** The master is trusted with the content of a snapshot; the frame around it is checked. */
export function parseMasterMessage(value: unknown): MasterMessage | undefined {
  if (!isRecord(value)) return undefined;
  const { type, id } = value;
  if (type === "reopen-logs") return { type };
  if (type === "drain") return isCount(value.deadlineMs) ? { type, deadlineMs: value.deadlineMs } : undefined;
  if (type === "init") return parseInit(value);
  if (!isCount(id)) return undefined;
  if (type === "commit" || type === "discard" || type === "status") return { type, id };
  if (type !== "prepare" || !isSnapshot(value.snapshot)) return undefined;
  return { type, id, snapshot: value.snapshot };
}

function parseInit(value: Record<string, unknown>): MasterMessage | undefined {
  const { cellsPath, row, index, home } = value;
  if (!isText(cellsPath) || !isText(home) || !isCount(row) || !isCount(index)) return undefined;
  return { type: "init", cellsPath, row, index, home };
}

function parseStatus(value: unknown): WorkerStatus | undefined {
  if (!isRecord(value)) return undefined;
  const { connections, inFlight, websockets, rssBytes, listeners } = value;
  if (!isCount(connections) || !isCount(inFlight) || !isCount(websockets) || !isCount(rssBytes)) {
    return undefined;
  }
  if (!Array.isArray(listeners) || listeners.length > MAX_LISTENERS) return undefined;
  const bound: BoundListener[] = [];
  for (const listener of listeners) {
    if (!isRecord(listener) || !isText(listener.key) || !isText(listener.address)) return undefined;
    bound.push({ key: listener.key, address: listener.address });
  }
  return { connections, inFlight, websockets, rssBytes, listeners: bound };
}

function isSnapshot(value: unknown): value is Snapshot {
  return (
    isRecord(value) &&
    isCount(value.generation) &&
    Array.isArray(value.listeners) &&
    Array.isArray(value.routes) &&
    isRecord(value.timeouts) &&
    isRecord(value.log) &&
    isRecord(value.slots)
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value.length <= MAX_TEXT_LENGTH;
}
