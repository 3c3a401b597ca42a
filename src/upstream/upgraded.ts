/** What a tunnel needs from the raw connection an upstream switched to another protocol on. */

/** Callbacks of an upgraded connection; none is called from inside a call of one of its methods. */
export interface UpgradedHandlers {
  /** The chunk must not be written to again by the connection: parts of it may be held. */
  onData(chunk: Uint8Array): void;
  /** Everything that `write` queued has been handed to the kernel. */
  onDrain(): void;
  /** Called once, whoever ended the connection. `error` is undefined after an orderly end. */
  onClose(error?: Error): void;
}

export interface UpgradedConnection {
  /** True: the kernel took all of it. False: the rest is queued, `onDrain` follows. */
  write(bytes: Uint8Array): boolean;
  /** Bytes accepted by `write` and not yet handed to the kernel. */
  bufferedBytes(): number;
  /** Stops `onData`; a chunk that was read before may still come. */
  pause(): void;
  resume(): void;
  /** Flushes what is queued, then sends FIN. */
  end(): void;
  /** Ends at once; what is queued is lost. `onClose` follows. */
  terminate(): void;
  /** Must be called before data can arrive; replaces earlier handlers. */
  setHandlers(handlers: UpgradedHandlers): void;
}

/** Runs `fire` once after `ms`; the result cancels it and may be called late. */
export type SetTimer = (ms: number, fire: () => void) => () => void;
