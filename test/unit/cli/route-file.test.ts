/** Names and texts of the files that route add writes. */

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { loadConfig } from "../../../src/config/load.ts";
import { ok } from "../../../src/lib/result.ts";
import {
  formatRouteFile,
  type RouteDraft,
  routeFileName,
  splitRouteName,
} from "../../../src/cli/route-file.ts";

/** What the loader would replace if it stood in a file. */
const REFERENCE = ["$", "{SECRET}"].join("");

const DRAFT: RouteDraft = {
  host: "api.example.com",
  path: "/v1/*",
  methods: [],
  targets: ["localhost:3000"],
  stripPrefix: undefined,
  strategy: undefined,
};

describe("routeFileName", () => {
  test("says what the route is", () => {
    expect(routeFileName(DRAFT)).toMatch(/^api\.example\.com-v1-any-[0-9a-f]{8}\.toml$/);
    expect(routeFileName({ ...DRAFT, host: "*", path: "/*" })).toMatch(/^any-any-[0-9a-f]{8}\.toml$/);
    expect(routeFileName({ ...DRAFT, methods: ["POST"] })).toMatch(/-post-[0-9a-f]{8}\.toml$/);
  });

  test("is one for the same match, whatever else differs", () => {
    const name = routeFileName({ ...DRAFT, methods: ["GET", "PUT"] });
    expect(routeFileName({ ...DRAFT, methods: ["PUT", "GET"], targets: ["x:1"], stripPrefix: "/v1" })).toBe(
      name,
    );
    expect(routeFileName({ ...DRAFT, host: "API.example.com", methods: ["GET", "PUT"] })).toBe(name);
  });

  test("keeps apart what has the same harmless characters", () => {
    const names = ["/a-b", "/a/b", "/a.b", "/a%b"].map((path) => routeFileName({ ...DRAFT, path }));
    expect(new Set(names).size).toBe(names.length);
  });

  test("never leaves its folder, hides or breaks the limit of names", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 300 }), fc.string({ maxLength: 300 }), (host, path) => {
        const name = routeFileName({ ...DRAFT, host, path });
        expect(name).toMatch(/^[a-z0-9][a-z0-9.-]*\.toml$/);
        expect(name).not.toContain("..");
        expect(name.length).toBeLessThan(130);
      }),
    );
    expect(routeFileName({ ...DRAFT, host: "../../etc/passwd" })).not.toContain("/");
  });
});

describe("formatRouteFile", () => {
  const load = (text: string) =>
    loadConfig({
      path: "/none/config.toml",
      env: { SECRET: "leaked" },
      defaults: { access_log: "/a", error_log: "/e" },
      files: {
        readText: async (path) => ok(path.endsWith("config.toml") ? "" : text),
        listNames: async () => ok(["route.toml"]),
      },
    });

  test("is read back as the route that was meant", async () => {
    const draft: RouteDraft = {
      host: "api.example.com",
      path: "/v1/*",
      methods: ["GET", "HEAD"],
      targets: ["localhost:3000", "https://10.0.0.1:8443"],
      stripPrefix: "/v1",
      strategy: "least-conn",
    };
    const loaded = await load(formatRouteFile(draft));
    if (!loaded.ok) throw new Error(JSON.stringify(loaded.error));
    expect(loaded.value.routes[0]).toMatchObject({
      type: "proxy",
      host: "api.example.com",
      path: "/v1/*",
      method: ["GET", "HEAD"],
      strategy: "least-conn",
      strip_prefix: "/v1",
      backends: [
        { url: { hostname: "localhost", port: 3000, scheme: "http" } },
        { url: { hostname: "10.0.0.1", port: 8443, scheme: "https" } },
      ],
    });
  });

  test("leaves out what was not asked for", () => {
    expect(
      formatRouteFile({ ...DRAFT, path: "/*" })
        .split("\n")
        .slice(1),
    ).toEqual(["[[routes]]", 'host = "api.example.com"', 'target = "localhost:3000"', ""]);
  });

  test("lets no text out of its string", async () => {
    for (const host of ['x"\n[general]\nworkers = 3', "x\\", "x\u007f", "x\ttab", REFERENCE, "'''"]) {
      const loaded = await load(formatRouteFile({ ...DRAFT, host }));
      if (loaded.ok) throw new Error(`accepted ${JSON.stringify(host)}`);
      expect(loaded.error).toHaveLength(1);
      expect(loaded.error[0]).toMatchObject({ kind: "value", path: "routes[0].host", line: 3 });
      expect(JSON.stringify(loaded.error)).not.toContain("leaked");
    }
  });
});

describe("splitRouteName", () => {
  test.each([
    ["Example.com", { host: "example.com", path: undefined }],
    ["example.com/V1/*", { host: "example.com", path: "/V1/*" }],
    ["*/", { host: "*", path: "/" }],
    ["[::1]/x", { host: "::1", path: "/x" }],
    ["*.Example.com.", { host: "*.example.com", path: undefined }],
    ["", { host: "", path: undefined }],
  ])("splits %p", (word, parts) => {
    expect(splitRouteName(word)).toEqual(parts);
  });
});
