import { describe, expect, test } from "bun:test";
import { createRedirect } from "../../../src/middleware/redirect.ts";
import { answerOf } from "../../support/exchange.ts";

describe("createRedirect", () => {
  const locationOf = (to: string, routePath: string, path: string, query = "") =>
    answerOf(createRedirect({ status: 308, to, routePath }), { path, query }).headers[1];

  test.each<[string, string, string, string, string]>([
    ["https://new.test/", "/*", "/a/b", "?x=1", "https://new.test/"],
    ["https://new.test/*", "/*", "/a/b", "?x=1", "https://new.test/a/b?x=1"],
    ["https://new.test/*", "/*", "/", "", "https://new.test/"],
    ["https://new.test/v2/*", "/v1/*", "/v1/a", "", "https://new.test/v2/a"],
    ["https://new.test/v2/*", "/v1/*", "/v1", "?q", "https://new.test/v2/?q"],
    ["https://new.test/v2/*", "/v1/*", "/v1/", "", "https://new.test/v2/"],
    ["https://new.test/x*", "/exact", "/exact", "?q", "https://new.test/x?q"],
    ["/v2/*", "/v1/*", "/v1/a", "", "/v2/a"],
    ["/*", "/v1/*", "/v1/evil.test", "", "/evil.test"],
  ])("row 57: to %s from %s: %s%s becomes %s", (to, routePath, path, query, location) => {
    expect(locationOf(to, routePath, path, query)).toBe(location);
  });

  test("keeps its status and has an empty body", () => {
    const answer = answerOf(createRedirect({ status: 302, to: "/x", routePath: "/*" }));
    expect(answer).toEqual({
      status: 302,
      headers: ["Location", "/x"],
      body: { kind: "bytes", bytes: new Uint8Array(0) },
    });
  });
});
