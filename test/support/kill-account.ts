/** Decides for every failed request of a kill run whether the killed process had it, or the proxy lost it. */

import type { Answered, Failure, Load } from "./load.ts";
import type { AccessLine } from "./ophid.ts";

/** Times are of `performance.now()`. */
export interface WorkerKill {
  readonly kind: "worker";
  /** When the lists below began to be made; the kill followed at once. */
  readonly listedAt: number;
  readonly killedAt: number;
  /** Its sockets are closed. */
  readonly deadAt: number;
  /** Client ports of the connections it had accepted. */
  readonly owned: ReadonlySet<number>;
  /** Those of the connections the others had accepted. */
  readonly others: ReadonlySet<number>;
  /** Until another worker was ready. */
  readonly backMs: number;
}

export interface MasterKill {
  readonly kind: "master";
  readonly killedAt: number;
  /** The new start said that it serves. */
  readonly servingAt: number;
}

export type Kill = WorkerKill | MasterKill;

export const VERDICTS = {
  accepted: "on a connection the killed worker had accepted",
  dying: "on a connection in the queue of the dying worker",
  refused: "refused between the death of the master and the new start",
  closing: "sent on a connection that a worker without master was closing",
  lost: "LOST",
} as const;

export type Verdict = keyof typeof VERDICTS;

/** After the last of its sockets was closed, the client needs a moment to see it. */
const SEEN_MS = 1_000;

export function judge(failure: Failure, kills: readonly Kill[]): Verdict {
  for (const kill of kills) {
    const verdict = kill.kind === "worker" ? judgeWorker(failure, kill) : judgeMaster(failure, kill);
    if (verdict !== undefined) return verdict;
  }
  return "lost";
}

function judgeWorker({ kind, failedAt, connection }: Failure, kill: WorkerKill): Verdict | undefined {
  if (kind !== "closed" || connection === undefined) return undefined;
  if (failedAt < kill.killedAt || failedAt > kill.deadAt + SEEN_MS) return undefined;
  const { startedAt, openedAt, clientPort } = connection;
  if (openedAt < kill.listedAt) {
    if (kill.owned.has(clientPort)) return "accepted";
    return kill.others.has(clientPort) ? undefined : "dying";
  }
  return startedAt <= kill.deadAt ? "dying" : undefined;
}

/** Requests that were under way when the master died are not excused: the workers have to finish them. */
function judgeMaster({ kind, sentAt, failedAt }: Failure, kill: MasterKill): Verdict | undefined {
  if (sentAt < kill.killedAt || failedAt > kill.servingAt + SEEN_MS || sentAt > kill.servingAt)
    return undefined;
  if (kind === "connect") return "refused";
  return kind === "closed" ? "closing" : undefined;
}

export interface LogAccount {
  readonly lines: number;
  readonly twice: string[];
  /** Answered requests without a line, whose worker was killed before it could write its last batch. */
  readonly unwritten: string[];
  /** Answered requests without a line and without an excuse. */
  readonly missing: string[];
}

/** Lines wait up to 200 ms for company, and a busy machine adds to that. */
const BATCH_MS = 500;

export function accountLog(lines: readonly AccessLine[], load: Load, kills: readonly Kill[]): LogAccount {
  const counts = new Map<string, number>();
  for (const { target } of lines) {
    const id = /[?&]id=([^&]*)/.exec(target)?.[1] ?? target;
    counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  const account: LogAccount = {
    lines: lines.length,
    twice: [...counts].filter(([, count]) => count > 1).map(([id]) => id),
    unwritten: [],
    missing: [],
  };
  for (const [id, answer] of load.answered) {
    if (counts.has(id)) continue;
    if (kills.some((kill) => diedUnwritten(answer, kill))) account.unwritten.push(id);
    else account.missing.push(id);
  }
  return account;
}

function diedUnwritten({ at, connection }: Answered, kill: Kill): boolean {
  if (kill.kind !== "worker" || at < kill.killedAt - BATCH_MS || at > kill.deadAt + SEEN_MS) return false;
  // A connection that was closed before the list was made was on neither list.
  return !kill.others.has(connection.clientPort);
}
