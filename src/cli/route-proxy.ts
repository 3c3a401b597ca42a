/** The proxy whose routes are listed or changed: the running one, or the one its configuration file describes. */

import { existsSync } from "node:fs";
import { err, ok, type Result } from "../lib/result.ts";
import { type RouteReport, reportRoutes } from "../master/status.ts";
import { compile } from "../snapshot/compile.ts";
import { askDryRun, askReload, askStatus, refusedReload } from "./admin.ts";
import { EXIT, type Failure, wrong } from "./failure.ts";
import { defaultConfigPath } from "./home.ts";
import { describeDiagnostics, loadFile } from "./loader.ts";
import { withRouteFile } from "./route-store.ts";
import { COMMAND_LINE } from "./source.ts";
import type { CliContext } from "./verb.ts";

export interface ProxyRoutes {
  readonly isRunning: boolean;
  readonly configPath: string;
  /** Undefined if nothing runs: the file is read when somebody asks. */
  readonly active: readonly RouteReport[] | undefined;
}

export async function findProxy({ home }: CliContext): Promise<Result<ProxyRoutes, Failure>> {
  const status = await askStatus(home);
  if (status.ok) {
    const { config, routes } = status.value;
    return ok({ isRunning: true, configPath: config.path, active: routes });
  }
  if (status.error.exitCode !== EXIT.notRunning) return status;
  return ok({ isRunning: false, configPath: defaultConfigPath(home), active: undefined });
}

/** Routes of routes.d belong to a configuration file; without one nobody would read them. */
export function requireFile({ configPath, isRunning }: ProxyRoutes): Failure | undefined {
  if (!isRunning && !existsSync(configPath)) {
    return wrong(
      `Cannot change the routes: ophid is not running and there is no configuration file "${configPath}"`,
      "Write that file, or start ophid with its own first",
    );
  }
  if (configPath !== COMMAND_LINE) return undefined;
  return wrong(
    "Cannot change the routes: ophid was started with --target, without a configuration file",
    "Start it with a configuration file to use routes.d",
  );
}

export async function readRoutes(
  proxy: ProxyRoutes,
  context: CliContext,
): Promise<Result<readonly RouteReport[], Failure>> {
  if (proxy.active !== undefined) return ok(proxy.active);
  const config = await loadFile(proxy.configPath, context);
  if (!config.ok) {
    return err(describeDiagnostics(config.error, "read the routes", context.terminal.errorColor));
  }
  return ok(reportRoutes({ ...compile(config.value), generation: 0, slots: {} }));
}

/** Whether the whole configuration would stand with a file of routes.d written, or with it removed. */
export async function checkWithFile(
  change: { readonly path: string; readonly text: string | undefined; readonly action: string },
  proxy: ProxyRoutes,
  context: CliContext,
): Promise<Failure | undefined> {
  const config = await loadFile(proxy.configPath, context, withRouteFile(change.path, change.text));
  if (config.ok) return undefined;
  return describeDiagnostics(config.error, change.action, context.terminal.errorColor);
}

/** Undefined once every worker has switched. */
export async function reloadAfter(action: string, { home }: CliContext): Promise<Failure | undefined> {
  // Tried first, so that a change which is about to be undone is not what `status` tells of the last reload.
  for (const order of [askDryRun, askReload]) {
    const reply = await order(home);
    if (!reply.ok) return reply.error;
    if (reply.value.ok) continue;
    return {
      ...refusedReload(reply.value),
      message: `Cannot ${action}: the reload was refused, nothing changed`,
    };
  }
  return undefined;
}
