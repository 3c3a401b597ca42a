/** A backend that sends an event every INTERVAL ms, each with its number and the time it was sent: `sse-script.ts INTERVAL`. */

const intervalMs = Number(Bun.argv[2] ?? 50);

const server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  development: false,
  idleTimeout: 0,
  fetch() {
    let timer: ReturnType<typeof setInterval> | undefined;
    let number = 0;
    const encoder = new TextEncoder();
    const stream = new ReadableStream<Uint8Array>({
      start(controller) {
        timer = setInterval(() => {
          controller.enqueue(encoder.encode(`id: ${number++}\ndata: ${Date.now()}\n\n`));
        }, intervalMs);
      },
      cancel: () => clearInterval(timer),
    });
    return new Response(stream, { headers: { "content-type": "text/event-stream" } });
  },
});
process.stdout.write(`${server.port}\n`);
