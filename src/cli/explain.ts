/** `ophid proxy explain`: which route of a file takes a request and why; needs no running proxy. */

import { explain as explainRoute, formatExplain } from "../router/explain.ts";
import { compile } from "../snapshot/compile.ts";
import { toRouteRequest } from "./explain-request.ts";
import { EXIT } from "./failure.ts";
import { defaultConfigPath } from "./home.ts";
import { describeDiagnostics, loadFile } from "./loader.ts";
import { defineVerb } from "./verb.ts";

export const explain = defineVerb({
  summary: "Show which route takes a request and why; exit code 1 if none does",
  flags: {
    method: { kind: "value", short: "X", value: "method", description: "Method of the request [GET]" },
    header: { kind: "list", short: "H", value: "name: value", description: "Header field of the request" },
    config: {
      kind: "value",
      value: "file",
      description: "Configuration file [$OPHID_HOME/proxy/config.toml]",
    },
    json: { kind: "switch", description: "Print as JSON" },
  },
  words: [{ name: "URL", description: 'Such as "http://example.com/path?query"', required: true }],
  examples: [
    "proxy explain http://example.com/api/users",
    'proxy explain example.com -X POST -H "X-Team: web"',
  ],
  run: async ({ flags, words }, context) => {
    const { terminal } = context;
    const request = toRouteRequest({
      url: words[0] ?? "",
      method: flags.method?.toUpperCase(),
      headers: flags.header,
    });
    if (!request.ok) return terminal.fail(request.error);
    const path = flags.config ?? defaultConfigPath(context.home);
    const config = await loadFile(path, context);
    if (!config.ok) {
      return terminal.fail(describeDiagnostics(config.error, "explain", terminal.errorColor));
    }
    const explanation = explainRoute(compile(config.value).routes, request.value);
    if (flags.json) terminal.printJson(explanation);
    else terminal.print(formatExplain(explanation));
    return explanation.result.kind === "found" ? EXIT.done : EXIT.wrong;
  },
});
