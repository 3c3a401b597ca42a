import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { canonicalPath, hasDotSegment, matchesPrefix, rewriteTarget } from "../../src/http/path.ts";

/** Pieces that matter to somebody's path parser, glued in every order. */
const PIECES = [
  ...[
    "/",
    "//",
    ".",
    "..",
    "/../",
    "/./",
    "%2e",
    "%2E",
    "%2f",
    "%5C",
    "%",
    "%%",
    "%4",
    "4",
    "1",
    "%34",
    "%31",
  ],
  ...[
    "%zz",
    "%25",
    "%41",
    "%7e",
    "%20",
    ";",
    ";x",
    "..;",
    "a",
    "B",
    "e",
    "2",
    "api",
    "-",
    "~",
    "$",
    ":",
    "|",
  ],
];
const REFUSED = [" ", "\\", "#", "?", "%00", "\0", "\t", "ü", "\x7f"];

const pathish = fc
  .array(fc.constantFrom(...PIECES), { maxLength: 14 })
  .map((pieces) => `/${pieces.join("")}`);
const anyPath = fc.oneof(
  pathish,
  fc.array(fc.constantFrom(...PIECES, ...REFUSED), { maxLength: 14 }).map((pieces) => `/${pieces.join("")}`),
  fc.string({ unit: "binary" }),
  fc.webPath(),
);

/** The segments an upstream sees that decodes everything and takes both slashes as separators. */
function lenientSegments(path: string): string[] {
  return path
    .replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
    .split(/[/\\]/)
    .map((segment) => segment.replace(/;.*$/s, ""));
}

describe("canonicalPath", () => {
  test("is canonical already", () => {
    fc.assert(
      fc.property(anyPath, (rawPath) => {
        const path = canonicalPath(rawPath);
        if (path !== undefined) expect(canonicalPath(path)).toBe(path);
      }),
      { numRuns: 10_000 },
    );
  });

  test("has no dot segment and no empty segment, under any reading", () => {
    fc.assert(
      fc.property(anyPath, (rawPath) => {
        const path = canonicalPath(rawPath);
        if (path === undefined) return;
        expect(path).toStartWith("/");
        expect(path).not.toMatch(/\/\/|\/\.\.?(?:\/|$)/);
        expect(path).not.toMatch(/[^!-~]|[\\#?]/);
        expect(hasDotSegment(path)).toBe(false);
        for (const segment of lenientSegments(path)) expect(segment === "." || segment === "..").toBe(false);
      }),
      { numRuns: 10_000 },
    );
  });

  test("without stray % it has no escape of an unreserved character and no lower-case escape", () => {
    fc.assert(
      fc.property(pathish, (rawPath) => {
        fc.pre(!/%(?![0-9A-Fa-f]{2})/.test(rawPath));
        const path = canonicalPath(rawPath);
        if (path === undefined) return;
        for (const [code] of path.matchAll(/%../g)) {
          expect(code).toBe(code.toUpperCase());
          expect(String.fromCharCode(Number.parseInt(code.slice(1), 16))).not.toMatch(/[A-Za-z0-9._~-]/);
        }
      }),
      { numRuns: 5000 },
    );
  });

  test("agrees with the URL parser on where dot segments lead", () => {
    const segment = fc.constantFrom("a", "b.c", "..", ".", "%2e", ".%2E", "...", "d");
    fc.assert(
      fc.property(fc.array(segment, { maxLength: 8 }), (segments) => {
        const rawPath = `/${segments.join("/")}`;
        const path = canonicalPath(rawPath);
        if (path !== undefined) expect(path).toBe(new URL(`http://a.test${rawPath}`).pathname);
      }),
      { numRuns: 3000 },
    );
  });

  test("decodes to what the received path decodes to, apart from slashes and dot segments", () => {
    const plain = fc.array(fc.constantFrom("a", "%41", "%c3%bc", "%2B", "/x", "%7e"), { maxLength: 10 });
    fc.assert(
      fc.property(plain, (pieces) => {
        const rawPath = `/${pieces.join("")}`;
        fc.pre(!rawPath.includes("//"));
        expect(decodeURIComponent(canonicalPath(rawPath) as string)).toBe(decodeURIComponent(rawPath));
      }),
    );
  });
});

describe("rewriteTarget", () => {
  const prefix = fc.constantFrom("", "/", "/api", "/api/", "/a", "/a/B");
  const query = fc.constantFrom("", "?", "?x=/../y", "?a?b");

  test("gives one leading slash where a prefix was cut, no dot segment, and the query untouched", () => {
    const target = fc.oneof(
      pathish,
      pathish.map((path) => `/api${path}`),
      pathish.map((path) => `/a/B${path}`),
    );
    fc.assert(
      fc.property(target, query, prefix, prefix, (rawPath, queryText, stripPrefix, addPrefix) => {
        const path = canonicalPath(rawPath);
        fc.pre(path !== undefined);
        const received = rawPath + queryText;
        const input = { target: received, path: path as string, query: queryText, stripPrefix, addPrefix };
        const result = rewriteTarget(input);
        if (stripPrefix === "" && addPrefix === "") {
          expect(result).toBe(received);
          return;
        }
        if (result === undefined) return;
        expect(result).toStartWith("/");
        expect(result).toEndWith(queryText);
        const forwarded = result.slice(0, result.length - queryText.length);
        expect(hasDotSegment(forwarded)).toBe(false);
        for (const segment of lenientSegments(forwarded))
          expect(segment === "." || segment === "..").toBe(false);
        const wasCut = stripPrefix.length > 1 && matchesPrefix(path as string, stripPrefix);
        if (wasCut) expect(forwarded).not.toStartWith("//");
        // The upstream sees the canonical path with one prefix exchanged for the other.
        const cut = stripPrefix.replace(/\/$/, "");
        if (wasCut) {
          const expected = addPrefix.replace(/\/$/, "") + (path as string).slice(cut.length);
          expect(canonicalPath(forwarded)).toBe(expected === "" ? "/" : expected);
        }
      }),
      { numRuns: 10_000 },
    );
  });

  test("never throws, whatever it is given", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: "binary" }),
        fc.string(),
        fc.string(),
        fc.string(),
        (target, path, strip, add) => {
          const result = rewriteTarget({ target, path, query: "", stripPrefix: strip, addPrefix: add });
          expect(result === undefined || typeof result === "string").toBe(true);
        },
      ),
    );
  });
});
