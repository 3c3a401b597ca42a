import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  probeUnixSocket,
  publishSocket,
  removeStaleSocket,
  temporarySocketPath,
} from "../../../src/runtime/unix-socket.ts";

let directory = "";
let path = "";
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "ophid-unix-"));
  path = join(directory, "s.sock");
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function serve(at: string, text: string) {
  return Bun.serve({ unix: at, fetch: () => new Response(text) });
}

async function ask(): Promise<string> {
  return await (await fetch("http://x/", { unix: path, keepalive: false })).text();
}

describe("publishSocket", () => {
  test("replaces a serving socket without a gap; the end of the old one removes nothing", async () => {
    const first = serve(temporarySocketPath(path, 1), "first");
    publishSocket(temporarySocketPath(path, 1), path);
    expect(await ask()).toBe("first");
    const second = serve(temporarySocketPath(path, 2), "second");
    publishSocket(temporarySocketPath(path, 2), path);
    expect(await ask()).toBe("second");
    await first.stop(true);
    expect(await ask()).toBe("second");
    expect(statSync(path).mode & 0o777).toBe(0o660);
    await second.stop(true);
  });
});

describe("Bun.serve on a path in use", () => {
  // When this fails, Bun has learned to share or replace a path, and publishSocket may go.
  test("still refuses", async () => {
    const first = serve(path, "first");
    expect(() => serve(path, "second")).toThrow("address already in use");
    await first.stop(true);
    expect(existsSync(path)).toBe(false);
  });
});

describe("removeStaleSocket", () => {
  test("removes a socket nobody listens on", async () => {
    const server = serve(temporarySocketPath(path, 1), "x");
    publishSocket(temporarySocketPath(path, 1), path);
    expect(await probeUnixSocket(path)).toBe("answering");
    expect(await removeStaleSocket(path)).toBe("answering");
    await server.stop(true);
    expect(await probeUnixSocket(path)).toBe("stale");
    expect(await removeStaleSocket(path)).toBe("absent");
    expect(existsSync(path)).toBe(false);
  });

  test("leaves files that are no sockets alone", async () => {
    expect(await removeStaleSocket(path)).toBe("absent");
    writeFileSync(path, "data");
    expect(await removeStaleSocket(path)).toBe("not-a-socket");
    expect(existsSync(path)).toBe(true);
  });
});
