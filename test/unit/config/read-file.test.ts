import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemFiles } from "../../../src/config/read-file.ts";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "ophid-read-file-"));
  writeFileSync(join(folder, "ten"), "0123456789");
  writeFileSync(join(folder, "bom"), "\ufeffa = 1");
  writeFileSync(join(folder, "binary"), new Uint8Array([0xff, 0xfe, 0x00]));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe("systemFiles", () => {
  test("reads up to the limit and no byte more", async () => {
    expect(await systemFiles.readText(join(folder, "ten"), 10)).toEqual({ ok: true, value: "0123456789" });
    expect(await systemFiles.readText(join(folder, "ten"), 9)).toEqual({
      ok: false,
      error: "the file is larger than 9 bytes",
    });
    // Without an end.
    expect(await systemFiles.readText("/dev/zero", 9)).toEqual({
      ok: false,
      error: "it is not a regular file",
    });
  });

  test("reads files that claim to be empty", async () => {
    const status = await systemFiles.readText("/proc/self/status", 65_536);
    expect(status.ok && status.value.includes("Pid:")).toBe(true);
    expect((await systemFiles.readText("/proc/self/status", 10)).ok).toBe(false);
  });

  test("drops a byte order mark and refuses what is not UTF-8", async () => {
    expect(await systemFiles.readText(join(folder, "bom"), 100)).toEqual({ ok: true, value: "a = 1" });
    expect(await systemFiles.readText(join(folder, "binary"), 100)).toEqual({
      ok: false,
      error: "the file is not UTF-8 text",
    });
  });

  test("says why a path cannot be read", async () => {
    expect(await systemFiles.readText(join(folder, "none"), 9)).toEqual({
      ok: false,
      error: "there is no such file",
    });
    expect(await systemFiles.readText(join(folder, "ten/x"), 9)).toEqual({
      ok: false,
      error: "a part of the path is not a folder",
    });
    expect((await systemFiles.readText(folder, 9)).ok).toBe(false);
  });

  test("a named pipe without a writer is refused at once", async () => {
    const pipe = join(folder, "pipe");
    expect(Bun.spawnSync(["mkfifo", pipe]).exitCode).toBe(0);
    expect(await systemFiles.readText(pipe, 9)).toEqual({ ok: false, error: "it is not a regular file" });
  });

  test("a folder that does not exist has no names", async () => {
    expect(await systemFiles.listNames(join(folder, "none"))).toEqual({ ok: true, value: [] });
    const names = await systemFiles.listNames(folder);
    expect(names.ok && names.value.includes("ten")).toBe(true);
    expect((await systemFiles.listNames(join(folder, "ten"))).ok).toBe(false);
  });
});
