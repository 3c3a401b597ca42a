/** The little configuration the process tests are written in, and snapshots made of it. */

import type { LoadedConfig } from "../../src/master/config-source.ts";
import type { CompiledSnapshot } from "../../src/snapshot/compile.ts";
import type { ListenerSpec, RouteSpec } from "../../src/snapshot/types.ts";

export interface TestSettings {
  readonly workers?: number;
  readonly listeners?: readonly ListenerSpec[];
  readonly routes?: number;
  readonly maxHeaderBytes?: number;
  readonly drainMs?: number;
  /** Text of a configuration error. */
  readonly broken?: string;
}

export function tcpListener(port: number, hostname = "127.0.0.1"): ListenerSpec {
  return { kind: "tcp", key: `tcp:${hostname}:${port}`, hostname, port };
}

export function unixListener(path: string): ListenerSpec {
  return { kind: "unix", key: `unix:${path}`, path };
}

export function toLoadedConfig(settings: TestSettings): LoadedConfig {
  return { workers: settings.workers ?? 1, snapshot: toSnapshot(settings) };
}

export function toSnapshot(settings: TestSettings): CompiledSnapshot {
  return {
    listeners: settings.listeners ?? [tcpListener(0)],
    routes: Array.from({ length: settings.routes ?? 1 }, (_, i) => toRoute(i + 1)),
    trustedProxies: [],
    timeouts: {
      connect: 3_000,
      responseHeader: 60_000,
      clientIdle: 300_000,
      upstreamIdle: 60_000,
      keepalive: 75_000,
      drain: settings.drainMs ?? 5_000,
    },
    log: { access: "", error: "stderr", format: "json" },
    maxHeaderBytes: settings.maxHeaderBytes ?? 16_384,
  };
}

export function toRoute(number: number): RouteSpec {
  return {
    id: `r${number}`,
    name: `r${number}`,
    source: `config.toml:${number}`,
    match: { host: `h${number}.test`, path: "/*", methods: [], headers: [], query: [] },
    middleware: [],
    action: {
      kind: "proxy",
      proxy: {
        poolKey: `p${number}`,
        policy: "round-robin",
        endpoints: [
          {
            key: `e${number}`,
            name: `127.0.0.1:${9_000 + number}`,
            address: { kind: "tcp", hostname: "127.0.0.1", port: 9_000 + number },
            weight: 1,
            tls: undefined,
          },
        ],
        stripPrefix: "",
        addPrefix: "",
        hostHeader: "preserve",
        websocket: true,
        responseBuffer: 0,
      },
    },
  };
}
