/** Signals to the master: HUP reloads, USR1 reopens logs, TERM and INT stop, a second one at once. */

export interface SignalOrders {
  readonly reload: () => void;
  readonly reopenLogs: () => void;
  readonly stop: () => void;
  readonly stopNow: () => void;
}

/** Returns what takes the handlers away again. */
export function listenToSignals(orders: SignalOrders): () => void {
  let isStopping = false;
  const onStop = () => {
    if (isStopping) orders.stopNow();
    else orders.stop();
    isStopping = true;
  };
  const handlers = [
    ["SIGHUP", orders.reload],
    ["SIGUSR1", orders.reopenLogs],
    ["SIGTERM", onStop],
    ["SIGINT", onStop],
  ] as const;
  for (const [signal, handler] of handlers) process.on(signal, handler);
  return () => {
    for (const [signal, handler] of handlers) process.off(signal, handler);
  };
}
