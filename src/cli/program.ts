/** How the person in front of it would call this program. */

import { isCompiled } from "../runtime/self.ts";

const NAME = "ophid";

/** For lines to copy: a binary that is not on the path is called by its own, sources are started by npm. */
export function programLine(): string {
  if (!isCompiled()) return "npm start --";
  return Bun.which(NAME) === null ? process.execPath : NAME;
}
