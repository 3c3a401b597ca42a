/** `ophid proxy route add`: a route in a file of its own, kept only if the whole configuration stands with it. */

import { join } from "node:path";
import { isToken } from "../http/token.ts";
import { err, ok, type Result } from "../lib/result.ts";
import { EXIT, type Failure, wrong } from "./failure.ts";
import { routesFolder } from "./home.ts";
import { type RouteDraft, EVERY_PATH, formatRouteFile, routeFileName } from "./route-file.ts";
import { checkWithFile, findProxy, reloadAfter, requireFile } from "./route-proxy.ts";
import { createRouteFile, deleteRouteFile } from "./route-store.ts";
import { type CliContext, defineVerb } from "./verb.ts";
import { waitForEndpoints } from "./wait-endpoints.ts";

export const routeAdd = defineVerb({
  summary: "Add a route, at once if the proxy runs",
  flags: {
    host: {
      kind: "value",
      required: true,
      value: "host",
      description: '"example.com", "*.example.com" or "*"',
    },
    target: { kind: "list", required: true, value: "endpoint", description: 'Such as "localhost:3000"' },
    path: { kind: "value", value: "path", description: 'Exact, or a prefix such as "/api/*" [/*]' },
    method: { kind: "list", value: "method", description: "Only this method" },
    "strip-prefix": { kind: "value", value: "prefix", description: "Cut from the path that is forwarded" },
    strategy: { kind: "value", value: "strategy", description: "How to spread over several endpoints" },
    wait: { kind: "switch", description: "First wait until every endpoint accepts connections" },
    json: { kind: "switch", description: "Print the result as JSON" },
    "require-scan": { kind: "switch", description: "", later: "scanning is" },
  },
  examples: [
    "proxy route add --host example.com --target localhost:3000",
    'proxy route add --host api.example.com --path "/v1/*" --strip-prefix /v1 --target a:80 --target b:80',
  ],
  run: async ({ flags }, context) => {
    const { terminal } = context;
    const draft = toDraft(flags);
    if (!draft.ok) return terminal.fail(draft.error);
    if (flags.wait) {
      const waited = await waitForEndpoints(draft.value.targets);
      if (!waited.ok) return terminal.fail(waited.error);
    }
    const added = await add(draft.value, context);
    if (!added.ok) return terminal.fail(added.error);
    const { file, active } = added.value;
    const { host, path } = draft.value;
    if (flags.json) terminal.printJson({ host, path, file, active });
    else terminal.print(`Added ${host}${path}${active ? "" : ", active with the next start"}: ${file}`);
    return EXIT.done;
  },
});

interface AddFlags {
  readonly host: string | undefined;
  readonly target: readonly string[];
  readonly path: string | undefined;
  readonly method: readonly string[];
  readonly "strip-prefix": string | undefined;
  readonly strategy: string | undefined;
}

function toDraft(flags: AddFlags): Result<RouteDraft, Failure> {
  const methods = flags.method.flatMap((text) => text.split(",")).map((text) => text.toUpperCase());
  const bad = methods.find((method) => !isToken(method));
  if (bad !== undefined) return err(wrong(`Cannot read --method "${bad}"`, 'Write "GET"'));
  return ok({
    host: flags.host ?? "",
    path: flags.path ?? EVERY_PATH,
    methods: methods.includes("*") ? [] : [...new Set(methods)].sort(),
    targets: flags.target,
    stripPrefix: flags["strip-prefix"],
    strategy: flags.strategy,
  });
}

interface Added {
  readonly file: string;
  readonly active: boolean;
}

async function add(draft: RouteDraft, context: CliContext): Promise<Result<Added, Failure>> {
  const proxy = await findProxy(context);
  if (!proxy.ok) return proxy;
  const obstacle = requireFile(proxy.value);
  if (obstacle !== undefined) return err(obstacle);
  const { configPath, isRunning } = proxy.value;
  const file = join(routesFolder(configPath), routeFileName(draft));
  const text = formatRouteFile(draft);
  if (!isRunning) {
    const flaw = await checkWithFile({ path: file, text, action: "add the route" }, proxy.value, context);
    if (flaw !== undefined) return err(flaw);
  }
  const created = createRouteFile(file, text);
  if (!created.ok) return created;
  if (!isRunning) return ok({ file, active: false });
  // The master reads with its own environment, so only its verdict counts.
  const refusal = await reloadAfter("add the route", context);
  if (refusal === undefined) return ok({ file, active: true });
  deleteRouteFile(file);
  return err(refusal);
}
