/** What a method promises (RFC 9110 9.2 and the IANA registry). Methods are case-sensitive. */

/** True if the request asks for no change; such requests may be repeated and prefetched. */
export function isSafe(method: string): boolean {
  switch (method) {
    case "GET":
    case "HEAD":
    case "OPTIONS":
    case "TRACE":
    case "PROPFIND":
    case "REPORT":
    case "SEARCH":
    case "QUERY":
      return true;
    default:
      return false;
  }
}

/** True if sending the request twice has the effect of sending it once; everything unknown does not. */
export function isIdempotent(method: string): boolean {
  return method === "PUT" || method === "DELETE" || isSafe(method);
}

/**
 * False where a request body has no meaning (RFC 9110 9.3.1, 9.3.2, 9.3.6, 9.3.8) and the runtime drops it:
 * forwarding such a request without its body would change it.
 */
export function allowsBody(method: string): boolean {
  return method !== "GET" && method !== "HEAD" && method !== "TRACE" && method !== "CONNECT";
}
