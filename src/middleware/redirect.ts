/** The terminal handler of a redirect route. */

import type { Handler } from "../exchange/exchange.ts";

export interface RedirectOptions {
  readonly status: number;
  /** A trailing "*" takes what the route's own "*" matched, and the query. */
  readonly to: string;
  /** Path of the route, exact or "/prefix/*". */
  readonly routePath: string;
}

const NO_BYTES = new Uint8Array(0);

export function createRedirect({ status, to, routePath }: RedirectOptions): Handler {
  if (!to.endsWith("*")) {
    return () => ({ status, headers: ["Location", to], body: { kind: "bytes", bytes: NO_BYTES } });
  }
  const base = to.slice(0, -1);
  const cut = routePath.endsWith("*") ? routePath.length - 1 : routePath.length;
  return (exchange) => {
    // The canonical path has no "//" and no control characters: "/old//evil.test" cannot become
    // "//evil.test", nor a line break a second header.
    const location = base + exchange.path.slice(cut) + exchange.query;
    return { status, headers: ["Location", location], body: { kind: "bytes", bytes: NO_BYTES } };
  };
}
