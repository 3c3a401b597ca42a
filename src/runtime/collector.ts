/**
 * JavaScriptCore sizes its heap by the memory of the machine and lets it double before it collects all of it: 32
 * clients with 1 MiB bodies made 199 MiB resident on 24 GiB, with this 126 MiB at the same time per request.
 */

/** What the collector of a worker is told the machine has. */
const COLLECTOR_MEMORY_BYTES = 128 * 1024 * 1024;

export const COLLECTOR_ENV: Readonly<Record<string, string>> = {
  BUN_JSC_forceRAMSize: String(COLLECTOR_MEMORY_BYTES),
};
