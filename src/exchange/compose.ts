/** Folds middleware around a terminal handler, once, when a snapshot is assembled. */

import type { Handler, Middleware } from "./exchange.ts";

/** The first middleware is the outermost. */
export function compose(middleware: readonly Middleware[], terminal: Handler): Handler {
  return middleware.reduceRight((next, wrap) => wrap(next), terminal);
}
