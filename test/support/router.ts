/** Match specifications and requests for router tests. */

import type { RouteRequest } from "../../src/router/matcher.ts";
import type { MatchSpec } from "../../src/snapshot/types.ts";

export function createMatch(match: Partial<MatchSpec> = {}): MatchSpec {
  return { host: "example.com", path: "/*", methods: [], headers: [], query: [], ...match };
}

export function createRouteRequest(request: Partial<RouteRequest> = {}): RouteRequest {
  return { host: "example.com", path: "/", method: "GET", headers: [], query: "", ...request };
}
