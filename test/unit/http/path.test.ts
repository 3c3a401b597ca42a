import { describe, expect, test } from "bun:test";
import { canonicalPath, hasDotSegment, matchesPrefix, rewriteTarget } from "../../../src/http/path.ts";

describe("canonicalPath", () => {
  test.each([
    "/",
    "/a",
    "/a/",
    "/a/b.c/d-e_f~g",
    "/.well-known/acme-challenge/x",
    "/a/.git",
    "/a..b/c.",
    "/a;v=1/b;c",
    "/a:b@c!$&'()*+,=",
    '/a|b^c"{}`<>',
    "/%20",
    "/%C3%BC",
  ])("leaves %s as it is", (path) => expect(canonicalPath(path)).toBe(path));

  test.each([
    ["/%61%2Db%7e%5F", "/a-b~_"],
    ["/%c3%bc%3f%2b", "/%C3%BC%3F%2B"],
    ["/%25%32%65", "/%252e"],
    ["/%252e%252e/x", "/%252e%252e/x"],
    ["//", "/"],
    ["//a///b//", "/a/b/"],
    ["/.", "/"],
    ["/./a/./b/.", "/a/b/"],
    ["/a/../b", "/b"],
    ["/a/..", "/"],
    ["/a/b/..", "/a/"],
    ["/a/b/../../c", "/c"],
    ["/a//../b", "/b"],
    ["/a/%2e%2E/b", "/b"],
    ["/a/.%2e/b/%2e/c", "/b/c"],
    ["/...", "/..."],
    ["/a/.../b", "/a/.../b"],
    ["/a/..b/.c", "/a/..b/.c"],
    ["/a%2fb", "/a%2Fb"],
    ["/a%5cb", "/a%5Cb"],
    ["/a;../b", "/a;../b"],
    ["/;x/a", "/;x/a"],
    ["/...;x", "/...;x"],
    ["/a..%2Fb", "/a..%2Fb"],
  ])("row 53: %s is %s", (rawPath, expected) => expect(canonicalPath(rawPath)).toBe(expected));

  test.each([
    ["/%zz", "/%zz"],
    ["/%", "/%"],
    ["/%4", "/%4"],
    ["/%g1%41", "/%g1A"],
    ["/%%34%31", "/%%341"],
    ["/%4%31", "/%4%31"],
    ["/%2%65%2e/x", "/%2%65./x"],
    ["/%%2e/x", "/%%2E/x"],
  ])("keeps what is no escape and never makes one of it: %s is %s", (rawPath, expected) => {
    expect(canonicalPath(rawPath)).toBe(expected);
  });

  test.each(["/..", "/../a", "/a/../..", "/a/../../b", "/%2e%2e", "/%2e./%2e%2e/etc/passwd", "/.//.."])(
    "row 53: refuses %s, which leaves the root",
    (rawPath) => expect(canonicalPath(rawPath)).toBeUndefined(),
  );

  test.each([
    "/..%2fa",
    "/..%5Ca",
    "/%2e%2e%2fa",
    "/a/..%2f..%2f..%2fb",
    "/public/..%2fadmin",
    "/public/x%2F..%5c..%2fadmin",
    "/x/..%2f..%2fy/../z",
    "/a%2F..",
    "/a/.%2f..%2fb",
  ])("row 53: refuses %s, which has dot segments if escaped separators separate", (rawPath) => {
    expect(canonicalPath(rawPath)).toBeUndefined();
  });

  test.each([
    "/..;/admin",
    "/public/..;x=1/admin",
    "/public/%2e%2e;x/admin",
    "/public/.;x/admin",
    "/public/a%2f..;x",
    "/a/..;",
  ])("row 53: refuses %s, which has dot segments if parameters are cut off", (rawPath) => {
    expect(canonicalPath(rawPath)).toBeUndefined();
  });

  test.each([
    "/a b",
    "/a#b",
    "/a\\b",
    "/\\..\\a",
    "/a\0",
    "/a\tb",
    "/a\r\nb",
    "/a\x7f",
    "/\x80",
    "/ü",
    "/\u{1f600}",
    "/a%00",
    "/%00",
    "/%41%00",
    "/a?b",
  ])("row 18: refuses %j", (rawPath) => expect(canonicalPath(rawPath)).toBeUndefined());

  test.each(["", "*", "a", "a/b", "http://a.test/", " /a"])(
    "refuses %j, which is no absolute path",
    (rawPath) => {
      expect(canonicalPath(rawPath)).toBeUndefined();
    },
  );
});

