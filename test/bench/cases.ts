/** What is measured, and the limits it has to stay within. */

import type { CaseName } from "./options.ts";
import type { Shape } from "./wrk.ts";

export interface CompareCase {
  readonly name: CaseName;
  readonly title: string;
  readonly shape: Shape;
  /** Requests before the first run, so that the JIT has settled on this path. */
  readonly warmUp: number;
  /** Processor time of ophid per request in multiples of the other's; nothing for information only. */
  readonly limits: Readonly<Record<string, number>>;
}

export const SMALL: Shape = { path: "/small", connections: 64, script: "load.lua", args: ["GET"] };

export const WARM_UP_REQUESTS = 60_000;

export const COMPARE_CASES: readonly CompareCase[] = [
  {
    name: "small",
    title: "62 bytes, 64 connections",
    shape: SMALL,
    warmUp: WARM_UP_REQUESTS,
    limits: { nginx: 1.7, caddy: 0.45 },
  },
  {
    name: "post",
    title: "POST of 1 KiB, 64 connections",
    shape: { path: "/small", connections: 64, script: "load.lua", args: ["POST", "1024"] },
    warmUp: 20_000,
    limits: {},
  },
  {
    name: "64k",
    title: "64 KiB, 16 connections",
    shape: { path: "/64k.bin", connections: 16, script: "load.lua", args: ["GET"] },
    warmUp: 20_000,
    limits: { nginx: 1.3 },
  },
  {
    name: "1m",
    title: "1 MiB, 16 connections",
    shape: { path: "/1m.bin", connections: 16, script: "load.lua", args: ["GET"] },
    warmUp: 2000,
    limits: { nginx: 1.3 },
  },
  {
    name: "close",
    title: "62 bytes, a new connection each",
    shape: {
      path: "/small",
      connections: 64,
      script: "load.lua",
      args: ["GET", "0", "close"],
      mayClose: true,
    },
    warmUp: 5000,
    limits: {},
  },
];

export const FEW_ROUTES = 10;
export const MANY_ROUTES = 10_000;
/** 10,000 routes against 10, asked for the same ten hosts. */
export const ROUTES_LIMIT = 1.1;

export function hostOfRoute(index: number): string {
  return `site-${index}.bench.test`;
}

/** Requests for the first `count` hosts in turn. */
export function routesShape(count: number): Shape {
  return { path: "/small", connections: 64, script: "routes.lua", args: [String(count)] };
}

const RATE_CONNECTIONS = 64;

export function rateShape(perSecond: number): Shape {
  const pauseMs = (RATE_CONNECTIONS / perSecond) * 1000;
  return { path: "/small", connections: RATE_CONNECTIONS, script: "rate.lua", args: [pauseMs.toFixed(2)] };
}

/** Receives and sends of a small request. */
export const CALLS_LIMIT = 2;
/** Calls that belong to connections and to the log, spread over the requests. */
export const CALLS_TOLERANCE = 0.05;
