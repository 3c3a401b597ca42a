import { describe, expect, test } from "bun:test";
import { clientError, type ProxyErrorKind, proxyError, upstreamError } from "../../../src/exchange/error.ts";
import { renderError } from "../../../src/exchange/render.ts";
import { rescue } from "../../../src/exchange/rescue.ts";

describe("rescue", () => {
  test.each<[ProxyErrorKind, number]>([
    ["bad_request", 400],
    ["no_route", 404],
    ["method_not_allowed", 405],
    ["client_idle_timeout", 408],
    ["expectation_failed", 417],
    ["upgrade_required", 426],
    ["client_gone", 499],
    ["internal", 500],
    ["not_implemented", 501],
    ["connect_refused", 502],
    ["connect_failed", 502],
    ["dns_failed", 502],
    ["tls_failed", 502],
    ["upstream_closed", 502],
    ["upstream_protocol", 502],
    ["upstream_head_too_large", 502],
    ["upstream_truncated", 502],
    ["upgrade_failed", 502],
    ["no_endpoint", 503],
    ["connect_limit", 503],
    ["not_serving", 503],
    ["connect_timeout", 504],
    ["response_header_timeout", 504],
    ["upstream_idle_timeout", 504],
    ["loop_detected", 508],
  ])("row 44: %s is a %i", (kind, status) => {
    const rescued = rescue(proxyError(kind, "secret 10.0.0.1:8080"));
    expect(rescued.status).toBe(status);
    expect(rescued.sentence).not.toContain("secret");
    expect(rescued.retryAfterSeconds === undefined).toBe(status !== 503);
  });

  test("a refusal the client can act on says why", () => {
    expect(rescue(clientError("bad_request", "The path is invalid")).sentence).toBe("The path is invalid");
  });
});

describe("renderError", () => {
  const error = upstreamError("connect_refused", "10.0.0.1:8080 refused the connection");
  const contentType = (accept: string | undefined) =>
    renderError(error, accept === undefined ? [] : ["accept", accept]).headers[1];

  test.each<[string | undefined, string]>([
    [undefined, "text/plain; charset=utf-8"],
    ["*/*", "text/plain; charset=utf-8"],
    ["text/html,application/xhtml+xml,*/*;q=0.8", "text/html; charset=utf-8"],
    ["application/json", "application/problem+json"],
    ["application/vnd.api+json", "application/problem+json"],
  ])("row 44: for Accept %j it is %s", (accept, type) => expect(contentType(accept)).toBe(type));

  test.each(["text/html", "application/json", "*/*"])("row 44: %s gives nothing away", (accept) => {
    const { body } = renderError(error, ["accept", accept]);
    expect(body.kind).toBe("bytes");
    expect(JSON.stringify(body)).not.toMatch(/10\.0\.0\.1|refused the/);
  });

  test("row 44: is never stored, carries Retry-After where it helps, and what it is given", () => {
    const { status, headers } = renderError(proxyError("no_endpoint", "x"), [], ["Allow", "GET"]);
    expect(status).toBe(503);
    expect(headers).toEqual([
      "Content-Type",
      "text/plain; charset=utf-8",
      "Cache-Control",
      "no-store",
      "Allow",
      "GET",
      "Retry-After",
      "5",
    ]);
  });

  test("the JSON is well-formed", () => {
    const { body } = renderError(error, ["accept", "application/json"]);
    const bytes = body.kind === "bytes" ? body.bytes : new Uint8Array(0);
    expect(JSON.parse(new TextDecoder().decode(bytes))).toEqual({
      title: "502 Bad Gateway",
      status: 502,
      detail: expect.any(String),
    });
  });
});
