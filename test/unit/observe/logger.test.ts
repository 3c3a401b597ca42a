/** Control-plane messages: layout, levels, colours, injection, repeats and rotation. */

import { afterAll, describe, expect, test } from "bun:test";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLogger, formatMessage } from "../../../src/observe/logger.ts";

const directory = fs.mkdtempSync(join(tmpdir(), "ophid-logger-"));
afterAll(() => fs.rmSync(directory, { recursive: true, force: true }));

const WRITER = join(import.meta.dir, "logger-writer.ts");
const TIME = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`;

async function stderrOf(command: readonly string[], env: Record<string, string>): Promise<string> {
  const child = Bun.spawn([...command], { env: { ...process.env, ...env }, stdout: "pipe", stderr: "pipe" });
  const [out, text] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  expect(await child.exited).toBe(0);
  return out + text;
}

describe("formatMessage", () => {
  const date = new Date(Date.UTC(2026, 10, 22, 23, 55, 56, 123));

  test("is one plain line with time and level", () => {
    expect(formatMessage("info", "ready", date, false)).toBe("2026-11-22T23:55:56.123Z INFO  ready\n");
    expect(formatMessage("error", "no", date, false)).toBe("2026-11-22T23:55:56.123Z ERROR no\n");
  });

  test("row 56: control characters of a message are escaped, its language is not", () => {
    expect(formatMessage("warn", "é\n2026 INFO \x1b[2J\u202e", date, false)).toBe(
      "2026-11-22T23:55:56.123Z WARN  é\\n2026 INFO \\x1b[2J\\u202e\n",
    );
  });

  test("colours only wrap time and level", () => {
    expect(formatMessage("error", "no", date, true)).toBe(
      "\x1b[90m2026-11-22T23:55:56.123Z\x1b[0m \x1b[31mERROR\x1b[0m no\n",
    );
  });
});

describe("createLogger", () => {
  test("writes to stderr without colours when it is not a terminal, also right before the exit", async () => {
    const text = await stderrOf([process.execPath, WRITER, "stderr", "info"], {});
    expect(text).toMatch(
      new RegExp(
        `^${TIME} ERROR first line\\\\nforged line \\\\x1b\\[31m\n${TIME} WARN  warned\n${TIME} INFO  informed\n$`,
      ),
    );
  });

  test("colours a terminal unless NO_COLOR is set", async () => {
    const command = ["script", "-qec", `"${process.execPath}" "${WRITER}" stderr error`, "/dev/null"];
    const coloured = await stderrOf(command, { NO_COLOR: "", TERM: "xterm" });
    expect(coloured).toContain("\x1b[31mERROR\x1b[0m first line\\nforged line \\x1b[31m");
    const plain = await stderrOf(command, { NO_COLOR: "1", TERM: "xterm" });
    expect(plain).not.toContain("\x1b");
    expect(plain).toContain("ERROR first line");
  });

  test("writes every level asked for to a file and follows a rotation", async () => {
    const path = join(directory, "error.log");
    const logger = createLogger({ level: "debug", target: path });
    if (!logger.ok) throw new Error(logger.error);
    logger.value.debug("one");
    fs.renameSync(path, `${path}.1`);
    await logger.value.reopen();
    logger.value.info("two");
    await logger.value.close();
    expect(fs.readFileSync(`${path}.1`, "utf8")).toMatch(new RegExp(`^${TIME} DEBUG one\n$`));
    expect(fs.readFileSync(path, "utf8")).toMatch(new RegExp(`^${TIME} INFO  two\n$`));
  });

  test("a flood of the same message is folded", async () => {
    const path = join(directory, "flood.log");
    const logger = createLogger({ level: "info", target: path });
    if (!logger.ok) throw new Error(logger.error);
    for (let i = 0; i < 1000; i++) logger.value.warn("endpoint is down");
    logger.value.warn("something else");
    await logger.value.close();
    const lines = fs.readFileSync(path, "utf8").split("\n");
    expect(lines.length).toBeLessThan(12);
    expect(lines.some((line) => /endpoint is down \(repeated \d+ times\)$/.test(line))).toBe(true);
    expect(lines.at(-2)).toEndWith("something else");
  });

  test("says why the error log cannot be opened", () => {
    expect(createLogger({ level: "info", target: directory })).toEqual({
      ok: false,
      error: `Cannot open log "${directory}": EISDIR`,
    });
  });
});
