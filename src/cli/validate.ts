/** `ophid proxy validate`: everything that is wrong with a configuration, without starting anything. */

import { EXIT } from "./failure.ts";
import { defaultConfigPath } from "./home.ts";
import { describeDiagnostics, loadFile } from "./loader.ts";
import { defineVerb } from "./verb.ts";

export const validate = defineVerb({
  summary: "Check a configuration file and the routes.d beside it",
  flags: { json: { kind: "switch", description: "Print the diagnostics as JSON" } },
  words: [
    { name: "FILE", description: "Configuration file [$OPHID_HOME/proxy/config.toml]", required: false },
  ],
  run: async ({ flags, words }, context) => {
    const { terminal } = context;
    const path = words[0] ?? defaultConfigPath(context.home);
    const loaded = await loadFile(path, context);
    if (flags.json) {
      terminal.printJson({ file: path, valid: loaded.ok, diagnostics: loaded.ok ? [] : loaded.error });
      return loaded.ok ? EXIT.done : EXIT.wrong;
    }
    if (!loaded.ok) {
      return terminal.fail(describeDiagnostics(loaded.error, `use "${path}"`, terminal.errorColor));
    }
    const { routes, general } = loaded.value;
    const counts = `${count(routes.length, "route")} on ${count(general.listen.length, "listener")}`;
    terminal.print(`${path} is valid: ${counts}`);
    return EXIT.done;
  },
});

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}
