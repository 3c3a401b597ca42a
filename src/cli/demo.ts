/** `ophid demo`: two backends, a real proxy in front of them and a home that is gone afterwards. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createDemoBackends } from "./demo-backend.ts";
import { formatAddress } from "./banner.ts";
import { wrong } from "./failure.ts";
import { describeDiagnostics, loadFrom } from "./loader.ts";
import { programLine } from "./program.ts";
import { COMMAND_LINE, type Source } from "./source.ts";
import { runMaster } from "./start.ts";
import { type CliContext, defineVerb } from "./verb.ts";

const DEFAULT_PORT = "8080";

export const demo = defineVerb({
  summary: "Two built-in backends behind the proxy, for a first look",
  flags: {
    port: {
      kind: "value",
      value: "port",
      description: `Where the proxy listens on 127.0.0.1 [${DEFAULT_PORT}]`,
    },
  },
  run: async ({ flags }, context) => {
    const port = flags.port ?? DEFAULT_PORT;
    if (!isPort(port)) {
      return context.terminal.fail(wrong(`Cannot read --port "${port}"`, "Write a number from 1 to 65535"));
    }
    const home = mkdtempSync(join(tmpdir(), "ophid-demo-"));
    const backends = createDemoBackends(["one", "two"]);
    try {
      return await serve(
        {
          kind: "flags",
          flags: {
            listen: [`127.0.0.1:${port}`],
            target: backends.ports.map((port) => `127.0.0.1:${port}`),
          },
        },
        { ...context, home },
      );
    } finally {
      await backends.stop();
      rmSync(home, { recursive: true, force: true });
    }
  },
});

function isPort(text: string): boolean {
  return /^[1-9]\d{0,4}$/.test(text) && Number(text) <= 65_535;
}

async function serve(source: Source, context: CliContext): Promise<number> {
  const { terminal, home } = context;
  const config = await loadFrom(source, context);
  if (!config.ok) {
    return terminal.fail(describeDiagnostics(config.error, "start the demo", terminal.errorColor));
  }
  const hint = "Choose another port: ophid demo --port 8081";
  const run = { source, config: config.value, configPath: COMMAND_LINE, context, hint };
  return await runMaster(run, ({ listeners }) =>
    terminal.print(formatWelcome(formatAddress(listeners[0] ?? ""), home, programLine())),
  );
}

export function formatWelcome(url: string, home: string, program: string): string {
  const own = `OPHID_HOME=${home} ${program}`;
  return [
    `Two backends, "one" and "two", behind ophid on ${url}`,
    "",
    "Ask a few times and watch them take turns:",
    `  for i in 1 2 3 4; do curl -s ${url}/; done`,
    "",
    "See what runs, and every request as it comes:",
    `  ${own} proxy status`,
    `  ${own} proxy logs --follow`,
    "",
    "Ctrl-C ends it",
  ].join("\n");
}
