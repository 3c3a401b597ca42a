// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references look like templates.

import { describe, expect, test } from "bun:test";
import { resolve } from "node:path";
import { configFromFlags, type LoadOptions, loadConfig, MAX_CONFIG_BYTES } from "../../../src/config/load.ts";
import type { FileReader } from "../../../src/config/read-file.ts";
import { formatDiagnostics } from "../../../src/config/report.ts";
import { err, ok } from "../../../src/lib/result.ts";

const DEFAULTS = { access_log: "/logs/access.log", error_log: "/logs/error.log" };
const ROUTE = '[[routes]]\ntarget = "localhost:3000"\n';

/** A file system of absolute paths; a folder exists if a file is in it. */
function createFiles(files: Readonly<Record<string, string>>): FileReader & { readonly asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    readText: async (path, maxBytes) => {
      asked.push(`${path} ${maxBytes}`);
      const text = files[path];
      return text === undefined ? err("there is no such file") : ok(text);
    },
    listNames: async (folder) => {
      const inside = Object.keys(files).filter((path) => path.startsWith(`${folder}/`));
      return ok(inside.map((path) => path.slice(folder.length + 1)).reverse());
    },
  };
}

async function load(files: Readonly<Record<string, string>>, options: Partial<LoadOptions> = {}) {
  const base = { path: "/etc/ophid/config.toml", env: { HOME: "/home/user" }, defaults: DEFAULTS };
  return loadConfig({ ...base, files: createFiles(files), ...options });
}

async function errorsOf(files: Readonly<Record<string, string>>, options: Partial<LoadOptions> = {}) {
  const result = await load(files, options);
  return result.ok ? "accepted" : formatDiagnostics(result.error, { color: false });
}

