/** Schema of everything that is not a route: [general], [timeouts] and [limits]. */

import { closest } from "../lib/did-you-mean.ts";
import { err, ok, type Result } from "../lib/result.ts";
import { PRIVATE_CIDRS, parseCidr } from "../net/ip.ts";
import { LISTENER_EXPECTED, parseListener } from "./address.ts";
import { describeType } from "./diagnostic.ts";
import { type Complaint, duration, integer, oneOf, type Range, size, text } from "./scalar.ts";
import { leaf, list, type Output, optional, table, withDefault } from "./schema-library.ts";

export const MAX_LISTENERS = 64;
export const MAX_TRUSTED_PROXIES = 1024;

const WORKERS = { min: 1, max: 64 } as const satisfies Range;

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const DAY_MS = 24 * 60 * MINUTE_MS;

const KIB = 1024;
const MIB = 1024 * KIB;

const listener = text(LISTENER_EXPECTED, parseListener);

const workers = leaf<"auto" | number>((input) => {
  const expected = `"auto" or a whole number from ${WORKERS.min} to ${WORKERS.max}`;
  if (input === "auto") return ok(input);
  if (typeof input !== "number") {
    return err({
      state: typeof input === "string" ? "there is no such value" : `it is ${describeType(input)}`,
      expected,
    });
  }
  if (!Number.isInteger(input)) return err({ state: "it is not a whole number", expected });
  if (input < WORKERS.min) return err({ state: "it is too small", expected });
  return input > WORKERS.max ? err({ state: "it is too large", expected }) : ok(input);
});

/** A path as written, or one of the words. */
function logTarget(words: readonly string[]) {
  const listed = ["a file path", ...words.slice(0, -1).map((word) => `"${word}"`)].join(", ");
  return text(`${listed} or "${words.at(-1)}"`, (value): Result<string, Complaint> => {
    if (words.includes(value)) return ok(value);
    if (value === "" || value.includes("\0")) return err({ state: "it is not a path" });
    if (value.endsWith("/")) return err({ state: "it is a folder" });
    // A mistyped or misplaced word must not become a file of that name.
    if (/^[a-z]+$/i.test(value)) {
      const near = closest(value, words);
      return err({
        state: "it is not a path",
        hint: near === undefined ? `Write "./${value}" for a file` : `Did you mean "${near}"`,
      });
    }
    return ok(value);
  });
}

/** One entry yields one or, for "private", many networks. */
const trustedProxy = text(
  'a network such as "10.0.0.0/8", an address or "private"',
  (value): Result<readonly string[], Complaint> => {
    if (value === "private") return ok(PRIVATE_CIDRS);
    const cidr = parseCidr(value);
    if (cidr !== undefined) return ok([cidr]);
    return err({
      state: "it is not a network",
      hint: value.toLowerCase() === "private" ? 'Write "private"' : undefined,
    });
  },
);

export const generalSchema = table({
  listen: withDefault(list(listener, MAX_LISTENERS), [":80"]),
  workers: withDefault(workers, "auto"),
  access_log: optional(logTarget(["stdout", "off"])),
  error_log: optional(logTarget(["stderr"])),
  log_format: withDefault(oneOf(["json", "combined", "common"]), "json"),
  trusted_proxies: withDefault(list(trustedProxy, MAX_TRUSTED_PROXIES), []),
});

/** The runtime's idle timer counts whole seconds and ends at 255. */
const KEEPALIVE = { min: SECOND_MS, max: 255 * SECOND_MS, stepMs: SECOND_MS } as const;

export const timeoutsSchema = table({
  connect: withDefault(duration({ min: 10, max: 5 * MINUTE_MS }), "3s"),
  response_header: withDefault(duration({ min: 10, max: DAY_MS }), "60s"),
  client_header: optional(duration({ min: SECOND_MS, max: DAY_MS })),
  client_idle: withDefault(duration({ min: 100, max: DAY_MS }), "5m"),
  upstream_idle: withDefault(duration({ min: 10, max: 60 * MINUTE_MS }), "60s"),
  keepalive: withDefault(duration(KEEPALIVE), "75s"),
  drain: withDefault(duration({ min: 0, max: 60 * MINUTE_MS }), "30s"),
});

export const limitsSchema = table({
  max_header_bytes: withDefault(size({ min: 4 * KIB, max: 256 * KIB }), "16KiB"),
  max_body: optional(size({ min: 0, max: 1024 ** 4 })),
  max_requests: optional(integer({ min: 1, max: 10_000_000 })),
  max_requests_per_client: optional(integer({ min: 1, max: 10_000_000 })),
  write_buffer: optional(size({ min: 4 * KIB, max: 64 * MIB })),
});

export type GeneralTable = Output<typeof generalSchema>;
export type TimeoutsTable = Output<typeof timeoutsSchema>;
export type LimitsTable = Output<typeof limitsSchema>;
