import { describe, expect, test } from "bun:test";
import type { EndpointSpec } from "../../../src/snapshot/types.ts";
import { createConnection } from "../../../src/upstream/connection.ts";
import {
  closeIdle,
  createEndpoint,
  type Endpoint,
  expireIdle,
  MAX_IDLE_CONNECTIONS,
  putIdle,
  takeIdle,
} from "../../../src/upstream/endpoint.ts";
import { toEndpoint } from "../../support/proxy.ts";

const FOREVER = Number.POSITIVE_INFINITY;

function endpointWithIdle(...idleSince: number[]): Endpoint {
  const endpoint = createEndpoint(toEndpoint(80), 0);
  for (const since of idleSince) putIdle(endpoint, createConnection("k", "n"), 1000, since);
  return endpoint;
}

describe("takeIdle", () => {
  test("row 31: takes the most recently used first", () => {
    const endpoint = endpointWithIdle(0, 100, 200);
    expect(takeIdle(endpoint, FOREVER, 300)?.idleSince).toBe(200);
    expect(takeIdle(endpoint, FOREVER, 300)?.idleSince).toBe(100);
    expect(takeIdle(endpoint, FOREVER, 300)?.idleSince).toBe(0);
    expect(takeIdle(endpoint, FOREVER, 300)).toBeUndefined();
  });

  test("row 31: closes what has been idle for too long", () => {
    const endpoint = endpointWithIdle(0, 500);
    const [old] = endpoint.idle;
    expect(takeIdle(endpoint, FOREVER, 1200)?.idleSince).toBe(500);
    expect(takeIdle(endpoint, FOREVER, 1200)).toBeUndefined();
    expect([old?.closed, endpoint.idle.length]).toEqual([true, 0]);
  });

  test("row 31: skips what was closed meanwhile", () => {
    const endpoint = endpointWithIdle(0, 100);
    const newest = endpoint.idle.at(-1);
    if (newest !== undefined) newest.closed = true;
    expect(takeIdle(endpoint, FOREVER, 100)?.idleSince).toBe(0);
  });

  test("row 27: a request that must not be repeated leaves older ones for others", () => {
    const endpoint = endpointWithIdle(0, 100);
    expect(takeIdle(endpoint, 50, 200)).toBeUndefined();
    expect(endpoint.idle.length).toBe(2);
    expect(takeIdle(endpoint, 100, 200)?.idleSince).toBe(100);
  });

  test("row 27: a closed one on top does not hide a fresh one", () => {
    const endpoint = endpointWithIdle(90, 100);
    const newest = endpoint.idle.at(-1);
    if (newest !== undefined) newest.closed = true;
    expect(takeIdle(endpoint, 50, 120)?.idleSince).toBe(90);
  });
});

describe("putIdle", () => {
  test("row 31: keeps none without time left, of an endpoint nobody wants, or that is closed", () => {
    const endpoint = endpointWithIdle();
    const late = createConnection("k", "n");
    putIdle(endpoint, late, 0, 0);
    expect([late.closed, endpoint.idle.length]).toEqual([true, 0]);
    putIdle(endpoint, late, 1000, 0);
    expect(endpoint.idle.length).toBe(0);
    endpoint.wanted = false;
    const unwanted = createConnection("k", "n");
    putIdle(endpoint, unwanted, 1000, 0);
    expect([unwanted.closed, endpoint.idle.length]).toEqual([true, 0]);
  });

  test("is bounded", () => {
    const endpoint = endpointWithIdle();
    for (let i = 0; i < MAX_IDLE_CONNECTIONS + 5; i++) putIdle(endpoint, createConnection("k", "n"), 1000, 0);
    expect(endpoint.idle.length).toBe(MAX_IDLE_CONNECTIONS);
  });
});

describe("expireIdle", () => {
  test("closes the old, forgets the closed, keeps the order of the rest", () => {
    const endpoint = endpointWithIdle(0, 400, 500, 600);
    const [old, , closed] = endpoint.idle;
    if (closed !== undefined) closed.closed = true;
    expireIdle(endpoint, 1200);
    expect(endpoint.idle.map((one) => one.idleSince)).toEqual([400, 600]);
    expect(old?.closed).toBe(true);
  });

  test("closes all of an endpoint nobody wants", () => {
    const endpoint = endpointWithIdle(0, 1);
    const all = [...endpoint.idle];
    endpoint.wanted = false;
    expireIdle(endpoint, 2);
    expect(all.every((one) => one.closed)).toBe(true);
  });
});

describe("closeIdle", () => {
  test("closes all", () => {
    const endpoint = endpointWithIdle(0, 1);
    const all = [...endpoint.idle];
    closeIdle(endpoint);
    expect([all.every((one) => one.closed), endpoint.idle.length]).toEqual([true, 0]);
  });
});

describe("createEndpoint", () => {
  const tls = { serverName: "app.test", ca: undefined, cert: undefined, key: undefined, insecure: false };

  test.each<[string, Partial<EndpointSpec>]>([
    ["app.test", { address: { kind: "tcp", hostname: "app.test", port: 80 } }],
    ["app.test:8080", { address: { kind: "tcp", hostname: "app.test", port: 8080 } }],
    ["app.test", { address: { kind: "tcp", hostname: "app.test", port: 443 }, tls }],
    ["app.test:80", { address: { kind: "tcp", hostname: "app.test", port: 80 }, tls }],
    ["[::1]:8080", { address: { kind: "tcp", hostname: "::1", port: 8080 } }],
    ["localhost", { address: { kind: "unix", path: "/x" } }],
  ])("its own name for Host is %s", (host, spec) => {
    expect(createEndpoint(toEndpoint(1, spec), 0).host).toBe(host);
  });
});
