/** How to start this very program again in another role, compiled or from source. */

import { existsSync } from "node:fs";

/** Where Bun mounts the modules of a compiled executable. */
const COMPILED_ROOT = "/$bunfs/";
/** The running executable itself, even after an upgrade replaced or removed the file it came from. */
const OWN_EXECUTABLE = "/proc/self/exe";

export function isCompiled(): boolean {
  return Bun.main.startsWith(COMPILED_ROOT);
}

/**
 * The argv that runs this program with `args`. A compiled binary goes through /proc/self/exe where there is
 * one: a worker restarted after the binary on disk was replaced must still speak its master's protocol.
 */
export function selfCommand(args: readonly string[]): string[] {
  if (!isCompiled()) return [process.execPath, Bun.main, ...args];
  return [existsSync(OWN_EXECUTABLE) ? OWN_EXECUTABLE : process.execPath, ...args];
}
