/** One reload at a time: while one runs, at most one more waits and all further requests share it. */

export type ReloadQueue<T> = () => Promise<T>;

export function createReloadQueue<T>(run: () => Promise<T>): ReloadQueue<T> {
  let running: Promise<unknown> | undefined;
  let waiting: Promise<T> | undefined;

  const begin = (): Promise<T> => {
    const current = run();
    const ended = current.then(
      () => undefined,
      () => undefined,
    );
    running = ended;
    void ended.then(() => {
      if (running === ended) running = undefined;
    });
    return current;
  };

  return () => {
    if (running === undefined) return begin();
    // The waiting one reads the configuration only when it starts, so it covers everyone who asked before.
    waiting ??= running.then(() => {
      waiting = undefined;
      return begin();
    });
    return waiting;
  };
}
