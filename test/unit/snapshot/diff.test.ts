import { describe, expect, test } from "bun:test";
import { diff, diffFromNothing } from "../../../src/snapshot/diff.ts";
import { snapshotOf } from "./snapshot-of.ts";

describe("diff", () => {
  const BASE =
    '[general]\nlisten = [":80", "unix:/a"]\n[[routes]]\nhost = "a"\ntarget = "a:1"\n[[routes]]\nhost = "b"\ntarget = "b:1"\n';
  const NOTHING = {
    listenersAdded: [],
    listenersRemoved: [],
    routesAdded: [],
    routesRemoved: [],
    routesChanged: [],
    endpointsAdded: [],
    endpointsRemoved: [],
    settingsChanged: [],
  };

  test("finds nothing where only places in the file changed", () => {
    const moved = `# comment\n${BASE.replace('listen = [":80", "unix:/a"]', 'listen = ["unix:/a", ":80"]')}`;
    expect(diff(snapshotOf(BASE), snapshotOf(moved))).toEqual(NOTHING);
  });

  test("names what came, went and changed", () => {
    const after =
      '[general]\nlisten = [":80", ":81"]\n[[routes]]\nhost = "a"\ntarget = "a:2"\n[[routes]]\nhost = "c"\ntarget = "b:1"\n';
    expect(diff(snapshotOf(BASE), snapshotOf(after))).toEqual({
      listenersAdded: ["http://[::]:81"],
      listenersRemoved: ["unix:/a"],
      routesAdded: ["c/*"],
      routesRemoved: ["b/*"],
      routesChanged: ["a/*"],
      endpointsAdded: ["http://a:2"],
      endpointsRemoved: ["http://a:1"],
      settingsChanged: [],
    });
  });

  test("names settings that hold for all routes", () => {
    const changes = [
      ['[general]\nlisten = [":80", "unix:/a"]\ntrusted_proxies = ["private"]', "trusted proxies"],
      ['[general]\nlisten = [":80", "unix:/a"]\nlog_format = "common"', "logs"],
      ['[timeouts]\nconnect = "1s"\n[general]\nlisten = [":80", "unix:/a"]', "timeouts"],
      ['[limits]\nmax_header_bytes = "32KiB"\n[general]\nlisten = [":80", "unix:/a"]', "header limit"],
    ] as const;
    for (const [text, words] of changes) {
      const after = snapshotOf(BASE.replace('[general]\nlisten = [":80", "unix:/a"]', text));
      expect(diff(snapshotOf(BASE), after)).toEqual({ ...NOTHING, settingsChanged: [words] });
    }
    expect(diffFromNothing(snapshotOf(BASE))).toMatchObject({
      routesAdded: ["a/*", "b/*"],
      settingsChanged: [],
    });
  });

  test("sees every kind of change in a route", () => {
    const route = (extra: string) => snapshotOf(`[[routes]]\nname = "x"\ntarget = "a:1"\n${extra}\n`);
    const changes = [
      'host = "h"',
      'path = "/p"',
      'method = "GET"',
      'headers = { A = "1" }',
      'query = { a = "1" }',
      'add_headers = { A = "1" }',
      "websocket = false",
      'response_buffer = "1KiB"',
      'add_prefix = "/p"',
      'host_header = "endpoint"',
      'loadbalance = { strategy = "ip-hash" }',
      'middleware = [{ type = "headers", response = { remove = ["Server"] } }]',
    ];
    for (const change of changes) {
      expect(diff(route(""), route(change))).toEqual({ ...NOTHING, routesChanged: ["x"] });
      expect(diff(route(change), route(change))).toEqual(NOTHING);
    }
  });
});
