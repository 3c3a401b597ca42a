/** The two phases of a new snapshot: every worker prepares, then all commit; any failure leaves the old one. */

import { err, ok, type Result } from "../lib/result.ts";
import type { Snapshot } from "../snapshot/types.ts";
import {
  createSeat,
  desiredState,
  hire,
  isReady,
  type Member,
  prepareMember,
  reconcileAll,
  retire,
  type Seat,
  type Supervisor,
} from "./supervisor.ts";

export interface Rollout {
  readonly snapshot: Snapshot;
  readonly workers: number;
  /** Start options changed: every worker makes way for a new process. */
  readonly replaceAll: boolean;
}

interface Cast {
  /** Running workers that stay. */
  readonly kept: readonly Member[];
  /** Started for this rollout. */
  readonly added: readonly Member[];
  readonly replaceAll: boolean;
  readonly owner: Member | undefined;
}

export async function rollOut(supervisor: Supervisor, rollout: Rollout): Promise<Result<void, string>> {
  const cast = assemble(supervisor, rollout);
  if (!cast.ok) return cast;
  const { kept, added, owner } = cast.value;
  const participants = [...kept, ...added];
  for (const member of participants) member.isBusy = true;
  const outcomes = await Promise.all(
    participants.map((member) => prepareMember(member, rollout.snapshot, member === owner)),
  );
  const problems = participants.flatMap((member, i) => describeProblem(member, outcomes[i]));
  if (supervisor.isStopping) problems.unshift("ophid is stopping");
  if (problems.length > 0) {
    await callOff(supervisor, cast.value);
    return err([...new Set(problems)].join("\n"));
  }
  await commitAll(supervisor, rollout, cast.value);
  return ok(undefined);
}

/** Workers that are just being restarted take no part: they pick up whatever is committed by then. */
function assemble(supervisor: Supervisor, rollout: Rollout): Result<Cast, string> {
  const staying = supervisor.seats.filter((seat) => seat.index < rollout.workers);
  const able = staying.flatMap(({ member }) => (isReady(member) && !member.isBusy ? [member] : []));
  const grows = rollout.workers > staying.length;
  // With nobody left to try the new snapshot, as in a crash loop, fresh workers must prove it.
  const replaceAll = rollout.replaceAll || (able.length === 0 && !grows);
  const kept = replaceAll ? [] : able;
  const firstNew = replaceAll ? 0 : staying.length;
  const added: Member[] = [];
  for (let index = firstNew; index < rollout.workers; index++) {
    const hired = hire(supervisor, index, rollout.snapshot.maxHeaderBytes);
    if (!hired.ok) {
      for (const member of added) member.handle.kill();
      return err(`Cannot start worker ${index}: ${hired.error}`);
    }
    added.push(hired.value);
  }
  const current = kept.find((member) => member === supervisor.owner);
  return ok({ kept, added, replaceAll, owner: current ?? kept[0] ?? added[0] });
}

function describeProblem(member: Member, outcome: Result<void, string> | undefined): string[] {
  if (outcome !== undefined && !outcome.ok) return [`Worker ${member.handle.index}: ${outcome.error}`];
  return member.handle.isAlive() ? [] : [`Worker ${member.handle.index}: it died while the others prepared`];
}

async function callOff(supervisor: Supervisor, cast: Cast): Promise<void> {
  for (const member of cast.kept) {
    member.handle.discard();
    member.isBusy = false;
  }
  for (const member of cast.added) member.handle.kill();
  await Promise.all(cast.added.map((member) => member.handle.exited));
  reconcileAll(supervisor);
}

/** From the first line on there is no way back: who fails now is ended and comes back with the new snapshot. */
async function commitAll(supervisor: Supervisor, rollout: Rollout, cast: Cast): Promise<void> {
  const drainMs = supervisor.committed?.timeouts.drain ?? 0;
  supervisor.committed = rollout.snapshot;
  supervisor.owner = cast.owner;
  const vacated = reseat(supervisor, rollout, cast);
  await Promise.all(
    [...cast.kept, ...cast.added].map(async (member) => {
      const outcome = await member.handle.commit();
      if (outcome.ok) member.applied = desiredState(rollout.snapshot, member === cast.owner);
      else failCommit(supervisor, member, outcome.error);
      member.isBusy = false;
    }),
  );
  // Only now: until the new workers accept, the old ones must.
  for (const member of vacated) retire(member, drainMs);
  reconcileAll(supervisor);
}

function reseat(supervisor: Supervisor, rollout: Rollout, cast: Cast): Member[] {
  const leaves = (seat: Seat) => cast.replaceAll || seat.index >= rollout.workers;
  const vacated: Member[] = [];
  for (const seat of supervisor.seats.filter(leaves)) {
    clearTimeout(seat.restartTimer);
    if (seat.member !== undefined) vacated.push(seat.member);
  }
  const seats = supervisor.seats.filter((seat) => !leaves(seat));
  for (const member of cast.added) seats.push(createSeat(member.handle.index, member));
  supervisor.seats = seats.sort((a, b) => a.index - b.index);
  return vacated;
}

function failCommit(supervisor: Supervisor, member: Member, reason: string): void {
  if (!member.handle.isAlive()) return;
  const { index, pid } = member.handle;
  supervisor.options.log.error(`Worker ${index} (pid ${pid}) cannot commit: ${reason}`);
  member.handle.kill();
}
