import { describe, expect, test } from "bun:test";
import { createRouter } from "../../../src/router/match.ts";
import { createMatch, createRouteRequest } from "../../support/router.ts";
import type { MatchSpec } from "../../../src/snapshot/types.ts";
import type { RouteRequest } from "../../../src/router/matcher.ts";

/** The specification of the route that takes the request, else why none does. */
function matchSpec(specs: readonly Partial<MatchSpec>[], request: Partial<RouteRequest>): unknown {
  const router = createRouter(specs.map((spec) => ({ match: createMatch(spec) })));
  const result = router.match(createRouteRequest(request));
  if (result.kind === "found") return specs[result.index];
  return result.kind === "method-not-allowed" ? result.allowed : undefined;
}

describe("host", () => {
  const specs = [
    { host: "*" },
    { host: "*.example.com" },
    { host: "*.eu.example.com" },
    { host: "example.com" },
    { host: "shop.eu.example.com" },
  ];
  const cases: [host: string, pattern: string][] = [
    ["example.com", "example.com"],
    ["a.example.com", "*.example.com"],
    ["a.b.c.example.com", "*.example.com"],
    ["a.eu.example.com", "*.eu.example.com"],
    ["eu.example.com", "*.example.com"],
    ["shop.eu.example.com", "shop.eu.example.com"],
    ["badexample.com", "*"],
    ["example.com.evil.net", "*"],
    ["com", "*"],
    ["", "*"],
    ["*.example.com", "*.example.com"],
    ["*", "*"],
    ["[2001:db8::1]", "*"],
  ];
  test.each(cases)("%p is taken by %p", (host, pattern) => {
    expect(matchSpec(specs, { host })).toEqual({ host: pattern });
  });

  test("row 52: an unknown host gets no route, never the first site", () => {
    expect(matchSpec([{ host: "example.com" }, { host: "*.example.org" }], { host: "other.net" })).toBe(
      undefined,
    );
  });

  test("no host reaches a named route", () => {
    expect(matchSpec([{ host: "example.com" }, { host: "*.com" }], { host: "" })).toBe(undefined);
  });

  test("a host without a route for the path falls back to less specific hosts", () => {
    const routes = [
      { host: "a.example.com", path: "/only" },
      { host: "*.example.com", path: "/wild/*" },
      { host: "*", path: "/*" },
    ];
    expect(matchSpec(routes, { host: "a.example.com", path: "/only" })).toBe(routes[0]);
    expect(matchSpec(routes, { host: "a.example.com", path: "/wild/x" })).toBe(routes[1]);
    expect(matchSpec(routes, { host: "a.example.com", path: "/other" })).toBe(routes[2]);
  });
});

describe("path", () => {
  const specs = [
    { path: "/*" },
    { path: "/api/*" },
    { path: "/api" },
    { path: "/api/v1/*" },
    { path: "/api/v1/users" },
    { path: "/a/*" },
  ];
  const cases: [path: string, pattern: string][] = [
    ["/", "/*"],
    ["/api", "/api"],
    ["/api/", "/api/*"],
    ["/api/v1", "/api/v1/*"],
    ["/api/v1/", "/api/v1/*"],
    ["/api/v1/users", "/api/v1/users"],
    ["/api/v1/users/", "/api/v1/*"],
    ["/api/v1/users/7", "/api/v1/*"],
    ["/api/v2", "/api/*"],
    ["/api/v10", "/api/*"],
    ["/apix", "/*"],
    ["/API", "/*"],
    ["/a", "/a/*"],
    ["/a//b", "/a/*"],
    ["//a", "/*"],
    [`/a/${"b/".repeat(8000)}`, "/a/*"],
  ];
  test.each(cases)("row 53: %p is taken by %p", (path, pattern) => {
    expect(matchSpec(specs, { path })).toEqual({ path: pattern });
  });

  test("an exact path takes neither a trailing slash nor a longer path", () => {
    expect(matchSpec([{ path: "/x" }], { path: "/x/" })).toBe(undefined);
    expect(matchSpec([{ path: "/x" }], { path: "/x/y" })).toBe(undefined);
    expect(matchSpec([{ path: "/" }], { path: "/x" })).toBe(undefined);
  });

  test("an exact path whose condition fails gives way to a prefix", () => {
    const routes: Partial<MatchSpec>[] = [{ path: "/x", headers: [["x-beta", "1"]] }, { path: "/*" }];
    expect(matchSpec(routes, { path: "/x" })).toBe(routes[1]);
  });

  test("a table without routes finds none", () => {
    expect(matchSpec([], {})).toBe(undefined);
  });
});

