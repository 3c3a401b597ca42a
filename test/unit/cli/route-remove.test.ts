/** Which file a name means, and what is never deleted. */

import { describe, expect, test } from "bun:test";
import { chooseRoute } from "../../../src/cli/route-remove.ts";
import type { RouteReport } from "../../../src/master/status.ts";

const FOLDER = "/home/u/.ophid/proxy/routes.d";

function route(host: string, path: string, source: string, methods: readonly string[] = []): RouteReport {
  return { name: `${host}${path}`, source, host, path, methods, action: "proxy", to: ["localhost:1"] };
}

const ROUTES = [
  route("own.test", "/*", "/home/u/.ophid/proxy/config.toml:12"),
  route("one.test", "/*", `${FOLDER}/one.toml:2`),
  route("two.test", "/a", `${FOLDER}/two-a.toml:2`),
  route("two.test", "/b", `${FOLDER}/two-b.toml:2`),
  route("methods.test", "/*", `${FOLDER}/get.toml:2`, ["GET"]),
  route("methods.test", "/*", `${FOLDER}/post.toml:2`, ["POST"]),
  route("shared.test", "/a", `${FOLDER}/shared.toml:1`),
  route("shared.test", "/b", `${FOLDER}/shared.toml:5`),
  route("elsewhere.test", "/*", "/etc/routes.d/x.toml:1"),
];

function choose(name: string, method?: string): string {
  const chosen = chooseRoute({ name, method }, ROUTES, FOLDER);
  return chosen.ok ? chosen.value.file : chosen.error.message;
}

describe("chooseRoute", () => {
  test("finds the only route of a host without its path", () => {
    expect(choose("one.test")).toBe(`${FOLDER}/one.toml`);
    expect(choose("ONE.test")).toBe(`${FOLDER}/one.toml`);
    expect(choose("one.test/*")).toBe(`${FOLDER}/one.toml`);
  });

  test("asks for the path or the method where the host has several", () => {
    expect(choose("two.test")).toBe('"two.test" is 2 routes: two.test/a, two.test/b');
    expect(choose("two.test/b")).toBe(`${FOLDER}/two-b.toml`);
    expect(choose("methods.test/*")).toStartWith('"methods.test/*" is 2 routes');
    expect(choose("methods.test", "post")).toBe(`${FOLDER}/post.toml`);
  });

  test("names the place of a route in a file of the user", () => {
    expect(choose("own.test")).toContain("/home/u/.ophid/proxy/config.toml:12");
    expect(choose("elsewhere.test")).toContain("/etc/routes.d/x.toml:1");
  });

  test("spares a file that holds another route too", () => {
    expect(choose("shared.test/a")).toBe(
      `Cannot remove "shared.test/a": "${FOLDER}/shared.toml" holds 2 routes`,
    );
  });

  test("says so if there is none", () => {
    expect(choose("none.test")).toBe('No route "none.test"');
    expect(choose("one.test/other")).toBe('No route "one.test/other"');
  });
});
