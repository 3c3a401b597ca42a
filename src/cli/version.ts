/** `ophid version`: which build this is. */

import { commit, version as number } from "../version.ts";
import { EXIT } from "./failure.ts";
import { defineVerb } from "./verb.ts";

export const version = defineVerb({
  summary: "Show the version of this build",
  flags: { json: { kind: "switch", description: "Print as JSON" } },
  run: ({ flags }, { terminal }) => {
    const build = {
      version: number,
      commit,
      runtime: `bun ${Bun.version}`,
      platform: `${process.platform}-${process.arch}`,
    };
    if (flags.json) terminal.printJson(build);
    else terminal.print(`ophid ${number} (commit ${commit}, ${build.runtime}, ${build.platform})`);
    return Promise.resolve(EXIT.done);
  },
});
