/** Reading a log: its last lines, filters, growth, rotation, truncation and lines without end. */

import { afterAll, describe, expect, test } from "bun:test";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  LogReadError,
  MAX_LINE_BYTES,
  type ReadLogOptions,
  readLog,
} from "../../../src/observe/log-reader.ts";

const directory = fs.mkdtempSync(join(tmpdir(), "ophid-log-reader-"));
afterAll(() => fs.rmSync(directory, { recursive: true, force: true }));
let files = 0;

function newLog(text: string): string {
  const path = join(directory, `log-${files++}`);
  fs.writeFileSync(path, text);
  return path;
}

async function readAll(options: Partial<ReadLogOptions> & { path: string }): Promise<string[]> {
  return await Array.fromAsync(readLog({ follow: false, ...options }));
}

/** Follows in the background; `until` waits for the n-th line, `stop` ends it and gives all lines. */
function follow(options: Partial<ReadLogOptions> & { path: string }): {
  until: (count: number) => Promise<void>;
  stop: () => Promise<string[]>;
} {
  const lines: string[] = [];
  const controller = new AbortController();
  const done = (async () => {
    for await (const line of readLog({ ...options, follow: true, signal: controller.signal }))
      lines.push(line);
  })();
  return {
    until: async (count) => {
      const deadline = performance.now() + 10_000;
      while (lines.length < count) {
        if (performance.now() > deadline) throw new Error(`Only ${JSON.stringify(lines)} in time`);
        await Promise.race([Bun.sleep(5), done]);
      }
    },
    stop: async () => {
      controller.abort();
      await done;
      return lines;
    },
  };
}

const numbered = (from: number, to: number): string[] =>
  Array.from(
    { length: to - from },
    (_, i) => `{"status":${(from + i) % 10 === 0 ? 502 : 200},"n":${from + i}}`,
  );

describe("readLog without follow", () => {
  test.each([
    ["", []],
    ["one\n", ["one"]],
    ["one\ntwo", ["one", "two"]],
    ["\n\none\n", ["", "", "one"]],
    ["é\n€\n", ["é", "€"]],
  ])("reads %j", async (text, expected) => {
    expect(await readAll({ path: newLog(text) })).toEqual(expected);
  });

  test("gives the last lines, 100 unless told", async () => {
    const path = newLog(`${numbered(0, 50_000).join("\n")}\n`);
    expect(await readAll({ path })).toEqual(numbered(49_900, 50_000));
    expect(await readAll({ path, lines: 3 })).toEqual(numbered(49_997, 50_000));
    expect(await readAll({ path, lines: 0 })).toEqual([]);
    expect(await readAll({ path, lines: 60_000 })).toEqual(numbered(0, 50_000));
  });

  test("gives the last matching lines, however far back they are", async () => {
    const filler = `{"status":200,"x":"${"y".repeat(2000)}"}\n`.repeat(2000);
    const path = newLog(`${numbered(0, 100).join("\n")}\n${filler}`);
    const filter = { route: undefined, status: { from: 500, to: 599 } };
    expect(await readAll({ path, lines: 2, filter })).toEqual([
      '{"status":502,"n":80}',
      '{"status":502,"n":90}',
    ]);
    expect((await readAll({ path, filter })).length).toBe(10);
  });

  test("a line without end costs bounded memory and is cut", async () => {
    const path = newLog("");
    const file = fs.openSync(path, "a");
    fs.writeSync(file, "first\n");
    for (let i = 0; i < 64; i++) fs.writeSync(file, Buffer.alloc(1024 * 1024, 120));
    fs.writeSync(file, "\nlast\n");
    fs.closeSync(file);
    const lines = await readAll({ path });
    expect(lines.length).toBe(3);
    expect([lines[0], lines[2]]).toEqual(["first", "last"]);
    expect(lines[1]).toBe(`${"x".repeat(MAX_LINE_BYTES)}[cut]`);
  });

  test("a missing file is an error for people", async () => {
    const path = join(directory, "missing");
    await expect(readAll({ path })).rejects.toThrow(new LogReadError(`Cannot read log "${path}": ENOENT`));
  });

  test("a route filter on a log in another format is refused, on one that used to be is not", async () => {
    const clf = '1.2.3.4 - - [22/Nov/2026:23:55:56 +0000] "GET / HTTP/1.1" 200 7\n';
    const filter = { route: "app", status: undefined };
    await expect(readAll({ path: newLog(clf), filter })).rejects.toThrow("Cannot filter by route");
    const filler = '{"route":"other"}\n'.repeat(100_000);
    const path = newLog(`${clf}${filler}{"route":"app"}\n`);
    expect(await readAll({ path, filter })).toEqual(['{"route":"app"}']);
  });
});

describe("readLog with follow", () => {
  test("gives new lines when they are whole", async () => {
    const path = newLog("one\nbeg");
    const reader = follow({ path });
    await reader.until(1);
    fs.appendFileSync(path, "un\nthree\nfo");
    await reader.until(3);
    fs.appendFileSync(path, "ur\n");
    await reader.until(4);
    expect(await reader.stop()).toEqual(["one", "begun", "three", "four"]);
  });

  test("filters what is added", async () => {
    const path = newLog("");
    const reader = follow({ path, filter: { route: undefined, status: { from: 502, to: 502 } } });
    fs.appendFileSync(path, `${numbered(1, 25).join("\n")}\n`);
    await reader.until(2);
    expect(await reader.stop()).toEqual(['{"status":502,"n":10}', '{"status":502,"n":20}']);
  });

  test("follows a rotation and still gives what was written to the old file late", async () => {
    const path = newLog("one\n");
    const reader = follow({ path });
    await reader.until(1);
    fs.renameSync(path, `${path}.1`);
    fs.appendFileSync(`${path}.1`, "late\n");
    await reader.until(2);
    fs.writeFileSync(path, "new\n");
    await reader.until(3);
    fs.appendFileSync(path, "newer\n");
    await reader.until(4);
    expect(await reader.stop()).toEqual(["one", "late", "new", "newer"]);
  });

  test("begins again after a truncation", async () => {
    const path = newLog("a long first line\n");
    const reader = follow({ path });
    await reader.until(1);
    fs.truncateSync(path, 0);
    fs.appendFileSync(path, "short\n");
    await reader.until(2);
    expect(await reader.stop()).toEqual(["a long first line", "short"]);
  });

  test("ends at once when aborted", async () => {
    const reader = follow({ path: newLog("one\n") });
    await reader.until(1);
    const before = performance.now();
    expect(await reader.stop()).toEqual(["one"]);
    expect(performance.now() - before).toBeLessThan(150);
  });
});
