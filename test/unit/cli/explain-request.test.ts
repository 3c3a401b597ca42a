/** What people type for a request. */

import { describe, expect, test } from "bun:test";
import { toRouteRequest } from "../../../src/cli/explain-request.ts";

function parse(url: string, headers: readonly string[] = [], method?: string) {
  const result = toRouteRequest({ url, method, headers });
  return result.ok ? result.value : result.error.message;
}

describe("toRouteRequest", () => {
  test.each([
    ["http://Example.com", { host: "example.com", path: "/", query: "" }],
    ["example.com:8080/a?b=c#d", { host: "example.com", path: "/a", query: "?b=c" }],
    ["https://example.com?x", { host: "example.com", path: "/", query: "?x" }],
    ["wss://[::1]:9/ws", { host: "::1", path: "/ws" }],
    ["example.com//a/./b/../c", { host: "example.com", path: "/a/c" }],
    ["example.com/%7eu", { host: "example.com", path: "/~u" }],
    ["http://bücher.test/ü x", { host: "xn--bcher-kva.test", path: "/%C3%BC%20x" }],
  ])("reads %p", (url, expected) => {
    expect(parse(url)).toMatchObject(expected);
  });

  test("lets a Host field win", () => {
    expect(parse("http://127.0.0.1:8080/a", ["Host: shop.test"])).toMatchObject({
      host: "shop.test",
      path: "/a",
    });
  });

  test("keeps fields by lower-case name and the method as given", () => {
    expect(parse("a.test", ["X-Team:  web ", "X-Team: two"], "PUT")).toMatchObject({
      method: "PUT",
      headers: ["x-team", "web", "x-team", "two"],
    });
  });

  test.each([
    ["", [], undefined, 'Cannot read the host ""'],
    ["http:///x", [], undefined, 'Cannot read the host ""'],
    ["exa mple.com", [], undefined, 'Cannot read the host "exa mple.com"'],
    ["a.test/../x", [], undefined, 'Cannot route the path "/../x": the proxy answers it with 400'],
    ["a.test", ["nocolon"], undefined, 'Cannot read the header "nocolon"'],
    ["a.test", ["bad name: x"], undefined, 'Cannot read the header "bad name: x"'],
    ["a.test", ["x: a\nb"], undefined, 'Cannot read the header "x: a\nb"'],
    ["a.test", [], "GE T", 'Cannot read the method "GE T"'],
  ])("refuses %p %p %p", (url, headers, method, message) => {
    expect(parse(url, headers, method)).toBe(message);
  });
});
