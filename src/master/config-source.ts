/** What the master asks of whoever reads and compiles the configuration. */

import type { Result } from "../lib/result.ts";
import type { CompiledSnapshot } from "../snapshot/compile.ts";

export interface LoadedConfig {
  readonly snapshot: CompiledSnapshot;
  /** Worker processes, "auto" already resolved. */
  readonly workers: number;
}

/** Called at the start and at every reload; the error is text for the user, diagnostics included. */
export type ConfigLoader = () => Promise<Result<LoadedConfig, string>>;
