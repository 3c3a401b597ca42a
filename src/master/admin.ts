/** The admin API: what may be asked and ordered over the admin socket. */

import { type Context, Hono } from "hono";
import type { Result } from "../lib/result.ts";
import type { SnapshotDiff } from "../snapshot/diff.ts";
import type { Snapshot } from "../snapshot/types.ts";
import { summarize } from "./diff.ts";
import { redactSnapshot } from "./redact.ts";
import type { ReloadFailure } from "./reload.ts";
import type { ReloadReport } from "./report.ts";
import type { StatusReport } from "./status.ts";

export interface AdminControl {
  readonly pid: number;
  readonly isReady: () => boolean;
  readonly status: () => Promise<StatusReport>;
  readonly reload: () => Promise<ReloadReport>;
  readonly dryRun: () => Promise<Result<SnapshotDiff, ReloadFailure>>;
  /** Begins to stop and returns how long draining may take; undefined takes the time of the configuration. */
  readonly stop: (drainMs: number | undefined) => number;
  readonly snapshot: () => Snapshot | undefined;
}

/** Far more than any order needs. */
export const MAX_ADMIN_BODY_BYTES = 64 * 1024;
const MAX_STOP_MS = 86_400_000;

export function createAdminApp(control: AdminControl): Hono {
  const app = new Hono();
  // A browser adds these; no command-line client does. Keeps web pages out if the socket is ever bridged to TCP.
  app.use(async (context, next) => {
    const browserMark = context.req.header("origin") ?? context.req.header("sec-fetch-site");
    if (browserMark !== undefined) return context.json({ error: "Browsers are not welcome here" }, 403);
    await next();
  });
  app.get("/livez", (context) => context.json({ alive: true, pid: control.pid }));
  app.get("/readyz", (context) => {
    const ready = control.isReady();
    return context.json({ ready, pid: control.pid }, ready ? 200 : 503);
  });
  app.get("/status", async (context) => context.json(await control.status()));
  app.get("/config", (context) => {
    const snapshot = control.snapshot();
    if (snapshot === undefined) return context.json({ error: "No configuration is active yet" }, 503);
    return context.json(redactSnapshot(snapshot));
  });
  app.post("/reload", (context) =>
    context.req.query("dry_run") === "1" ? tryOut(context, control) : load(context, control),
  );
  app.post("/stop", (context) => stop(context, control));
  app.notFound((context) => context.json({ error: `No such admin resource: ${context.req.path}` }, 404));
  app.onError((error, context) => context.json({ error: `Internal error: ${error.message}` }, 500));
  return app;
}

async function load(context: Context, control: AdminControl): Promise<Response> {
  const report = await control.reload();
  return context.json(report, statusOf(report.ok ? undefined : report.kind));
}

async function tryOut(context: Context, control: AdminControl): Promise<Response> {
  const result = await control.dryRun();
  if (result.ok) return context.json({ ok: true, difference: summarize(result.value) });
  return context.json({ ok: false, ...result.error }, statusOf(result.error.kind));
}

/** 422: the file is wrong. 409: it may be right, but not here and now. */
function statusOf(failure: ReloadFailure["kind"] | undefined): 200 | 409 | 422 {
  if (failure === undefined) return 200;
  return failure === "config" ? 422 : 409;
}

async function stop(context: Context, control: AdminControl): Promise<Response> {
  const body = await context.req.text();
  const drainMs = parseStopBody(body);
  if (drainMs === "invalid") {
    return context.json({ error: `Expected {"timeoutMs": 0 … ${MAX_STOP_MS}} or no body` }, 400);
  }
  return context.json({ stopping: true, pid: control.pid, drainMs: control.stop(drainMs) }, 202);
}

function parseStopBody(body: string): number | undefined | "invalid" {
  if (body === "") return undefined;
  try {
    const value: unknown = JSON.parse(body);
    if (typeof value !== "object" || value === null) return "invalid";
    if (!("timeoutMs" in value)) return undefined;
    const { timeoutMs } = value;
    const isValid = typeof timeoutMs === "number" && timeoutMs >= 0 && timeoutMs <= MAX_STOP_MS;
    return isValid ? timeoutMs : "invalid";
  } catch {
    return "invalid";
  }
}