describe("conditions", () => {
  const routes: Partial<MatchSpec>[] = [
    {},
    { methods: ["POST"] },
    { headers: [["x-version", "*"]] },
    { headers: [["x-version", "2"]] },
    { query: [["beta", "1"]] },
    { query: [["beta", "1"]], headers: [["x-version", "2"]] },
  ];
  const cases: [name: string, request: Partial<RouteRequest>, index: number][] = [
    ["no condition", {}, 0],
    ["a method", { method: "POST" }, 1],
    ["a method with case", { method: "post" }, 0],
    ["presence of a header", { headers: ["x-version", "3"] }, 2],
    ["presence of an empty header", { headers: ["x-version", ""] }, 2],
    ["an exact header before its presence", { headers: ["x-version", "2"] }, 3],
    ["any line of a repeated header", { headers: ["x-version", "9", "x-version", "2"] }, 3],
    ["a query parameter", { query: "?beta=1" }, 4],
    ["any of a repeated parameter", { query: "?beta=0&beta=1" }, 4],
    ["an encoded parameter", { query: "?x=%zz&b%65ta=%31" }, 4],
    ["another value of the parameter", { query: "?beta=11" }, 0],
    ["another parameter", { query: "?abeta=1" }, 0],
    ["more conditions before fewer", { headers: ["x-version", "2"], query: "?beta=1" }, 5],
  ];
  test.each(cases)("%s decides, whatever the order in the file", (_, request, index) => {
    expect(matchSpec(routes, request)).toBe(routes[index]);
    expect(matchSpec([...routes].reverse(), request)).toBe(routes[index]);
  });

  test("a parameter is decoded as a form: plus is a space", () => {
    const spaced: Partial<MatchSpec>[] = [{ query: [["q", "a b+c"]] }];
    expect(matchSpec(spaced, { query: "?q=a+b%2Bc" })).toBe(spaced[0]);
  });

  test("a parameter without a value is present and empty", () => {
    const empty: Partial<MatchSpec>[] = [{ query: [["q", ""]] }, { query: [["q", "*"]] }];
    expect(matchSpec(empty, { query: "?q" })).toBe(empty[0]);
    expect(matchSpec(empty, { query: "?q=1" })).toBe(empty[1]);
  });

  test("a route for fewer methods is more specific", () => {
    const methods = [{ methods: ["GET", "POST"] }, { methods: ["GET"] }];
    expect(matchSpec(methods, { method: "GET" })).toBe(methods[1]);
    expect(matchSpec(methods, { method: "POST" })).toBe(methods[0]);
  });
});

describe("method not allowed", () => {
  test("lists the methods that would find a route, sorted and once", () => {
    const routes: Partial<MatchSpec>[] = [
      { path: "/x", methods: ["PUT", "GET"] },
      { path: "/*", methods: ["GET", "DELETE"] },
      { path: "/x", methods: ["PATCH"], headers: [["x-admin", "1"]] },
      { path: "/y", methods: ["POST"] },
    ];
    expect(matchSpec(routes, { path: "/x", method: "POST" })).toEqual(["DELETE", "GET", "PUT"]);
  });

  test("another route for every method takes the request instead", () => {
    const routes: Partial<MatchSpec>[] = [
      { path: "/x", methods: ["GET"] },
      { host: "*", path: "/*" },
    ];
    expect(matchSpec(routes, { path: "/x", method: "POST" })).toBe(routes[1]);
  });

  test("a route that also fails on a header is not found", () => {
    const routes: Partial<MatchSpec>[] = [{ methods: ["GET"], headers: [["x-admin", "1"]] }];
    expect(matchSpec(routes, { method: "POST" })).toBe(undefined);
  });
});
