/** Cost of one access-log line: formatting alone, and with its share of turning a batch into bytes. */

import { createTrace, type Trace } from "../../src/exchange/trace.ts";
import { type AccessFormat, type AccessRecord, createFormat } from "../../src/observe/access-format.ts";
import { appendLine, createPages, takePages } from "../../src/observe/pages.ts";
import { FLUSH_BYTES } from "../../src/observe/sink.ts";

const VARIANTS = 256;
/** Short rounds and the best of many: other processes on the machine only ever make it slower. */
const LINES = 50_000;
const ROUNDS = 40;

const USER_AGENT =
  "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36";

/** Values must be fresh strings, as from a socket: interned literals would make comparing free. */
function fresh(text: string): string {
  return Buffer.from(text, "latin1").toString("latin1");
}

function createInput(userAgents: number): { record: AccessRecord; trace: Trace; durationMs: number }[] {
  return Array.from({ length: VARIANTS }, (_, i) => {
    const trace = createTrace(1_795_391_756_000 + i * 7, i * 7.1);
    Object.assign(trace, { route: "app", endpoint: "127.0.0.1:3000", status: 200, bytesOut: 1024 + i });
    Object.assign(trace, { connectMs: i % 4 === 0 ? 0.21 + i / 1000 : 0, firstByteMs: 1.234567 + i / 7 });
    const record: AccessRecord = {
      method: fresh("GET"),
      target: fresh(`/api/v1/users/${i}?expand=orders&limit=50`),
      scheme: "http",
      host: fresh("example.com"),
      client: { ip: fresh(`203.0.113.${i}`), peer: fresh(`203.0.113.${i}`) },
      referer: fresh(i % 2 === 0 ? "https://example.com/app" : ""),
      userAgent: fresh(
        userAgents === 1 ? USER_AGENT : USER_AGENT.replace("130", `${100 + (i % userAgents)}`),
      ),
      protocol: "HTTP/1.1",
    };
    return { record, trace, durationMs: 1.9876543 + i / 3 };
  });
}

function measure(format: AccessFormat, userAgents: number): void {
  const input = createInput(userAgents);
  const formatLine = createFormat(format);
  const alone: number[] = [];
  const withBytes: number[] = [];
  let bytes = 0;
  for (let round = 0; round < ROUNDS; round++) {
    let characters = 0;
    alone.push(
      nanosPerLine((i) => {
        const { record, trace, durationMs } = input[i % VARIANTS] as (typeof input)[number];
        characters += formatLine(record, trace, durationMs).length;
      }),
    );
    const pages = createPages();
    withBytes.push(
      nanosPerLine((i) => {
        const { record, trace, durationMs } = input[i % VARIANTS] as (typeof input)[number];
        appendLine(pages, formatLine(record, trace, durationMs));
        if (pages.bytes >= FLUSH_BYTES) bytes += takePages(pages).length;
      }),
    );
    if (characters === 0 || bytes === 0) throw new Error("Nothing was formatted");
  }
  const summary = (values: number[]): string => {
    values.sort((a, b) => a - b);
    return `best ${values[0]?.toFixed(0)} median ${values[values.length >> 1]?.toFixed(0)}`;
  };
  console.log(
    `${format.padEnd(9)} ${userAgents.toString().padStart(2)} user agents, ns a line: formatting ${summary(alone)}; with bytes ${summary(withBytes)}`,
  );
}

function nanosPerLine(work: (i: number) => void): number {
  const before = Bun.nanoseconds();
  for (let i = 0; i < LINES; i++) work(i);
  return (Bun.nanoseconds() - before) / LINES;
}

for (const format of ["json", "combined", "common"] as const) {
  measure(format, 1);
  measure(format, 37);
}
