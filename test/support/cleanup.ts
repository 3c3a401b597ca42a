/** Ends what a test has started, in reverse order, whatever became of the test. */

type CleanUp = () => unknown;

const pending: CleanUp[] = [];

export function onCleanUp(action: CleanUp): void {
  pending.push(action);
}

/** For `afterEach`. */
export async function cleanUp(): Promise<void> {
  for (let action = pending.pop(); action !== undefined; action = pending.pop()) await action();
}
