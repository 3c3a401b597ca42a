/** The applications behind the demo: each answers with its name and with what the proxy told it. */

export interface DemoBackends {
  readonly ports: readonly number[];
  readonly stop: () => Promise<void>;
}

export function createDemoBackends(names: readonly string[]): DemoBackends {
  const servers = names.map((name) =>
    Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      development: false,
      fetch: (request) => new Response(describe(name, request)),
    }),
  );
  return {
    ports: servers.flatMap((server) => server.port ?? []),
    stop: async () => {
      await Promise.all(servers.map((server) => server.stop(true)));
    },
  };
}

function describe(name: string, request: Request): string {
  const { pathname, search } = new URL(request.url);
  const client = request.headers.get("x-forwarded-for") ?? "unknown";
  return `backend ${name}: ${request.method} ${pathname}${search} from ${client}\n`;
}
