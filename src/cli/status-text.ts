/** The status of a running proxy as text. */

import { formatDuration } from "../lib/duration.ts";
import type { EndpointReport, RouteReport, StatusReport, WorkerReport } from "../master/status.ts";
import { formatAddress } from "./banner.ts";
import { type Column, formatTable } from "./table.ts";

const MIB = 1024 * 1024;

const WORKER_COLUMNS: readonly Column<WorkerReport>[] = [
  { title: "WORKER", value: (worker) => worker.index },
  { title: "PID", align: "right", value: (worker) => worker.pid },
  { title: "STATE", value: (worker) => worker.state },
  { title: "UP", align: "right", value: (worker) => formatAge(worker.uptimeMs) },
  { title: "RESTARTS", align: "right", value: (worker) => worker.restarts },
  { title: "MEMORY", align: "right", value: (worker) => formatMemory(worker.rssBytes) },
  { title: "CONNECTIONS", align: "right", value: (worker) => worker.connections },
  { title: "IN FLIGHT", align: "right", value: (worker) => worker.inFlight },
  { title: "WEBSOCKETS", align: "right", value: (worker) => worker.websockets },
];

export const ROUTE_COLUMNS: readonly Column<RouteReport>[] = [
  { title: "HOST", value: (route) => route.host },
  { title: "PATH", value: (route) => route.path },
  { title: "METHODS", value: (route) => route.methods.join(",") },
  { title: "ACTION", value: (route) => route.action },
  { title: "TO", value: (route) => route.to.join(", ") },
  { title: "NAME", value: (route) => (isNamed(route) ? route.name : undefined) },
  { title: "SOURCE", value: (route) => route.source },
];

const ENDPOINT_COLUMNS: readonly Column<EndpointReport>[] = [
  { title: "ENDPOINT", value: (endpoint) => endpoint.name },
  { title: "IN FLIGHT", align: "right", value: (endpoint) => endpoint.inFlight },
  { title: "REQUESTS", align: "right", value: (endpoint) => endpoint.requests },
  { title: "FAILURES", align: "right", value: (endpoint) => endpoint.failures },
];

export function formatStatus(status: StatusReport): string {
  const { workers, listeners, routes, endpoints } = status;
  const leaving = workers.filter((worker) => worker.state === "draining").length;
  const lines = [...formatHead(status), "", ...formatTable(WORKER_COLUMNS, workers)];
  if (leaving > 0) lines.push(`${leaving} draining: finishing what they have`);
  lines.push("", "LISTENERS", ...listeners.map(({ address }) => formatAddress(address)));
  lines.push("", ...formatTable(ROUTE_COLUMNS, routes));
  if (endpoints.length > 0) lines.push("", ...formatTable(ENDPOINT_COLUMNS, endpoints));
  return lines.join("\n");
}

function formatHead({
  version,
  pid,
  phase,
  ready,
  uptimeMs,
  rssBytes,
  home,
  config,
}: StatusReport): string[] {
  const state = phase === "running" && !ready ? "running, but no worker serves" : phase;
  const lines = [
    `ophid ${version}: ${state}, pid ${pid}, up ${formatAge(uptimeMs)}, master ${formatMemory(rssBytes)}`,
    `config ${config.path}, generation ${config.generation}${config.loadedAt === undefined ? "" : ` of ${config.loadedAt}`}`,
    `home   ${home}`,
  ];
  const { lastReload } = config;
  if (lastReload !== undefined && !lastReload.ok) {
    lines.push(`The last reload (${lastReload.at}) was refused, an earlier configuration runs:`);
    lines.push(
      ...lastReload.message
        .trimEnd()
        .split("\n")
        .map((line) => `  ${line}`),
    );
  }
  return lines;
}

/** "3d4h", "4m10s": two units are enough for a person. */
export function formatAge(ageMs: number): string {
  const wholeMs = Math.floor(Math.max(0, ageMs) / 1000) * 1000;
  return formatDuration(wholeMs).match(/^\d+[a-z]+(?:\d+[a-z]+)?/)?.[0] ?? "0s";
}

function formatMemory(sizeBytes: number | undefined): string | undefined {
  return sizeBytes === undefined ? undefined : `${Math.round(sizeBytes / MIB)} MiB`;
}

/** A name that was not given repeats the match. */
function isNamed({ name, host, path }: RouteReport): boolean {
  return !name.startsWith(`${host}${path}`);
}
