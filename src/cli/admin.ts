/** Questions to a running master, in the words of exit codes. */

import { err, ok, type Result } from "../lib/result.ts";
import { type AdminFailure, type AdminRequest, askMaster } from "../master/client.ts";
import type { ReloadReport } from "../master/report.ts";
import type { StatusReport } from "../master/status.ts";
import type { Difference } from "../master/diff.ts";
import { EXIT, type Failure } from "./failure.ts";

export async function ask(
  home: string,
  request: AdminRequest,
): Promise<Result<{ readonly status: number; readonly body: Body }, Failure>> {
  const reply = await askMaster(home, request);
  if (!reply.ok) return err(toFailure(reply.error));
  const { status, body } = reply.value;
  return isRecord(body) ? ok({ status, body }) : err(notUnderstood());
}

export function toFailure({ kind, message }: AdminFailure): Failure {
  if (kind === "failed") return { exitCode: EXIT.failed, message };
  return { exitCode: EXIT.notRunning, message, hint: "Start it with: ophid proxy start" };
}

export async function askStatus(home: string): Promise<Result<StatusReport, Failure>> {
  const reply = await ask(home, { method: "GET", path: "/status" });
  if (!reply.ok) return reply;
  const { body } = reply.value;
  return isStatusReport(body) ? ok(body) : err(notUnderstood());
}

export async function askReload(home: string): Promise<Result<ReloadReport, Failure>> {
  const reply = await ask(home, { method: "POST", path: "/reload" });
  if (!reply.ok) return reply;
  const { body } = reply.value;
  return isOutcome(body, "difference") ? ok(body as unknown as ReloadReport) : err(notUnderstood());
}

export type DryRunReport =
  | { readonly ok: true; readonly difference: Difference }
  | Pick<Extract<ReloadReport, { ok: false }>, "ok" | "kind" | "message">;

export async function askDryRun(home: string): Promise<Result<DryRunReport, Failure>> {
  const reply = await ask(home, { method: "POST", path: "/reload?dry_run=1" });
  if (!reply.ok) return reply;
  const { body } = reply.value;
  return isOutcome(body, "difference") ? ok(body as unknown as DryRunReport) : err(notUnderstood());
}

/** A wrong file is the user's to correct, a busy port is not. */
export function refusedReload(report: {
  readonly kind: "config" | "runtime";
  readonly message: string;
}): Failure {
  const isConfig = report.kind === "config";
  return {
    exitCode: isConfig ? EXIT.wrong : EXIT.failed,
    message: "Cannot reload: the running configuration stays",
    details: report.message,
  };
}

type Body = Readonly<Record<string, unknown>>;

function isRecord(value: unknown): value is Body {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Answers come from the same program, so the frame is enough to notice another version of it. */
function isStatusReport(body: Body): body is Body & StatusReport {
  const { config, workers, listeners, routes, endpoints } = body;
  return isRecord(config) && [workers, listeners, routes, endpoints].every((list) => Array.isArray(list));
}

function isOutcome(body: Body, result: string): boolean {
  return body["ok"] === true ? isRecord(body[result]) : typeof body["message"] === "string";
}

function notUnderstood(): Failure {
  return {
    exitCode: EXIT.failed,
    message: "Cannot understand the answer of the running ophid",
    hint: "It may be another version: stop and start it",
  };
}
