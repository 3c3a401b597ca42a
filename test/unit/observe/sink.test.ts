/** The sink with real files, pipes and processes: whole lines, bounded memory, no crash. */

import { afterAll, describe, expect, test } from "bun:test";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  createSink,
  FLUSH_BYTES,
  MAX_PENDING_BYTES,
  type Sink,
  type SinkOptions,
} from "../../../src/observe/sink.ts";

const directory = fs.mkdtempSync(join(tmpdir(), "ophid-sink-"));
afterAll(() => fs.rmSync(directory, { recursive: true, force: true }));

const WRITER = join(import.meta.dir, "sink-writer.ts");
let files = 0;

function newPath(): string {
  return join(directory, `log-${files++}`);
}

function openSink(options: Partial<SinkOptions> & { path: string }): { sink: Sink; reports: string[] } {
  const reports: string[] = [];
  const sink = createSink({ report: (message) => reports.push(message), ...options });
  if (!sink.ok) throw new Error(sink.error);
  return { sink: sink.value, reports };
}

async function eventually(condition: () => boolean, deadlineMs = 10_000): Promise<void> {
  const deadline = performance.now() + deadlineMs;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error("Condition was not met in time");
    await Bun.sleep(5);
  }
}

function linesOf(path: string): string[] {
  const text = fs.readFileSync(path, "utf8");
  expect(text === "" || text.endsWith("\n")).toBe(true);
  return text.split("\n").slice(0, -1);
}

/** Every line of `sink-writer.ts` is whole; gives the numbers by mark. */
function numbersByMark(lines: readonly string[]): Record<string, number[]> {
  const found: Record<string, number[]> = {};
  for (const line of lines) {
    const match = /^(\w):(\d+):(x*):end$/.exec(line);
    expect(match, `torn line ${line.slice(0, 80)}`).not.toBeNull();
    const number = Number(match?.[2]);
    expect(match?.[3]?.length).toBe((number * 37) % 800);
    const mark = match?.[1] ?? "";
    found[mark] ??= [];
    found[mark].push(number);
  }
  return found;
}

function spawnWriter(args: readonly string[], shell?: string): ReturnType<typeof Bun.spawn> {
  const command = shell === undefined ? [process.execPath, WRITER, ...args] : ["bash", "-c", shell];
  return Bun.spawn(command, { env: { ...process.env, BUN: process.execPath, WRITER }, stderr: "inherit" });
}

