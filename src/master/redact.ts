/** The running configuration for a reader who may see everything but secrets. */

import type { HeaderList } from "../http/headers.ts";
import type { ActionSpec, EndpointSpec, HeaderRules, MiddlewareSpec, Snapshot } from "../snapshot/types.ts";

export const REDACTED = "(redacted)";

/** Fields whose values are credentials more often than not. */
const SECRET_FIELD = /auth|cookie|token|secret|password|api-?key|session/i;

export function redactSnapshot(snapshot: Snapshot): Snapshot {
  return {
    ...snapshot,
    routes: snapshot.routes.map((route) => ({
      ...route,
      match: {
        ...route.match,
        headers: route.match.headers.map(([name, value]) => [name, redactValue(name, value)] as const),
        query: route.match.query.map(([name, value]) => [name, redactValue(name, value)] as const),
      },
      middleware: route.middleware.map(redactMiddleware),
      action: redactAction(route.action),
    })),
  };
}

function redactMiddleware(spec: MiddlewareSpec): MiddlewareSpec {
  return { ...spec, request: redactRules(spec.request), response: redactRules(spec.response) };
}

function redactRules(rules: HeaderRules): HeaderRules {
  return { remove: rules.remove, set: redactHeaders(rules.set), add: redactHeaders(rules.add) };
}

function redactHeaders(headers: HeaderList): HeaderList {
  return headers.map((item, i) => (i % 2 === 1 ? redactValue(headers[i - 1] ?? "", item) : item));
}

function redactValue(name: string, value: string): string {
  return SECRET_FIELD.test(name) && value !== "*" ? REDACTED : value;
}

function redactAction(action: ActionSpec): ActionSpec {
  if (action.kind !== "proxy") return action;
  return { ...action, proxy: { ...action.proxy, endpoints: action.proxy.endpoints.map(redactEndpoint) } };
}

function redactEndpoint(endpoint: EndpointSpec): EndpointSpec {
  if (endpoint.tls?.key === undefined) return endpoint;
  return { ...endpoint, tls: { ...endpoint.tls, key: REDACTED } };
}
