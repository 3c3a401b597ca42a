/** Ends all workers: those that serve drain, the others have nothing to lose. */

import type { Supervisor } from "./supervisor.ts";
import { retire } from "./supervisor.ts";

/** Resolves when every process is gone, at the latest a little after the deadline. */
export async function stopWorkers(supervisor: Supervisor, drainMs: number): Promise<void> {
  supervisor.isStopping = true;
  for (const seat of supervisor.seats) clearTimeout(seat.restartTimer);
  const members = [...supervisor.members];
  for (const member of members) retire(member, drainMs);
  await Promise.all(members.map((member) => member.handle.exited));
}

export function killWorkers(supervisor: Supervisor): void {
  supervisor.isStopping = true;
  for (const member of supervisor.members) member.handle.kill();
}
