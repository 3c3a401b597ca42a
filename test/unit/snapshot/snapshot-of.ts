/** The snapshot of a configuration text, for tests that look at what compiles. */

import { parseDocument } from "../../../src/config/document.ts";
import { parseConfig } from "../../../src/config/parse.ts";
import { formatDiagnostics } from "../../../src/config/report.ts";
import { compile } from "../../../src/snapshot/compile.ts";

export function snapshotOf(text: string, pems: ReadonlyMap<string, string> = new Map()) {
  const document = parseDocument("test.toml", text);
  if (!document.ok) throw new Error(document.error.message);
  const parsed = parseConfig({
    main: { document: document.value, tree: document.value.raw, flaws: [] },
    includes: [],
    overrides: undefined,
    paths: { folder: "/", home: "/" },
    defaults: { access_log: "/a", error_log: "/e" },
  });
  if (!parsed.ok) throw new Error(formatDiagnostics(parsed.error, { color: false }));
  return compile({ ...parsed.value, pems });
}
