/** The strict reading of flags and words. */

import { describe, expect, test } from "bun:test";
import { type FlagSpecs, readArgs } from "../../../src/cli/flags.ts";

const SPECS = {
  config: { kind: "value", value: "file", description: "" },
  target: { kind: "list", value: "endpoint", description: "" },
  lines: { kind: "value", short: "n", value: "number", description: "" },
  json: { kind: "switch", short: "j", description: "" },
  tls: { kind: "value", description: "", later: "TLS listeners are" },
} as const satisfies FlagSpecs;

const WORDS = [{ name: "URL", description: "what to ask for", required: false }];

function read(...args: readonly string[]) {
  return readArgs(args, SPECS, WORDS);
}

function messageOf(...args: readonly string[]): string {
  const result = read(...args);
  return result.ok ? "accepted" : result.error.message;
}

describe("readArgs", () => {
  test("gives every flag a property, given or not", () => {
    expect(read()).toEqual({
      ok: true,
      value: {
        flags: { config: undefined, target: [], lines: undefined, json: false, tls: undefined },
        words: [],
      },
    });
  });

  test("keeps every value of a repeated list in order", () => {
    const result = read("--target", "a", "word", "--target=b", "--json", "--target", "c");
    expect(result.ok && result.value.flags.target).toEqual(["a", "b", "c"]);
    expect(result.ok && result.value.words).toEqual(["word"]);
  });

  test.each([
    [["-n", "5"], "5"],
    [["-n5"], "5"],
    [["-jn", "5"], "5"],
    [["--lines=5"], "5"],
    [["--lines=-5"], "-5"],
    [["--lines", "-"], "-"],
  ])("reads the value of %p", (args, lines) => {
    const result = read(...args);
    expect(result.ok && result.value.flags.lines).toBe(lines);
  });

  test("takes everything after -- for words", () => {
    const result = read("--", "--json");
    expect(result.ok && result.value).toMatchObject({ words: ["--json"], flags: { json: false } });
  });

  test.each([
    [["--confg", "x"], 'Unknown flag "--confg"'],
    [["-x"], 'Unknown flag "-x"'],
    [["--no-json"], 'Unknown flag "--no-json"'],
    [["--constructor"], 'Unknown flag "--constructor"'],
    [["--__proto__=x"], 'Unknown flag "--__proto__"'],
    [["--json=yes"], "--json takes no value"],
    [["--config"], "--config has no value"],
    [["--config", "--json"], "--config has no value"],
    [["--config="], "--config has an empty value"],
    [["--target", ""], "--target has an empty value"],
    [["--config", "a", "--config", "b"], "--config may be given only once"],
    [["a", "b"], 'Unexpected argument "b"'],
    [["--tls", "auto"], "--tls: TLS listeners are not available in this version"],
    [["--tls"], "--tls: TLS listeners are not available in this version"],
    [Array.from({ length: 1_001 }, () => "x"), "More than 1000 arguments"],
  ])("refuses %p", (args, message) => {
    expect(messageOf(...args)).toBe(message);
  });

  test("suggests the flag that was meant, but none that is not there yet", () => {
    const near = read("--jsn");
    expect(near.ok ? undefined : near.error.hint).toBe('Did you mean "--json"?');
    const later = read("--tl");
    expect(later.ok ? undefined : later.error.hint).toBeUndefined();
  });

  test("names what is missing", () => {
    const specs = { host: { kind: "value", value: "host", required: true, description: "" } } as const;
    const flag = readArgs([], specs, []);
    expect(flag.ok ? undefined : flag.error.message).toBe("--host is missing");
    const word = readArgs([], {}, [{ name: "URL", description: "an address", required: true }]);
    expect(word.ok ? undefined : word.error).toEqual({ message: "URL is missing", hint: "an address" });
  });
});
