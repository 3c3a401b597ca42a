import { expect, test } from "bun:test";
import { REDACTED, redactSnapshot } from "../../../src/master/redact.ts";
import type { ActionSpec, Snapshot } from "../../../src/snapshot/types.ts";
import { toRoute, toSnapshot } from "../../support/test-settings.ts";

function withSecrets(): Snapshot {
  const route = toRoute(1);
  if (route.action.kind !== "proxy") throw new Error("not a proxy route");
  const endpoint = route.action.proxy.endpoints[0];
  if (endpoint === undefined) throw new Error("no endpoint");
  const tls = { serverName: "a.test", ca: "CA", cert: "CERT", key: "KEY", insecure: false };
  const action: ActionSpec = {
    kind: "proxy",
    proxy: { ...route.action.proxy, endpoints: [{ ...endpoint, tls }, endpoint] },
  };
  const request = {
    remove: ["x-a"],
    set: ["authorization", "Bearer s3cret", "x-b", "s3cret from the environment"],
    add: ["x-api-key", "s3cret"],
  };
  return {
    ...toSnapshot({}),
    generation: 4,
    slots: { e1: 0 },
    routes: [
      {
        ...route,
        match: {
          ...route.match,
          headers: [
            ["cookie", "s3cret"],
            ["authorization", "*"],
          ],
          query: [
            ["token", "s3cret"],
            ["q", "s3cret"],
            ["any", "*"],
          ],
        },
        middleware: [
          {
            kind: "headers",
            request,
            response: { remove: [], set: [], add: ["Set-Cookie", "id=s3cret", "X-Open", "shown"] },
          },
        ],
        action,
      },
      toRoute(2),
    ],
  };
}

test("redactSnapshot hides keys and credentials and keeps everything else", () => {
  const shown = redactSnapshot(withSecrets());
  const text = JSON.stringify(shown);
  expect(text).not.toContain("s3cret");
  expect(text).not.toContain('"KEY"');
  const [first, second] = shown.routes;
  expect(first?.match.headers).toEqual([
    ["cookie", REDACTED],
    ["authorization", "*"],
  ]);
  expect(first?.match.query).toEqual([
    ["token", REDACTED],
    ["q", REDACTED],
    ["any", "*"],
  ]);
  expect(first?.middleware[0]?.request).toEqual({
    remove: ["x-a"],
    set: ["authorization", REDACTED, "x-b", REDACTED],
    add: ["x-api-key", REDACTED],
  });
  expect(text).toContain('"X-Open","shown"');
  expect(text).toContain('"CERT"');
  expect(second).toEqual(toRoute(2));
  expect(shown.generation).toBe(4);
});
