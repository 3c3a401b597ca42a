/** What has to be undone at the end, last thing first, exactly once. */

export interface Cleanup {
  add(undo: () => void | Promise<void>): void;
  run(): Promise<void>;
}

export function createCleanup(): Cleanup {
  const steps: (() => void | Promise<void>)[] = [];
  let running: Promise<void> | undefined;
  const runAll = async () => {
    for (let undo = steps.pop(); undo !== undefined; undo = steps.pop()) await undo();
  };
  return {
    add: (undo) => void steps.push(undo),
    run: () => {
      running ??= runAll();
      return running;
    },
  };
}
