/** What was measured, as tables for people and as JSON. */

import type { Sample } from "./measure.ts";
import type { CaseName } from "./options.ts";
import { ratioOf, type Spread, spreadOf } from "./statistics.ts";
import type { SyscallReport } from "./syscalls.ts";

export interface Report {
  readonly seconds: number;
  readonly rounds: number;
  readonly cases: CaseReport[];
  readonly limits: Limit[];
  calls?: SyscallReport;
}

export interface CaseReport {
  readonly name: CaseName;
  readonly title: string;
  readonly rows: readonly CaseRow[];
}

export interface CaseRow {
  readonly label: string;
  readonly requests: number;
  readonly cpuMicros: Spread;
  /** Against the first row, round by round. */
  readonly cpuRatio: Spread;
  readonly perSecond: Spread;
  readonly perSecondRatio: Spread;
  readonly p50Ms: Spread;
  readonly p99Ms: Spread;
  readonly residentMib: number;
  /** Part of the time the proxy's core was working for it; well below 1 means something else was the limit. */
  readonly proxyBusy: number;
  readonly loadCoreBusy: number;
  readonly foreignBusy: number;
}

export interface Limit {
  readonly what: string;
  readonly target: number;
  readonly measured: Spread;
  readonly met: boolean;
}

export function toLimit(what: string, target: number, measured: Spread): Limit {
  return { what, target, measured, met: measured.median <= target };
}

export function toCaseReport(
  name: CaseName,
  title: string,
  samples: ReadonlyMap<string, readonly Sample[]>,
): CaseReport {
  const [first = []] = samples.values();
  const rows = [...samples].map(([label, own]): CaseRow => {
    const spread = (pick: (sample: Sample) => number) => spreadOf(own.map(pick));
    return {
      label,
      requests: own.reduce((sum, sample) => sum + sample.requests, 0),
      cpuMicros: spread((sample) => sample.cpuMicros),
      cpuRatio: ratioOf(own, first, (sample) => sample.cpuMicros),
      perSecond: spread((sample) => sample.perSecond),
      perSecondRatio: ratioOf(own, first, (sample) => sample.perSecond),
      p50Ms: spread((sample) => sample.p50Ms),
      p99Ms: spread((sample) => sample.p99Ms),
      residentMib: spread((sample) => sample.residentMib).max,
      proxyBusy: spread((sample) => (sample.cpuMicros * sample.perSecond) / 1e6).median,
      loadCoreBusy: spread((sample) => sample.loadCoreBusy).median,
      foreignBusy: spread((sample) => sample.foreignBusy).median,
    };
  });
  return { name, title, rows };
}

export function formatReport(report: Report): string {
  const parts = report.cases.map(formatCase);
  if (report.calls !== undefined) parts.push(formatCalls(report.calls));
  parts.push(formatLimits(report.limits));
  return parts.join("\n\n");
}

const CASE_HEAD = [
  "",
  "CPU us/request",
  "(min-max)",
  "ratio",
  "(min-max)",
  "requests/s",
  "ratio",
  "p50 ms",
  "p99 ms",
  "MiB",
  "busy",
  "others",
  "load core",
];

function formatCase({ title, rows }: CaseReport): string {
  const lines = rows.map((row) => [
    row.label,
    row.cpuMicros.median.toFixed(1),
    formatRange(row.cpuMicros, 1),
    row.cpuRatio.median.toFixed(2),
    formatRange(row.cpuRatio, 2),
    row.perSecond.median.toFixed(0),
    row.perSecondRatio.median.toFixed(2),
    row.p50Ms.median.toFixed(2),
    row.p99Ms.median.toFixed(2),
    row.residentMib.toFixed(0),
    formatPercent(row.proxyBusy),
    formatPercent(row.foreignBusy),
    formatPercent(row.loadCoreBusy),
  ]);
  return `${title}\n${formatTable([CASE_HEAD, ...lines])}`;
}

function formatCalls({ requests, receives, sends, perRequest }: SyscallReport): string {
  const rows = Object.entries(perRequest)
    .filter(([, count]) => count >= 0.0005)
    .map(([name, count]) => [name, count.toFixed(3)]);
  const title = `System calls of the worker per small request (${requests} requests under strace): `;
  return `${title}${receives.toFixed(3)} receives, ${sends.toFixed(3)} sends\n${formatTable(rows)}`;
}

function formatLimits(limits: readonly Limit[]): string {
  const rows = limits.map(({ what, target, measured, met }) => [
    what,
    `<= ${target}`,
    measured.median.toFixed(2),
    formatRange(measured, 2),
    met ? "met" : "NOT MET",
  ]);
  return `Limits\n${formatTable([["", "target", "measured", "(min-max)", ""], ...rows])}`;
}

function formatRange({ min, max }: Spread, digits: number): string {
  return `${min.toFixed(digits)}-${max.toFixed(digits)}`;
}

function formatPercent(part: number): string {
  return `${(part * 100).toFixed(0)}%`;
}

/** The first column to the left, numbers to the right. */
function formatTable(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, cell.length);
  }
  const pad = (cell: string, column: number) =>
    column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0);
  return rows.map((row) => `  ${row.map(pad).join("  ")}`.trimEnd()).join("\n");
}
