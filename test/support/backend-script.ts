/**
 * A backend in a process of its own: `backend-script.ts PORT RECORD`. Prints its port (PORT may be 0).
 * `?id=X` is appended to the file RECORD ("" for none) before it is answered with X; `ms=N` waits N ms in between.
 */

import { appendFileSync } from "node:fs";

const [port = "0", record = ""] = Bun.argv.slice(2);

const server = Bun.serve({
  hostname: "127.0.0.1",
  port: Number(port),
  development: false,
  async fetch(request) {
    const query = new URL(request.url).searchParams;
    const id = query.get("id") ?? "";
    const body = await request.text();
    if (record !== "") appendFileSync(record, `${request.method} ${id}\n`);
    const waitMs = Number(query.get("ms") ?? 0);
    if (waitMs > 0) await Bun.sleep(waitMs);
    return new Response(`${id}${body}`);
  },
});
process.stdout.write(`${server.port}\n`);
