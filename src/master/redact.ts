/** The running configuration for a reader who may see everything but secrets. */

import type { HeaderList } from "../http/headers.ts";
import type {
  ActionSpec,
  EndpointSpec,
  HeaderRules,
  MatchSpec,
  MiddlewareSpec,
  Snapshot,
} from "../snapshot/types.ts";

export const REDACTED = "(redacted)";

/**
 * Fields whose values are credentials more often than not. Only for what is sent to clients anyway: what is asked of
 * a request or added to it for an application may be a secret under any name, often one from the environment.
 */
const SECRET_FIELD = /auth|cookie|token|secret|password|api-?key|session/i;

export function redactSnapshot(snapshot: Snapshot): Snapshot {
  return {
    ...snapshot,
    routes: snapshot.routes.map((route) => ({
      ...route,
      match: {
        ...route.match,
        headers: redactConditions(route.match.headers),
        query: redactConditions(route.match.query),
      },
      middleware: route.middleware.map(redactMiddleware),
      action: redactAction(route.action),
    })),
  };
}

function redactMiddleware(spec: MiddlewareSpec): MiddlewareSpec {
  return {
    ...spec,
    request: redactRules(spec.request, () => true),
    response: redactRules(spec.response, (name) => SECRET_FIELD.test(name)),
  };
}

type IsSecret = (name: string) => boolean;

function redactRules(rules: HeaderRules, isSecret: IsSecret): HeaderRules {
  return {
    remove: rules.remove,
    set: redactHeaders(rules.set, isSecret),
    add: redactHeaders(rules.add, isSecret),
  };
}

function redactHeaders(headers: HeaderList, isSecret: IsSecret): HeaderList {
  return headers.map((item, i) => (i % 2 === 1 && isSecret(headers[i - 1] ?? "") ? REDACTED : item));
}

function redactConditions(conditions: MatchSpec["headers"]): MatchSpec["headers"] {
  return conditions.map(([name, value]) => [name, value === "*" ? value : REDACTED] as const);
}

function redactAction(action: ActionSpec): ActionSpec {
  if (action.kind !== "proxy") return action;
  return { ...action, proxy: { ...action.proxy, endpoints: action.proxy.endpoints.map(redactEndpoint) } };
}

function redactEndpoint(endpoint: EndpointSpec): EndpointSpec {
  if (endpoint.tls?.key === undefined) return endpoint;
  return { ...endpoint, tls: { ...endpoint.tls, key: REDACTED } };
}