describe("loadConfig", () => {
  test("a missing file is a diagnostic", async () => {
    expect(await errorsOf({})).toBe(
      "/etc/ophid/config.toml: error: Cannot read the configuration: there is no such file\n",
    );
  });

  test("takes log files from the caller unless the file names them", async () => {
    const result = await load({ "/etc/ophid/config.toml": `[general]\naccess_log = "a/b.log"\n${ROUTE}` });
    expect(result.ok && result.value.general).toMatchObject({
      access_log: "/etc/ophid/a/b.log",
      error_log: "/logs/error.log",
    });
  });

  test("resolves a relative configuration against the working folder and shows it as given", async () => {
    const path = "some/config.toml";
    const files = { [resolve(path)]: ROUTE, [resolve("some/routes.d/x.toml")]: "[[routes]]\nhost = 1\n" };
    expect(await errorsOf(files, { path })).toStartWith("some/routes.d/x.toml:2:8: error: ");
  });

  test("reads routes.d sorted by name and only its .toml files", async () => {
    const result = await load({
      "/etc/ophid/config.toml": "[general]\n",
      "/etc/ophid/routes.d/b.toml": '[[routes]]\nhost = "b.example"\ntarget = "localhost:1"\n',
      "/etc/ophid/routes.d/a.toml": '[[routes]]\nhost = "a.example"\ntarget = "localhost:1"\n',
      "/etc/ophid/routes.d/.hidden.toml": "broken",
      "/etc/ophid/routes.d/a.toml.bak": "broken",
    });
    expect(result.ok ? result.value.routes.map((route) => [route.host, route.source]) : result.error).toEqual(
      [
        ["a.example", "/etc/ophid/routes.d/a.toml:1"],
        ["b.example", "/etc/ophid/routes.d/b.toml:1"],
      ],
    );
  });

  test("an empty include is fine, a configuration without any route is not", async () => {
    expect(
      (await load({ "/etc/ophid/config.toml": ROUTE, "/etc/ophid/routes.d/a.toml": "# none\n" })).ok,
    ).toBe(true);
    expect(
      await errorsOf({ "/etc/ophid/config.toml": "# none\n", "/etc/ophid/routes.d/a.toml": "" }),
    ).toContain("it has no routes");
    expect(await errorsOf({ "/etc/ophid/config.toml": "routes = []\n" })).toContain("it has no routes");
  });

  test("reports the errors of all files at once", async () => {
    const text = await errorsOf({
      "/etc/ophid/config.toml": '[general]\nworkers = 0\n\n[[routes]]\ntarget = "x"\n',
      "/etc/ophid/routes.d/a.toml": '[[routes]]\ntarget = "y"\n',
    });
    expect(text.match(/error:/g)).toHaveLength(3);
  });

  test("reports missing files together with everything else, in the order of the files", async () => {
    const tls = 'target = "https://a.example"\nbackend_tls = { ca = "/no.pem" }\n';
    const text = await errorsOf({
      "/etc/ophid/config.toml": `[[routes]]\n${tls}\n[general]\nwrkers = 1\n`,
      "/etc/ophid/routes.d/a.toml": `[[routes]]\nhost = "b"\n${tls}\n[[routes]]\nhost = 1\ntarget = "y:1"\n`,
    });
    expect(text.match(/\S+: error: Cannot \S+ [^:]+/g)).toEqual([
      "/etc/ophid/config.toml:3:22: error: Cannot read routes[0].backend_tls.ca",
      "/etc/ophid/config.toml:6:1: error: Cannot use general.wrkers",
      "/etc/ophid/routes.d/a.toml:4:22: error: Cannot read routes[0].backend_tls.ca",
      "/etc/ophid/routes.d/a.toml:7:8: error: Cannot read routes[1].host",
    ]);
  });

  test("a file whose path cannot be known is one error, not two", async () => {
    const text = await errorsOf({
      "/etc/ophid/config.toml":
        '[[routes]]\ntarget = "https://a.example"\nbackend_tls = { ca = "${NONE}" }\n',
    });
    expect(text.match(/error:/g)).toHaveLength(1);
  });

  test("reads referenced files once, from the folder of the configuration, without their last line end", async () => {
    const files = createFiles({
      "/etc/ophid/config.toml": `${ROUTE}add_headers = { A = "\${file:t}", B = "\${file:t}" }\n`,
      "/etc/ophid/t": "secret\r\n",
    });
    const result = await load({}, { files });
    const [route] = result.ok ? result.value.routes : [];
    expect(route?.type === "proxy" && route.add_headers).toEqual([
      ["A", "secret"],
      ["B", "secret"],
    ]);
    expect(files.asked.filter((line) => line === "/etc/ophid/t 65536")).toHaveLength(1);
    expect(files.asked[0]).toBe(`/etc/ophid/config.toml ${MAX_CONFIG_BYTES}`);
  });

  test("flags win over the file and are checked like it", async () => {
    const files = { "/etc/ophid/config.toml": `[general]\nlisten = [":80"]\nworkers = 2\n${ROUTE}` };
    const result = await load(files, { flags: { listen: [":8080"] } });
    expect(result.ok && result.value.general).toMatchObject({
      listen: [{ kind: "tcp", hostname: "::", port: 8080 }],
      workers: 2,
    });
    expect(await errorsOf(files, { flags: { listen: [":1", "0.0.0.0:1"], workers: "many" } })).toBe(
      'command line: error: Cannot read --workers: there is no such value\n  found:    "many"\n' +
        '  expected: "auto" or a whole number from 1 to 64\n',
    );
    expect(await errorsOf(files, { flags: { listen: [":1", "0.0.0.0:1"] } })).toContain(
      "command line: error: Cannot use --listen: it is the address of --listen too",
    );
  });

  test("keeps the state of a key file out of messages when its path comes from the environment", async () => {
    const tls = 'backend_tls = { ca = "${SECRET}" }\n';
    const text = await errorsOf(
      { "/etc/ophid/config.toml": `[[routes]]\ntarget = "https://a.example"\n${tls}` },
      { env: { SECRET: "/hidden/path" } },
    );
    expect(text).toContain('found:    "${SECRET}"');
    expect(text).not.toContain("hidden");
  });
});

describe("configFromFlags", () => {
  test("makes one route to all targets", () => {
    const result = configFromFlags(
      { target: ["localhost:1", "localhost:2"], listen: [":8080"], workers: "2" },
      DEFAULTS,
    );
    const config = result.ok ? result.value : undefined;
    expect(config?.general).toMatchObject({
      workers: 2,
      listen: [{ kind: "tcp", hostname: "::", port: 8080 }],
    });
    expect(config?.routes).toHaveLength(1);
    expect(config?.routes[0]).toMatchObject({ type: "proxy", host: "*", path: "/*", source: "command line" });
  });

  test("names flags, not keys, in messages and replaces no references", () => {
    const result = configFromFlags({ target: ["local host", "${HOME}:1"] }, DEFAULTS);
    const text = result.ok ? "" : formatDiagnostics(result.error, { color: false });
    expect(text).toStartWith(
      'command line: error: Cannot read --target: it is not an address\n  found:    "local host"',
    );
    expect(text.match(/error:/g)).toHaveLength(2);
  });

  test("no target is an error", () => {
    const result = configFromFlags({ target: [] }, DEFAULTS);
    expect(result.ok).toBe(false);
  });
});
