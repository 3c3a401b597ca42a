import { expect, test } from "bun:test";
import { workerEnv } from "../../../src/master/worker-env.ts";

test("workerEnv passes on what the runtime needs and nothing else", () => {
  const env = workerEnv(
    {
      PATH: "/bin",
      TZ: "UTC",
      DB_PASSWORD: "x",
      BUN_OPTIONS: "--preload evil.ts",
      BUN_BE_BUN: "1",
      HTTP_PROXY: "http://p",
    },
    32_768,
  );
  expect(env).toEqual({
    PATH: "/bin",
    TZ: "UTC",
    NODE_ENV: "production",
    BUN_OPTIONS: "--max-http-header-size=32768",
    BUN_JSC_forceRAMSize: "134217728",
  });
});