describe("createSink", () => {
  test("creates the file 0640 and its directory 0750", async () => {
    const path = join(newPath(), "deep", "access.log");
    const { sink } = openSink({ path });
    await sink.close();
    expect(fs.statSync(path).mode & 0o777).toBe(0o640 & ~process.umask());
    expect(fs.statSync(join(path, "..")).mode & 0o777).toBe(0o750 & ~process.umask());
  });

  test("says why a path cannot be opened", () => {
    expect(createSink({ path: directory, report: () => undefined })).toEqual({
      ok: false,
      error: `Cannot open log "${directory}": EISDIR`,
    });
  });

  test("a named pipe that nobody reads is an error, not a wait", () => {
    const path = newPath();
    expect(Bun.spawnSync(["mkfifo", path]).exitCode).toBe(0);
    expect(createSink({ path, report: () => undefined })).toMatchObject({ ok: false });
  });

  test("gathers lines until the timer and appends to what is there", async () => {
    const path = newPath();
    fs.writeFileSync(path, "old\n");
    const { sink } = openSink({ path, flushMs: 30 });
    sink.write("one\n");
    sink.write("two é\n");
    expect(linesOf(path)).toEqual(["old"]);
    expect(sink.pendingBytes()).toBe(11);
    await eventually(() => sink.pendingBytes() === 0);
    expect(linesOf(path)).toEqual(["old", "one", "two é"]);
    await sink.close();
  });

  test("a full batch does not wait for the timer, the rest of it does", async () => {
    const path = newPath();
    const { sink } = openSink({ path, flushMs: 3_600_000 });
    const line = `${"x".repeat(1023)}\n`;
    for (let i = 0; i < FLUSH_BYTES / 1024 + 3; i++) sink.write(line);
    await eventually(() => fs.statSync(path).size === FLUSH_BYTES && sink.pendingBytes() === 3072);
    await sink.close();
    expect(fs.statSync(path).size).toBe(FLUSH_BYTES + 3072);
  });

  test("flush covers a line written while an earlier flush was still ending", async () => {
    const path = newPath();
    const { sink } = openSink({ path, flushMs: 3_600_000 });
    const empty = sink.flush();
    sink.write("one\n");
    const first = sink.flush();
    sink.write("two\n");
    await Promise.all([empty, first, sink.flush()]);
    expect(linesOf(path)).toEqual(["one", "two"]);
    await sink.close();
  });

  test("reopen after a rename: pending lines go to the old file, later ones to the new", async () => {
    const path = newPath();
    const { sink, reports } = openSink({ path, flushMs: 3_600_000 });
    sink.write("before\n");
    fs.renameSync(path, `${path}.1`);
    const reopened = sink.reopen();
    await reopened;
    sink.write("after\n");
    await sink.close();
    expect(linesOf(`${path}.1`)).toEqual(["before"]);
    expect(linesOf(path)).toEqual(["after"]);
    expect(reports).toEqual([]);
  });

  test("reopen keeps the old file when the path cannot be opened", async () => {
    const path = newPath();
    const { sink, reports } = openSink({ path });
    fs.renameSync(path, `${path}.1`);
    fs.mkdirSync(path);
    await sink.reopen();
    sink.write("still here\n");
    await sink.close();
    expect(linesOf(`${path}.1`)).toEqual(["still here"]);
    expect(reports).toEqual([`Cannot open log "${path}": EISDIR; the old file is still used`]);
  });

  test("two processes appending 10,000 lines each never tear a line", async () => {
    const path = newPath();
    const writers = ["a", "b"].map((mark) => spawnWriter([path, mark, "10000"]));
    for (const writer of writers) expect(await writer.exited).toBe(0);
    const numbers = numbersByMark(linesOf(path));
    const all = Array.from({ length: 10_000 }, (_, i) => i);
    expect(numbers["a"]).toEqual(all);
    expect(numbers["b"]).toEqual(all);
  });

  test("two processes sharing one slow pipe as stdout never tear a line", async () => {
    const path = newPath();
    const script = `("$BUN" "$WRITER" stdout a 2000 & "$BUN" "$WRITER" stdout b 2000; wait) | (sleep 0.3; cat) > "${path}"`;
    expect(await spawnWriter([], script).exited).toBe(0);
    const numbers = numbersByMark(linesOf(path));
    const all = Array.from({ length: 2000 }, (_, i) => i);
    expect(numbers["a"]).toEqual(all);
    expect(numbers["b"]).toEqual(all);
  });

  test.each([5, 900])("%i lines pending when the process exits are written", async (count) => {
    const path = newPath();
    expect(await spawnWriter([path, "a", `${count}`, "exit"]).exited).toBe(0);
    expect(numbersByMark(linesOf(path))["a"]?.length).toBe(count);
  });

  test("a batch that another thread is writing when the process exits is written", async () => {
    const path = newPath();
    expect(await spawnWriter([path, "a", "1", "exit-in-flight"]).exited).toBe(0);
    expect(fs.statSync(path).size).toBe("a:0::end\n".length + MAX_PENDING_BYTES);
  });
});

