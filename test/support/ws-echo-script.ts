/**
 * WebSocket backends on the npm package `ws` in a process of its own. Prints its port, later a line for every
 * WebSocket that ended: `closed PATH CODE REASON`. `/echo/…` echoes, `/close/CODE/REASON` closes at once.
 */

import { startWsUpstream } from "./ws-package.ts";

const upstream = await startWsUpstream(
  (socket, target) => {
    const [, verb, code, reason] = target.split("/");
    socket.on("close", (ended: number, why: Buffer) => {
      process.stdout.write(`closed ${target} ${ended} ${why.toString()}\n`);
    });
    if (verb === "close") socket.close(Number(code), reason);
    else if (verb === "kill") socket.on("message", () => socket.terminate());
    else socket.on("message", (data: Buffer, isBinary: boolean) => socket.send(data, { binary: isBinary }));
  },
  { maxPayload: 64 * 1024 * 1024 },
);
process.stdout.write(`${upstream.port}\n`);
