/**
 * Bun.serve's idle timer counts a slow upload (below 16 KiB/s × idleTimeout) and a backend that thinks as idle, and
 * `server.timeout(request, 0)` sticks to the connection after the answer (related: oven-sh/bun#33612, #15589). So it
 * is off while somebody else is waited for, and armed again before the last byte; afterwards it has no effect.
 */

/** Bun's timer goes no further. */
const MAX_IDLE_SECONDS = 255;

interface TimedServer {
  timeout(request: Request, seconds: number): void;
}

export function holdIdleTimer(server: TimedServer, request: Request): void {
  server.timeout(request, 0);
}

export function armIdleTimer(server: TimedServer, request: Request, seconds: number): void {
  server.timeout(request, Math.min(seconds, MAX_IDLE_SECONDS));
}
