/** Certificates made with openssl for one test: an authority and leaves signed by it. */

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface Pair {
  readonly cert: string;
  readonly key: string;
}

export interface Authority extends Pair {
  /** `names` as openssl writes them: "DNS:a.test", "IP:127.0.0.1". */
  issue(names: readonly string[]): Pair;
  /** A leaf that is already out of date. */
  issueExpired(names: readonly string[]): Pair;
  remove(): void;
}

const KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];

export function createAuthority(): Authority {
  const dir = mkdtempSync(join(tmpdir(), "ophid-certs-"));
  const run = (...args: string[]) => execFileSync("openssl", args, { cwd: dir, stdio: "pipe" });
  const read = (name: string): Pair => ({
    cert: readFileSync(join(dir, `${name}.pem`), "utf8"),
    key: readFileSync(join(dir, `${name}.key`), "utf8"),
  });
  run(
    "req",
    "-x509",
    ...KEY,
    "-keyout",
    "ca.key",
    "-out",
    "ca.pem",
    "-days",
    "2",
    "-subj",
    "/CN=test authority",
  );
  let count = 0;
  const issue = (names: readonly string[], validity: readonly string[]): Pair => {
    count += 1;
    const name = `leaf${count}`;
    writeFileSync(join(dir, "ext"), `subjectAltName=${names.join(",")}\n`);
    run("req", ...KEY, "-keyout", `${name}.key`, "-out", `${name}.csr`, "-subj", `/CN=${name}`);
    const signing = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "ext", ...validity];
    run("x509", "-req", "-in", `${name}.csr`, "-out", `${name}.pem`, ...signing);
    return read(name);
  };
  return {
    ...read("ca"),
    issue: (names) => issue(names, ["-days", "2"]),
    issueExpired: (names) => issue(names, ["-days", "-1"]),
    remove: () => rmSync(dir, { recursive: true }),
  };
}
