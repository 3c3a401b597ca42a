import { describe, expect, test } from "bun:test";
import { snapshotOf } from "./snapshot-of.ts";

function routeOf(text: string) {
  const [route] = snapshotOf(text).routes;
  if (route === undefined) throw new Error("no route");
  return route;
}

function endpointKey(text: string, pems?: ReadonlyMap<string, string>): string | undefined {
  const action = snapshotOf(text, pems).routes[0]?.action;
  return action?.kind === "proxy" ? action.proxy.endpoints[0]?.key : undefined;
}

describe("compile", () => {
  test("gives a route the same id whatever the order and spelling of its matchers", () => {
    const first = routeOf(
      '[[routes]]\nmethod = ["POST", "get"]\nheaders = { X-A = "1", X-B = "2" }\ntarget = "a:1"\n',
    );
    const second = routeOf(
      '[[routes]]\nheaders = { x-b = "2", x-a = "1" }\nmethod = ["GET", "post"]\ntarget = "b:2"\n',
    );
    expect(second.id).toBe(first.id);
    expect(second.match).toEqual(first.match);
  });

  test("ids differ when matchers do, and show no value of them", () => {
    const id = (headers: string) =>
      routeOf(`[[routes]]\nheaders = { X-Token = "${headers}" }\ntarget = "a:1"\n`).id;
    expect(id("secret-1")).not.toBe(id("secret-2"));
    expect(id("secret-1")).not.toContain("secret");
  });

  test("pool keys and endpoint keys never meet", () => {
    const { routes } = snapshotOf(
      '[[routes]]\nname = "http"\ntarget = "unix:/http"\n[[routes]]\nhost = "[::1]"\ntarget = "[::1]:80"\n',
    );
    const pools = routes.map((route) => (route.action.kind === "proxy" ? route.action.proxy.poolKey : ""));
    const endpoints = routes.flatMap((route) =>
      route.action.kind === "proxy" ? route.action.proxy.endpoints.map(({ key }) => key) : [],
    );
    expect(pools).toEqual(["http", "::1/*"]);
    expect(endpoints).toEqual(["unix:/http", "http://[::1]:80"]);
  });

  test("an endpoint is shared by its address, and by its TLS options behind https", () => {
    const tls = (options: string) =>
      `[[routes]]\ntarget = "https://a.example"\nbackend_tls = { ${options} }\n`;
    const plain = endpointKey('[[routes]]\ntarget = "https://a.example"\n');
    expect(endpointKey('[[routes]]\ntarget = "https://A.example:443"\n')).toBe(plain);
    expect(endpointKey(tls('server_name = "a.example"'))).toBe(plain);
    expect(endpointKey(tls('server_name = "b.example"'))).not.toBe(plain);
    expect(endpointKey(tls("insecure = true"))).not.toBe(plain);
    const pems = (text: string) => new Map([["ca.pem", text]]);
    const first = endpointKey(tls('ca = "ca.pem"'), pems("one"));
    expect(endpointKey(tls('ca = "ca.pem"'), pems("two"))).not.toBe(first);
    expect(endpointKey('[[routes]]\ntarget = "http://a.example"\n')).toBe("http://a.example:80");
  });

  test("row 53: strip_prefix ends on a segment boundary and loses its last slash", () => {
    const action = routeOf('[[routes]]\npath = "/v1/*"\nstrip_prefix = "/v1/"\ntarget = "a:1"\n').action;
    expect(action).toMatchObject({ proxy: { stripPrefix: "/v1" } });
    expect(() => routeOf('[[routes]]\npath = "/v1/*"\nstrip_prefix = "/v"\ntarget = "a:1"\n')).toThrow(
      "not a prefix",
    );
    expect(() => routeOf('[[routes]]\npath = "/v1/*"\nstrip_prefix = "/v1/x"\ntarget = "a:1"\n')).toThrow(
      "not a prefix",
    );
  });

  test("the Host field follows the endpoints unless the route says otherwise", () => {
    const hostHeader = (text: string) => {
      const { action } = routeOf(`[[routes]]\n${text}\n`);
      return action.kind === "proxy" ? action.proxy.hostHeader : undefined;
    };
    expect(hostHeader('target = "app:80"')).toBe("preserve");
    expect(hostHeader('target = "https://app.example"')).toBe("endpoint");
    expect(hostHeader('target = "https://10.0.0.1"')).toBe("preserve");
    expect(hostHeader('target = "https://[::1]"')).toBe("preserve");
    expect(hostHeader('target = "unix:/a"')).toBe("preserve");
    expect(hostHeader('target = "https://app.example"\nhost_header = "preserve"')).toBe("preserve");
    expect(hostHeader('target = "app:80"\nhost_header = "x.example:81"')).toBe("x.example:81");
  });

  test("ten thousand routes compile", () => {
    const many = Array.from(
      { length: 10_000 },
      (_, index) => `[[routes]]\nhost = "h${index}.example"\ntarget = "a:1"\n`,
    );
    const { routes } = snapshotOf(many.join("\n"));
    expect(routes).toHaveLength(10_000);
    expect(new Set(routes.map((route) => route.id)).size).toBe(10_000);
    expect(routes[9_999]?.source).toBe("test.toml:39997");
  });

  test("survives the way to a worker", () => {
    const snapshot = snapshotOf('[[routes]]\ntarget = "https://a.example"\n');
    expect(structuredClone(snapshot)).toEqual(snapshot);
  });
});
