/** File paths as written in a configuration to absolute ones. */

import { isAbsolute, join } from "node:path/posix";

export interface PathBase {
  /** Folder of the configuration file, absolute: relative paths start here, whichever file they stand in. */
  readonly folder: string;
  /** What "~/" stands for. */
  readonly home: string;
}

export function resolvePath(path: string, base: PathBase): string {
  if (path === "~" || path.startsWith("~/")) return join(base.home, path.slice(1));
  return isAbsolute(path) ? path : join(base.folder, path);
}