describe("matchesPrefix", () => {
  test.each([
    ["/api", "/api", true],
    ["/api/", "/api", true],
    ["/api/x", "/api", true],
    ["/apix", "/api", false],
    ["/api-x", "/api", false],
    ["/ap", "/api", false],
    ["/API/x", "/api", false],
    ["/api%2Fx", "/api", false],
    ["/api;x", "/api", false],
    ["/api/x", "/api/", true],
    ["/api", "/api/", false],
    ["/x", "/", true],
    ["/", "/", true],
    ["/x", "", true],
  ])("row 53: %s under %s: %p", (path, prefix, expected) =>
    expect(matchesPrefix(path, prefix)).toBe(expected),
  );
});

describe("hasDotSegment", () => {
  test.each([
    ["/a/./b", true],
    ["/a/..", true],
    ["..", true],
    ["/%2e%2E/x", true],
    ["/a%2f..", true],
    ["/a/..%5cb", true],
    ["/..;x", true],
    ["/a/\\..", true],
    ["", false],
    ["/", false],
    ["/a..b/...", false],
    ["/.well-known", false],
    ["/%2e%2e%2e", false],
    ["/a;..", false],
    ["/%252e%252e", false],
  ])("%s: %p", (text, expected) => expect(hasDotSegment(text)).toBe(expected));
});

describe("rewriteTarget", () => {
  function rewrite(target: string, stripPrefix: string, addPrefix: string): string | undefined {
    const queryAt = target.indexOf("?");
    const rawPath = queryAt < 0 ? target : target.slice(0, queryAt);
    const path = canonicalPath(rawPath);
    if (path === undefined) return undefined;
    const query = queryAt < 0 ? "" : target.slice(queryAt);
    return rewriteTarget({ target, path, query, stripPrefix, addPrefix });
  }

  test.each(["/a", "/a//b/../c?x=/../y", "/%61?", "/%zz"])(
    "row 26: without a rule %s stays as it is",
    (target) => {
      expect(rewrite(target, "", "")).toBe(target);
    },
  );

  test.each([
    ["/api", "/"],
    ["/api/", "/"],
    ["/api/x", "/x"],
    ["/api/x?q=1", "/x?q=1"],
    ["/api?q=/api/x", "/?q=/api/x"],
    ["/api/%61%2fb/%zz", "/%61%2fb/%zz"],
    ["/api/a//b", "/a//b"],
    ["/apix", "/apix"],
    ["/other", "/other"],
    ["/%61pi/%61x", "/ax"],
    ["//api/%61", "/a"],
    ["/x/../api/y", "/y"],
  ])("strips the prefix from the received bytes where it can: %s is %s", (target, expected) => {
    expect(rewrite(target, "/api", "")).toBe(expected);
  });

  test("row 57: a stripped prefix does not leave two slashes, which read as an authority", () => {
    expect(rewrite("/api//evil.test/x", "/api", "")).toBe("/evil.test/x");
    expect(rewrite("/api///", "/api", "")).toBe("/");
  });

  test.each([
    ["/x", "", "/v1", "/v1/x"],
    ["/", "", "/v1", "/v1/"],
    ["/x?q", "", "/v1/", "/v1/x?q"],
    ["/api", "/api", "/v1", "/v1"],
    ["/api/", "/api", "/v1", "/v1/"],
    ["/api/x", "/api/", "/v1", "/v1/x"],
    ["/api/x", "/api", "/api", "/api/x"],
    ["/x", "/", "", "/x"],
    ["/x", "/", "/v1", "/v1/x"],
  ])("%s with strip %p and add %p is %s", (target, stripPrefix, addPrefix, expected) => {
    expect(rewrite(target, stripPrefix, addPrefix)).toBe(expected);
  });

  test.each(["/api/../api/x", "/api/a/../b", "/api/./x", "/api/../other", "/api/a/%2e%2e/b"])(
    "row 53: %s gives a dot segment and is refused",
    (target) => expect(rewrite(target, "/api", "")).toBeUndefined(),
  );

  test("dots in the query are no dot segments", () => {
    expect(rewrite("/api/x?next=/../y", "/api", "")).toBe("/x?next=/../y");
  });

  test("a target that is no path cannot be rewritten", () => {
    expect(
      rewriteTarget({ target: "*", path: "/", query: "", stripPrefix: "/a", addPrefix: "" }),
    ).toBeUndefined();
  });
});
