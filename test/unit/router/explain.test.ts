import { describe, expect, test } from "bun:test";
import { type ExplainableRoute, explain, formatExplain } from "../../../src/router/explain.ts";
import { createMatch, createRouteRequest } from "../../support/router.ts";
import type { MatchSpec } from "../../../src/snapshot/types.ts";
import type { RouteRequest } from "../../../src/router/matcher.ts";

function createRoute(name: string, line: number, match: Partial<MatchSpec>): ExplainableRoute {
  return { name, source: `config.toml:${line}`, match: createMatch(match) };
}

const ROUTES: readonly ExplainableRoute[] = [
  createRoute("fallback", 10, { host: "*" }),
  createRoute("site", 20, { host: "*.example.com" }),
  createRoute("api", 30, { host: "shop.example.com", path: "/api/*" }),
  createRoute("api-beta", 40, { host: "shop.example.com", path: "/api/*", headers: [["x-beta", "1"]] }),
  createRoute("users", 50, { host: "shop.example.com", path: "/api/users", methods: ["POST", "PUT"] }),
  createRoute("static", 60, { host: "shop.example.com", path: "/static/*" }),
  createRoute("other", 70, { host: "other.example.org" }),
];

function explainText(request: Partial<RouteRequest>, routes = ROUTES): string {
  return formatExplain(explain(routes, createRouteRequest({ host: "shop.example.com", ...request })));
}

describe("explain", () => {
  test("gives every route a verdict, considered ones first in the order of the search", () => {
    const headers = ["x-beta", "0"];
    const request = createRouteRequest({ host: "shop.example.com", path: "/api/users", headers });
    const { result, hosts, routes } = explain(ROUTES, request);
    expect(result).toEqual({ kind: "found", index: 2 });
    expect(hosts).toEqual(["shop.example.com", "*.example.com", "*"]);
    expect(routes.map(({ name, verdict }) => [name, verdict])).toEqual([
      ["users", { kind: "failed", matcher: { kind: "method", methods: ["POST", "PUT"] }, found: ["GET"] }],
      ["api-beta", { kind: "failed", matcher: { kind: "header", name: "x-beta", value: "1" }, found: ["0"] }],
      ["api", { kind: "won" }],
      ["site", { kind: "outranked", on: "host" }],
      ["fallback", { kind: "outranked", on: "host" }],
      ["static", { kind: "wrong-path" }],
      ["other", { kind: "wrong-host" }],
    ]);
  });

  test("tells apart losing by path and losing by conditions", () => {
    const headers = ["x-beta", "1"];
    const request = createRouteRequest({
      host: "shop.example.com",
      path: "/api/users",
      method: "PUT",
      headers,
    });
    const verdicts = explain(ROUTES, request)
      .routes.slice(0, 3)
      .map(({ name, verdict }) => [name, verdict]);
    expect(verdicts).toEqual([
      ["users", { kind: "won" }],
      ["api-beta", { kind: "outranked", on: "path" }],
      ["api", { kind: "outranked", on: "path" }],
    ]);
    const beta = explain(ROUTES, { ...request, method: "GET" }).routes.slice(1, 3);
    expect(beta.map(({ verdict }) => verdict)).toEqual([
      { kind: "won" },
      { kind: "outranked", on: "conditions" },
    ]);
  });
});

describe("formatExplain", () => {
  test("names the route, why it won and why the others did not", () => {
    expect(explainText({ path: "/api/users", query: "?page=2" })).toBe(
      [
        "GET shop.example.com/api/users?page=2",
        "",
        'Route "api" (config.toml:30) takes it',
        '  host "shop.example.com" is exact',
        '  path "/api/*" is the longest prefix that takes it',
        "",
        "Routes whose host and path fit, most specific first:",
        '  users  shop.example.com/api/users [method POST or PUT]  (config.toml:50): method POST or PUT fails, found "GET"',
        '  api-beta  shop.example.com/api/* [header "x-beta" = "1"]  (config.toml:40): header "x-beta" = "1" fails, found none',
        "  api  shop.example.com/api/*  (config.toml:30): takes it",
        "  site  *.example.com/*  (config.toml:20): fits, but its host is less specific",
        "  fallback  */*  (config.toml:10): fits, but its host is less specific",
        "",
        "Routes for this host with another path:",
        "  static  shop.example.com/static/*  (config.toml:60): another path",
        "",
        "1 route is for another host",
      ].join("\n"),
    );
  });

  test.each([
    ["wildcard", { host: "a.example.com" }, 'host "*.example.com" is the most specific wildcard'],
    ["any host", { host: "nobody.net" }, 'host "*" takes every host'],
    ["no host", { host: "" }, "GET (no host)/"],
    ["conditions", { path: "/api/users", method: "PUT" }, "conditions hold: method POST or PUT"],
  ] as [string, Partial<RouteRequest>, string][])("explains %s", (_, request, text) => {
    expect(explainText(request)).toContain(text);
  });

  test.each([
    ["an unknown host", { host: "nobody.net" }, '404, no route fits host "nobody.net"'],
    ["another path", { path: "/none" }, '404, no route of "shop.example.com" fits path "/none"'],
    ["a failing condition", { path: "/c" }, "404, a condition of every fitting route fails"],
    ["a wrong method", { path: "/m" }, "405, allowed POST, PUT"],
  ] as [string, Partial<RouteRequest>, string][])("explains why nothing takes %s", (_, request, text) => {
    const routes = [
      createRoute("m", 1, { host: "shop.example.com", path: "/m", methods: ["PUT", "POST"] }),
      createRoute("c", 2, { host: "shop.example.com", path: "/c", query: [["q", "*"]] }),
    ];
    expect(explainText(request, routes)).toContain(text);
  });

  test("says that there are no routes at all", () => {
    expect(explainText({}, [])).toContain("No routes are configured");
  });

  test("counts instead of listing thousands of routes", () => {
    const routes = Array.from({ length: 5000 }, (_, at) => createRoute(`r${at}`, at, { path: `/p${at}` }));
    const lines = explainText({ host: "example.com" }, routes).split("\n");
    expect(lines.length).toBeLessThan(40);
    expect(lines.at(-1)).toBe("  and 4980 more");
  });
});
