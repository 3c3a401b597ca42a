/** The environment of a worker: what its runtime and its resolver need, none of the master's secrets. */

import { COLLECTOR_ENV } from "../runtime/collector.ts";

/** Everything else stays behind: tokens and keys the configuration read with `${ENV}` among it. */
const PASSED_ON = [
  "PATH",
  "HOME",
  "TZ",
  "LANG",
  "LC_ALL",
  "LC_CTYPE",
  "TMPDIR",
  "NO_COLOR",
  "OPHID_HOME",
  "SSL_CERT_FILE",
  "SSL_CERT_DIR",
  "NODE_EXTRA_CA_CERTS",
  "LOCALDOMAIN",
  "RES_OPTIONS",
] as const;

/** The request head limit is a start option of the runtime, so it travels in the environment. */
export function workerEnv(
  environment: Readonly<Record<string, string | undefined>>,
  maxHeaderBytes: number,
): Record<string, string> {
  const env: Record<string, string> = { ...COLLECTOR_ENV };
  for (const name of PASSED_ON) {
    const value = environment[name];
    if (value !== undefined) env[name] = value;
  }
  // Without it Bun.serve answers a thrown error with the source code around it.
  env["NODE_ENV"] = "production";
  env["BUN_OPTIONS"] = `--max-http-header-size=${Math.trunc(maxHeaderBytes)}`;
  return env;
}
