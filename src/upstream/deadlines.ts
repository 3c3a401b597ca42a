/** Coarse deadlines for everything in flight: one sweep for all instead of a timer per request. */

/** How late a deadline may fire. Timeouts are seconds, so a tenth of one does not matter. */
export const SWEEP_INTERVAL_MS = 100;

export interface Timed {
  /** Monotonic milliseconds; Infinity for none. */
  deadlineAt: number;
  /** Place in the sweep's table, -1 outside. Owned by this file. */
  sweepIndex: number;
}

export interface Deadlines<T extends Timed> {
  readonly now: () => number;
  readonly onSweep: (entry: T, now: number) => void;
  readonly entries: T[];
  timer: Timer | undefined;
}

/** `onSweep` is called for every entry at every sweep; it compares `deadlineAt` and may remove entries. */
export function createDeadlines<T extends Timed>(
  now: () => number,
  onSweep: (entry: T, now: number) => void,
): Deadlines<T> {
  return { now, onSweep, entries: [], timer: undefined };
}

export function watch<T extends Timed>(deadlines: Deadlines<T>, entry: T): void {
  entry.sweepIndex = deadlines.entries.length;
  deadlines.entries.push(entry);
  if (deadlines.timer === undefined) {
    deadlines.timer = setInterval(() => sweep(deadlines), SWEEP_INTERVAL_MS);
    deadlines.timer.unref();
  }
}

export function unwatch<T extends Timed>(deadlines: Deadlines<T>, entry: T): void {
  const index = entry.sweepIndex;
  if (index < 0) return;
  entry.sweepIndex = -1;
  const last = deadlines.entries.pop();
  if (last === undefined || last === entry) return;
  last.sweepIndex = index;
  deadlines.entries[index] = last;
}

function sweep<T extends Timed>(deadlines: Deadlines<T>): void {
  const now = deadlines.now();
  // Backwards, so that an entry removed by its own callback does not make the loop skip another.
  for (let i = deadlines.entries.length - 1; i >= 0; i--) {
    const entry = deadlines.entries[i];
    if (entry !== undefined) deadlines.onSweep(entry, now);
  }
  // Stopping needs a quiet sweep: starting a timer per request of a lone client would cost more.
  if (deadlines.entries.length === 0 && deadlines.timer !== undefined) {
    clearInterval(deadlines.timer);
    deadlines.timer = undefined;
  }
}
