/** `ophid proxy route remove`: deletes a file that `route add` wrote, never a line of the user's own files. */

import { dirname, resolve } from "node:path";
import { err, ok, type Result } from "../lib/result.ts";
import type { RouteReport } from "../master/status.ts";
import { EXIT, type Failure, wrong } from "./failure.ts";
import { routesFolder } from "./home.ts";
import { splitRouteName } from "./route-file.ts";
import {
  checkWithFile,
  findProxy,
  type ProxyRoutes,
  readRoutes,
  reloadAfter,
  requireFile,
} from "./route-proxy.ts";
import { deleteRouteFile, takeAwayRouteFile } from "./route-store.ts";
import { type CliContext, defineVerb } from "./verb.ts";

export const routeRemove = defineVerb({
  summary: "Remove a route that was added with route add",
  flags: {
    method: {
      kind: "value",
      value: "method",
      description: "Which one, if several differ in their methods only",
    },
    json: { kind: "switch", description: "Print the result as JSON" },
  },
  words: [
    { name: "HOST[PATH]", description: 'Such as "example.com" or "example.com/api/*"', required: true },
  ],
  run: async ({ flags, words }, context) => {
    const { terminal } = context;
    const proxy = await findProxy(context);
    if (!proxy.ok) return terminal.fail(proxy.error);
    const obstacle = requireFile(proxy.value);
    if (obstacle !== undefined) return terminal.fail(obstacle);
    const routes = await readRoutes(proxy.value, context);
    if (!routes.ok) return terminal.fail(routes.error);
    const folder = routesFolder(proxy.value.configPath);
    const chosen = chooseRoute({ name: words[0] ?? "", method: flags.method }, routes.value, folder);
    if (!chosen.ok) return terminal.fail(chosen.error);
    const { route, file } = chosen.value;
    const failure = await remove(file, proxy.value, context);
    if (failure !== undefined) return terminal.fail(failure);
    if (flags.json) terminal.printJson({ host: route.host, path: route.path, file });
    else terminal.print(`Removed ${route.host}${route.path}: ${file}`);
    return EXIT.done;
  },
});

export interface RouteChoice {
  readonly route: RouteReport;
  readonly file: string;
}

/** The one route that is meant, and the file that holds nothing else. */
export function chooseRoute(
  wanted: { readonly name: string; readonly method: string | undefined },
  routes: readonly RouteReport[],
  folder: string,
): Result<RouteChoice, Failure> {
  const { host, path } = splitRouteName(wanted.name);
  const method = wanted.method?.toUpperCase();
  const matching = routes.filter(
    (route) =>
      route.host === host &&
      (path === undefined || route.path === path) &&
      (method === undefined || route.methods.includes(method)),
  );
  if (matching.length === 0) return err(wrong(`No route "${wanted.name}"`, "See: ophid proxy route list"));
  const removable = matching.filter((route) => isBelow(route.source, folder));
  const [route] = removable;
  if (route === undefined) {
    const places = matching.map(({ source }) => source).join(", ");
    return err(
      wrong(
        `Cannot remove "${wanted.name}": it was not added with route add, it is in ${places}`,
        "Delete it there, then: ophid proxy reload",
      ),
    );
  }
  if (removable.length > 1) return err(ambiguous(wanted.name, removable));
  const file = fileOf(route.source);
  const sharing = routes.filter((other) => fileOf(other.source) === file).length;
  if (sharing > 1) {
    return err(
      wrong(
        `Cannot remove "${wanted.name}": "${file}" holds ${sharing} routes`,
        `Delete it at ${route.source}`,
      ),
    );
  }
  return ok({ route, file });
}

function ambiguous(name: string, routes: readonly RouteReport[]): Failure {
  const names = routes.map(({ host, path, methods }) => [`${host}${path}`, ...methods].join(" ")).join(", ");
  return wrong(`"${name}" is ${routes.length} routes: ${names}`, "Add the path, or --method");
}

/** "file:line" to its file. */
function fileOf(source: string): string {
  return source.replace(/:\d+$/, "");
}

function isBelow(source: string, folder: string): boolean {
  return dirname(resolve(fileOf(source))) === resolve(folder);
}

async function remove(file: string, proxy: ProxyRoutes, context: CliContext): Promise<Failure | undefined> {
  const action = "remove the route";
  if (!proxy.isRunning) {
    const flaw = await checkWithFile({ path: file, text: undefined, action }, proxy, context);
    if (flaw === undefined) deleteRouteFile(file);
    return flaw;
  }
  const taken = takeAwayRouteFile(file);
  if (!taken.ok) return taken.error;
  const refusal = await reloadAfter(action, context);
  if (refusal === undefined) taken.value.discard();
  else taken.value.putBack();
  return refusal;
}
