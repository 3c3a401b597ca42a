/** One worker process as the master sees it: orders with answers and deadlines, and how it ended. */

import { err, ok, type Result } from "../lib/result.ts";
import type { Snapshot } from "../snapshot/types.ts";
import type { WorkerStatus } from "../worker/engine-types.ts";
import {
  IPC_SERIALIZATION,
  type MasterMessage,
  parseWorkerMessage,
  type WorkerReply,
} from "../worker/messages.ts";

/** From spawn to the first word. */
const HELLO_TIMEOUT_MS = 10_000;
/** Binding listeners and compiling handlers, in every worker at once. */
export const PREPARE_TIMEOUT_MS = 10_000;
/** One swap of a variable; a worker that needs longer hangs. */
const COMMIT_TIMEOUT_MS = 5_000;
const STATUS_TIMEOUT_MS = 1_000;

export interface SpawnOptions {
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly init: Omit<Extract<MasterMessage, { type: "init" }>, "type">;
  readonly onExit: (handle: WorkerHandle, how: string) => void;
  /** The worker said something no correct worker says. */
  readonly onNonsense: (handle: WorkerHandle) => void;
}

export interface WorkerHandle {
  readonly pid: number;
  readonly row: number;
  readonly index: number;
  readonly startedAt: number;
  readonly exited: Promise<void>;
  readonly isAlive: () => boolean;
  /** Ends in an error with text for the user; a late success is discarded. */
  prepare(snapshot: Snapshot): Promise<Result<void, string>>;
  commit(): Promise<Result<void, string>>;
  discard(): void;
  drain(deadlineMs: number): void;
  reopenLogs(): void;
  status(): Promise<WorkerStatus | undefined>;
  kill(): void;
}

type Answer = WorkerReply | { readonly type: "failed"; readonly message: string };

interface Line {
  readonly subprocess: Bun.Subprocess;
  readonly waiting: Map<number, (answer: Answer) => void>;
  readonly greeted: Promise<void>;
  ended: string | undefined;
  nextId: number;
  preparedId: number;
}

export function spawnWorker(options: SpawnOptions): WorkerHandle {
  const greeting = Promise.withResolvers<void>();
  const waiting = new Map<number, (answer: Answer) => void>();
  const subprocess = Bun.spawn([...options.command], {
    env: options.env,
    argv0: "ophid",
    stdio: ["ignore", "inherit", "inherit"],
    serialization: IPC_SERIALIZATION,
    ipc(value) {
      const message = parseWorkerMessage(value);
      if (message === undefined) options.onNonsense(handle);
      else if (message.type === "hello") greeting.resolve();
      else waiting.get(message.id)?.(message);
    },
    onExit(_, exitCode, signal) {
      const how = describeExit(exitCode, signal ?? subprocess.signalCode);
      line.ended = how;
      greeting.resolve();
      for (const settle of [...waiting.values()]) settle({ type: "failed", message: `it ${how}` });
      options.onExit(handle, how);
    },
  });
  const line: Line = {
    subprocess,
    waiting,
    greeted: greeting.promise,
    ended: undefined,
    nextId: 1,
    preparedId: 0,
  };
  void greeting.promise.then(() => tell(line, { type: "init", ...options.init }));
  const handle = createHandle(line, options.init);
  return handle;
}

function createHandle(line: Line, init: SpawnOptions["init"]): WorkerHandle {
  const { subprocess } = line;
  return {
    pid: subprocess.pid,
    row: init.row,
    index: init.index,
    startedAt: Date.now(),
    exited: subprocess.exited.then(() => undefined),
    isAlive: () => line.ended === undefined,
    prepare: (snapshot) => prepare(line, snapshot),
    commit: async () =>
      toOutcome(await ask(line, { type: "commit", id: line.preparedId }, COMMIT_TIMEOUT_MS)),
    discard: () => tell(line, { type: "discard", id: line.preparedId }),
    drain: (deadlineMs) => tell(line, { type: "drain", deadlineMs: Math.trunc(deadlineMs) }),
    reopenLogs: () => tell(line, { type: "reopen-logs" }),
    async status() {
      const answer = await ask(line, { type: "status", id: line.nextId++ }, STATUS_TIMEOUT_MS);
      return answer.type === "status" ? answer.status : undefined;
    },
    kill: () => subprocess.kill("SIGKILL"),
  };
}

async function prepare(line: Line, snapshot: Snapshot): Promise<Result<void, string>> {
  if (!(await isGreeted(line)))
    return err(line.ended === undefined ? "it did not start" : `it ${line.ended}`);
  const id = line.nextId++;
  line.preparedId = id;
  return toOutcome(await ask(line, { type: "prepare", id, snapshot }, PREPARE_TIMEOUT_MS));
}

async function isGreeted(line: Line): Promise<boolean> {
  const timeout = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => timeout.resolve(false), HELLO_TIMEOUT_MS);
  const greeted = await Promise.race([line.greeted.then(() => true), timeout.promise]);
  clearTimeout(timer);
  return greeted && line.ended === undefined;
}

function ask(
  line: Line,
  message: MasterMessage & { readonly id: number },
  timeoutMs: number,
): Promise<Answer> {
  if (line.ended !== undefined) return Promise.resolve({ type: "failed", message: `it ${line.ended}` });
  return new Promise((resolve) => {
    const settle = (answer: Answer) => {
      clearTimeout(timer);
      line.waiting.delete(message.id);
      resolve(answer);
    };
    const timer = setTimeout(
      () => settle({ type: "failed", message: `it did not answer within ${timeoutMs / 1_000} s` }),
      timeoutMs,
    );
    line.waiting.set(message.id, settle);
    tell(line, message);
  });
}

function toOutcome(answer: Answer): Result<void, string> {
  if (answer.type === "done") return ok(undefined);
  return err(answer.type === "status" ? "it mixed up its answers" : answer.message);
}

function tell(line: Line, message: MasterMessage): void {
  try {
    if (line.ended === undefined) line.subprocess.send(message);
  } catch {
    // The channel closes a moment before the exit is reported, and that settles every question.
  }
}

function describeExit(exitCode: number | null, signal: string | number | null): string {
  if (signal !== null && signal !== 0) return `was killed by ${signal}`;
  return `exited with code ${exitCode ?? "unknown"}`;
}
