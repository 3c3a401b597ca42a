import { describe, expect, test } from "bun:test";
import { decideRetry, MAX_CONNECT_RETRIES, MAX_REUSE_RETRIES } from "../../../src/balancer/retry.ts";
import { clientError, type RetryRule, upstreamError } from "../../../src/exchange/error.ts";

const NONE = { connectRetries: 0, reuseRetries: 0 };
const ANYTHING = { idempotent: false, replayable: false };
const REPEATABLE = { idempotent: true, replayable: true };

describe("decideRetry", () => {
  test.each<[RetryRule, boolean, boolean, string]>([
    ["safe", false, false, "after-connect"],
    ["safe", true, true, "after-connect"],
    ["if-reused", true, true, "after-reuse"],
    ["if-reused", false, true, "stop"],
    ["if-reused", true, false, "stop"],
    ["never", true, true, "stop"],
  ])("row 27: %s, idempotent %j, replayable %j: %s", (rule, idempotent, replayable, decision) => {
    const error = upstreamError("upstream_closed", "x", rule);
    expect(decideRetry(error, NONE, { idempotent, replayable }) as string).toBe(decision);
  });

  test("row 27: bounded, each kind by itself", () => {
    const refused = upstreamError("connect_refused", "x", "safe");
    const died = upstreamError("upstream_closed", "x", "if-reused");
    const spent = { connectRetries: MAX_CONNECT_RETRIES, reuseRetries: MAX_REUSE_RETRIES };
    expect(decideRetry(refused, spent, REPEATABLE)).toBe("stop");
    expect(decideRetry(died, spent, REPEATABLE)).toBe("stop");
    expect(decideRetry(refused, { ...spent, connectRetries: 0 }, ANYTHING)).toBe("after-connect");
    expect(decideRetry(died, { ...spent, reuseRetries: 0 }, REPEATABLE)).toBe("after-reuse");
  });

  test("what a client has caused is never repeated", () => {
    expect(decideRetry(clientError("client_gone", "x"), NONE, REPEATABLE)).toBe("stop");
  });
});
