/** `ophid proxy start`: the master in the foreground, or in the background with --detach. */

import type { Config } from "../config/parse.ts";
import { startDetached } from "../master/detach.ts";
import { type Master, startMaster } from "../master/master.ts";
import { selfCommand } from "../runtime/self.ts";
import { version } from "../version.ts";
import { EXIT, failed } from "./failure.ts";
import type { FlagSpecs } from "./flags.ts";
import { createLoader, describeDiagnostics, loadFrom } from "./loader.ts";
import { createMessages } from "./messages.ts";
import { formatBanner } from "./banner.ts";
import { chooseSource, COMMAND_LINE, type Source } from "./source.ts";
import { type CliContext, defineVerb } from "./verb.ts";

const FLAGS = {
  config: { kind: "value", value: "file", description: "Configuration file [$OPHID_HOME/proxy/config.toml]" },
  listen: {
    kind: "list",
    value: "address",
    description: 'Where to listen, such as ":8080", instead of the file',
  },
  target: {
    kind: "list",
    value: "endpoint",
    description: "Without a file: proxy everything to this endpoint",
  },
  workers: { kind: "value", value: "number|auto", description: "Worker processes, instead of the file" },
  detach: { kind: "switch", description: "Stay in the background; returns when it serves" },
  domain: { kind: "list", description: "", later: "certificates by ACME are" },
  tls: { kind: "value", description: "", later: "TLS listeners are" },
} as const satisfies FlagSpecs;

export const start = defineVerb({
  summary: "Start the proxy",
  flags: FLAGS,
  examples: [
    "proxy start",
    "proxy start --config /etc/ophid/config.toml --detach",
    "proxy start --listen :8080 --target localhost:3000 --target localhost:3001",
  ],
  run: async ({ flags, args }, context) => {
    const source = chooseSource(flags, context);
    if (!source.ok) return context.terminal.fail(source.error);
    // Read here first, so that a wrong file is reported with colours and without a process in between.
    const config = await loadFrom(source.value, context);
    if (!config.ok) {
      return context.terminal.fail(describeDiagnostics(config.error, "start", context.terminal.errorColor));
    }
    return flags.detach
      ? await startInBackground(args, context)
      : await startInForeground(source.value, config.value, context);
  },
});

async function startInBackground(args: readonly string[], { terminal, home }: CliContext): Promise<number> {
  const rest = args.filter((word) => word !== "--detach");
  const started = await startDetached({ home, command: selfCommand(["proxy", "start", ...rest]) });
  if (!started.ok) {
    const { exitCode, message, isQuoted } = started.error;
    if (!isQuoted) return terminal.fail(failed(message));
    terminal.warn(message);
    return exitCode;
  }
  terminal.print(`ophid runs in the background with pid ${started.value.pid}`);
  terminal.print(`  log   ${started.value.logFile}`);
  terminal.print("  stop  ophid proxy stop");
  return EXIT.done;
}

async function startInForeground(source: Source, config: Config, context: CliContext): Promise<number> {
  const configPath = source.kind === "file" ? source.path : COMMAND_LINE;
  return await runMaster({ source, config, configPath, context }, (master) => {
    context.terminal.print(
      formatBanner({ version, home: context.home, configPath, listeners: master.listeners }),
    );
  });
}

export interface MasterRun {
  readonly source: Source;
  /** What `source` gives now. */
  readonly config: Config;
  readonly configPath: string;
  readonly context: CliContext;
  /** What to try if it cannot start on this machine now. */
  readonly hint?: string;
}

/** Runs a master until it is told to stop; `onServing` is called once every worker serves. */
export async function runMaster(run: MasterRun, onServing: (master: Master) => void): Promise<number> {
  const { source, config, configPath, context, hint } = run;
  const messages = createMessages({ alsoStderr: true, splitLines: true });
  const onLoaded = (loaded: Config) => messages.direct(loaded.general.error_log);
  const started = await startMaster({
    home: context.home,
    version,
    configPath,
    load: createLoader(source, context, config, onLoaded),
    log: messages,
    reopenLog: messages.reopen,
  });
  if (!started.ok) {
    const { exitCode, message } = started.error;
    await messages.close();
    return context.terminal.fail({ exitCode, message, hint: exitCode === EXIT.failed ? hint : undefined });
  }
  onServing(started.value);
  const exitCode = await started.value.done;
  await messages.close();
  return exitCode;
}
