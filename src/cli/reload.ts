/** `ophid proxy reload`: puts the changed configuration to work, or says why the old one stays. */

import { describeDifference } from "../master/report.ts";
import { askDryRun, askReload, refusedReload } from "./admin.ts";
import { EXIT } from "./failure.ts";
import { type CliContext, defineVerb } from "./verb.ts";

export const reload = defineVerb({
  summary: "Read the configuration again and switch to it",
  flags: {
    "dry-run": { kind: "switch", description: "Only say what would change" },
    json: { kind: "switch", description: "Print the report as JSON" },
  },
  run: ({ flags }, context) =>
    flags["dry-run"] ? tryOut(context, flags.json) : loadAnew(context, flags.json),
});

async function loadAnew({ terminal, home }: CliContext, isJson: boolean): Promise<number> {
  const reply = await askReload(home);
  if (!reply.ok) return terminal.fail(reply.error);
  const report = reply.value;
  if (isJson) terminal.printJson(report);
  if (!report.ok) {
    const failure = refusedReload(report);
    return isJson ? failure.exitCode : terminal.fail(failure);
  }
  if (!isJson) {
    const workers = `${report.workers} worker${report.workers === 1 ? "" : "s"}`;
    terminal.print(`Reloaded on ${workers} in ${report.tookMs} ms: ${describeDifference(report.difference)}`);
  }
  return EXIT.done;
}

async function tryOut({ terminal, home }: CliContext, isJson: boolean): Promise<number> {
  const reply = await askDryRun(home);
  if (!reply.ok) return terminal.fail(reply.error);
  const report = reply.value;
  if (isJson) terminal.printJson(report);
  if (!report.ok) {
    const failure = { ...refusedReload(report), message: "A reload would be refused" };
    return isJson ? failure.exitCode : terminal.fail(failure);
  }
  if (!isJson) terminal.print(`A reload would change: ${describeDifference(report.difference)}`);
  return EXIT.done;
}
