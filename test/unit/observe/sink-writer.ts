/** A process that writes lines through a sink: `sink-writer.ts PATH MARK COUNT MODE [REPORTS]`. */

import * as fs from "node:fs";
import { createSink, MAX_PENDING_BYTES } from "../../../src/observe/sink.ts";

const [path = "stdout", mark = "a", count = "1", mode = "close", reports = ""] = process.argv.slice(2);

const sink = createSink({
  path,
  report: (message) => {
    if (reports !== "") fs.appendFileSync(reports, `${message}\n`);
  },
});
if (!sink.ok) throw new Error(sink.error);

const { write, flush, reopen, close } = sink.value;
for (let i = 0; i < Number(count); i++) {
  write(`${mark}:${i}:${"x".repeat((i * 37) % 800)}:end\n`);
  // Gives the writes of several processes a chance to meet.
  if (i % 500 === 499) await Bun.sleep(1);
}

if (mode === "exit-in-flight") {
  await flush();
  write(`${"y".repeat(MAX_PENDING_BYTES - 1)}\n`);
}
if (mode.startsWith("exit")) process.exit(0);
if (mode === "rotate") {
  await flush();
  fs.renameSync(path, `${path}.1`);
  await reopen();
}
await close();
fs.appendFileSync(reports === "" ? "/dev/null" : reports, "done\n");
