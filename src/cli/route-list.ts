/** `ophid proxy route list`: the routes that are active, or those of the configuration file. */

import { EXIT } from "./failure.ts";
import { findProxy, readRoutes } from "./route-proxy.ts";
import { ROUTE_COLUMNS } from "./status-text.ts";
import { formatTable } from "./table.ts";
import { defineVerb } from "./verb.ts";

export const routeList = defineVerb({
  summary: "List the routes of the running proxy, or of the configuration file if none runs",
  flags: { json: { kind: "switch", description: "Print as JSON" } },
  run: async ({ flags }, context) => {
    const { terminal } = context;
    const proxy = await findProxy(context);
    if (!proxy.ok) return terminal.fail(proxy.error);
    const routes = await readRoutes(proxy.value, context);
    if (!routes.ok) return terminal.fail(routes.error);
    const { isRunning, configPath } = proxy.value;
    if (flags.json) {
      terminal.printJson({ running: isRunning, config: configPath, routes: routes.value });
      return EXIT.done;
    }
    terminal.print(formatTable(ROUTE_COLUMNS, routes.value).join("\n"));
    if (!isRunning) terminal.warn(`ophid is not running: these are the routes of ${configPath}`);
    return EXIT.done;
  },
});
