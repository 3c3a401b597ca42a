/** Snapshot → handlers: the one place that joins router, middleware and upstream. Closures only, no effects. */

import { createPick } from "../balancer/policies.ts";
import { compose } from "../exchange/compose.ts";
import type { Handler, Middleware } from "../exchange/exchange.ts";
import { isEmptyRules, withResponseHeaders } from "../middleware/headers.ts";
import { createRedirect } from "../middleware/redirect.ts";
import { createRespond } from "../middleware/respond.ts";
import { compileCidrs } from "../net/ip.ts";
import { createRouter, type Router } from "../router/match.ts";
import type { MiddlewareSpec, ProxySpec, RouteSpec, Snapshot } from "../snapshot/types.ts";
import { createEndpoint, type Endpoint } from "../upstream/endpoint.ts";
import { createForward } from "../upstream/forward.ts";
import { compileOutboundRules } from "../upstream/outbound.ts";
import type { UpstreamContext } from "../upstream/run.ts";

/** Everything a request needs, ready to be swapped in by one assignment. */
export interface Assembled {
  readonly snapshot: Snapshot;
  readonly router: Router;
  /** By the index the router returns. */
  readonly routes: readonly ReadyRoute[];
  readonly isTrusted: (ip: string) => boolean;
  /** By key; those of an earlier snapshot are adopted with their connections. */
  readonly endpoints: ReadonlyMap<string, Endpoint>;
}

export interface ReadyRoute {
  readonly name: string;
  readonly handler: Handler;
}

export function assemble(
  snapshot: Snapshot,
  context: UpstreamContext,
  earlier: ReadonlyMap<string, Endpoint>,
): Assembled {
  const endpoints = new Map<string, Endpoint>();
  const routes = snapshot.routes.map((route) => {
    const terminal = createTerminal(route, snapshot, context, { earlier, endpoints });
    return { name: route.name, handler: compose(route.middleware.flatMap(toMiddleware), terminal) };
  });
  return {
    snapshot,
    router: createRouter(snapshot.routes),
    routes,
    isTrusted: snapshot.trustedProxies.length === 0 ? trustNobody : compileCidrs(snapshot.trustedProxies),
    endpoints,
  };
}

function trustNobody(): boolean {
  return false;
}

function toMiddleware(spec: MiddlewareSpec): Middleware[] {
  return isEmptyRules(spec.response) ? [] : [withResponseHeaders(spec.response)];
}

interface EndpointTable {
  readonly earlier: ReadonlyMap<string, Endpoint>;
  readonly endpoints: Map<string, Endpoint>;
}

function createTerminal(
  route: RouteSpec,
  snapshot: Snapshot,
  context: UpstreamContext,
  table: EndpointTable,
): Handler {
  const action = route.action;
  switch (action.kind) {
    case "respond":
      return createRespond(action);
    case "redirect":
      return createRedirect({ status: action.status, to: action.to, routePath: route.match.path });
    case "proxy":
      return createProxy(route, action.proxy, snapshot, context, table);
  }
}

function createProxy(
  route: RouteSpec,
  spec: ProxySpec,
  snapshot: Snapshot,
  context: UpstreamContext,
  table: EndpointTable,
): Handler {
  const endpoints = spec.endpoints.map((endpoint) =>
    adopt(endpoint.key, table, () => {
      return createEndpoint(endpoint, slotOf(snapshot, endpoint.key));
    }),
  );
  return createForward({
    context,
    spec,
    endpoints,
    view: {
      size: endpoints.length,
      isReady: () => true,
      load: (index) => context.meter.inFlight(endpoints[index]?.slot ?? 0),
    },
    poolSlot: slotOf(snapshot, spec.poolKey),
    pick: createPick(spec.policy, spec.endpoints),
    outbound: compileOutboundRules(route.middleware.map((middleware) => middleware.request)),
    timeouts: snapshot.timeouts,
  });
}

function adopt(key: string, { earlier, endpoints }: EndpointTable, create: () => Endpoint): Endpoint {
  const endpoint = endpoints.get(key) ?? earlier.get(key) ?? create();
  endpoints.set(key, endpoint);
  return endpoint;
}

function slotOf(snapshot: Snapshot, key: string): number {
  const slot = snapshot.slots[key];
  if (slot === undefined) throw new Error(`No shared-memory cell was assigned to "${key}"`);
  return slot;
}