describe("createSink on a target that fails", () => {
  test("row 67: a full disk is reported once, lines are kept to the limit, then dropped and counted", async () => {
    let nowMs = 1_000_000;
    const { sink, reports } = openSink({
      path: "/dev/full",
      maxPendingBytes: 1000,
      flushMs: 1,
      now: () => nowMs,
    });
    for (let i = 0; i < 5; i++) sink.write(`${"x".repeat(99)}\n`);
    await sink.flush();
    await sink.flush();
    expect(reports).toEqual(['Cannot write log "/dev/full": ENOSPC']);
    for (let i = 0; i < 25; i++) sink.write(`${"x".repeat(99)}\n`);
    expect(sink.pendingBytes()).toBe(1000);
    expect(sink.droppedLines()).toBe(20);
    expect(reports.length).toBe(1);
    nowMs += 60_000;
    sink.write("one more line that does not fit\n");
    expect(reports.slice(1)).toEqual(['Log "/dev/full" cannot be written: dropped 21 lines']);
    sink.write("within the same minute nothing more is said\n");
    expect(reports.length).toBe(2);
    await sink.close();
    expect(sink.droppedLines()).toBe(32);
    expect(reports.slice(2)).toEqual(['Log "/dev/full" was closed: dropped 11 lines']);
  });

  test("row 67: recovery is reported with what was lost", async () => {
    const path = newPath();
    fs.symlinkSync("/dev/full", path);
    const { sink, reports } = openSink({ path, maxPendingBytes: 20, flushMs: 3_600_000 });
    sink.write("kept for later\n");
    await sink.flush();
    sink.write("does not fit\n");
    fs.unlinkSync(path);
    await sink.reopen();
    expect(linesOf(path)).toEqual(["kept for later"]);
    expect(reports).toEqual([
      `Cannot write log "${path}": ENOSPC`,
      `Log "${path}" is written again: dropped 1 line`,
    ]);
    await sink.close();
  });

  test("a write cut short by a full file ends with whole lines after the rotation", async () => {
    const path = newPath();
    const reports = newPath();
    // The file-size limit acts as a disk that fills up in the middle of a line.
    const script = `trap '' XFSZ; ulimit -f 64; exec "$BUN" "$WRITER" "${path}" a 200 rotate "${reports}"`;
    expect(await spawnWriter([], script).exited).toBe(0);
    const old = fs.readFileSync(`${path}.1`, "utf8");
    expect(old.length).toBe(64 * 1024);
    const before = numbersByMark(old.split("\n").slice(0, -1))["a"] ?? [];
    const after = numbersByMark(linesOf(path))["a"] ?? [];
    const torn = old.endsWith("\n") ? 0 : 1;
    expect(after[0]).toBe(before.length + torn);
    expect(before.length + torn + after.length).toBe(200);
    expect(linesOf(reports)).toEqual([
      `Cannot write log "${path}": EFBIG`,
      `Log "${path}" is written again: dropped ${torn} ${torn === 1 ? "line" : "lines"}`,
      "done",
    ]);
  });

  test("a closed pipe ends the log, not the process", async () => {
    const reports = newPath();
    const script = `"$BUN" "$WRITER" stdout a 2000 close "${reports}" | true; exit \${PIPESTATUS[0]}`;
    expect(await spawnWriter([], script).exited).toBe(0);
    expect(linesOf(reports)).toEqual([
      'Cannot write log "stdout": nobody reads it any more, its lines are dropped',
      'Log "stdout" was closed: dropped 2000 lines',
      "done",
    ]);
  });

  test("a reader that stops costs lines, not memory, and is caught up with", async () => {
    const path = newPath();
    expect(Bun.spawnSync(["mkfifo", path]).exitCode).toBe(0);
    const reader = fs.openSync(path, fs.constants.O_RDWR | fs.constants.O_NONBLOCK);
    let nowMs = 0;
    const { sink, reports } = openSink({ path, maxPendingBytes: 100_000, flushMs: 1, now: () => nowMs });
    const line = `${"x".repeat(999)}\n`;
    for (let i = 0; i < 400; i++) {
      sink.write(line);
      if (i % 50 === 0) await sink.flush();
    }
    expect(sink.pendingBytes()).toBeLessThanOrEqual(100_000);
    const dropped = sink.droppedLines();
    expect(dropped).toBeGreaterThan(200);
    expect(reports).toEqual([`Log "${path}" cannot keep up: dropped 1 line`]);

    nowMs += 60_000;
    let received = 0;
    const buffer = Buffer.alloc(65_536);
    await eventually(() => {
      try {
        received += fs.readSync(reader, buffer);
      } catch {
        // EAGAIN: the sink tries again in a moment.
      }
      return sink.pendingBytes() === 0 && received === (400 - dropped) * 1000;
    });
    expect(reports.slice(1)).toEqual([`Log "${path}" cannot keep up: dropped ${dropped - 1} lines`]);
    await sink.close();
    fs.closeSync(reader);
  });
});
