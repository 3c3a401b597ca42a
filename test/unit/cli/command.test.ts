/** Finding a command by its words, and its help. */

import { describe, expect, test } from "bun:test";
import { findCommand, type Group, renderHelp } from "../../../src/cli/command.ts";
import { commands } from "../../../src/cli/commands.ts";
import { defineVerb } from "../../../src/cli/verb.ts";

const say = defineVerb({
  summary: "Say something",
  flags: {
    loud: { kind: "switch", short: "l", description: "Louder" },
    to: { kind: "list", value: "name", description: "To whom" },
    later: { kind: "switch", description: "", later: "it is" },
  },
  words: [{ name: "TEXT", description: "What to say", required: true }],
  examples: ["talk say hello"],
  run: () => Promise.resolve(7),
});

const root: Group = {
  summary: "A program",
  children: {
    talk: {
      kind: "group",
      group: {
        summary: "Talking",
        children: { say: { kind: "verb", summary: "Say something", load: () => Promise.resolve(say) } },
      },
    },
  },
};

async function failureOf(...args: readonly string[]) {
  const found = await findCommand("prog", root, args);
  return found.ok ? undefined : found.error;
}

describe("findCommand", () => {
  test("walks down to the verb and leaves the rest to it", async () => {
    const found = await findCommand("prog", root, ["talk", "say", "--loud", "hello"]);
    expect(found.ok && found.value).toMatchObject({ name: "talk say", verb: say, args: ["--loud", "hello"] });
  });

  test("ends at a group that is named alone or asked for help", async () => {
    for (const args of [["talk"], ["talk", "--help"], ["talk", "-h", "say"]]) {
      const found = await findCommand("prog", root, args);
      expect(found.ok && found.value).toMatchObject({ name: "talk", verb: undefined });
    }
  });

  test("suggests the command that was meant", async () => {
    expect(await failureOf("tlak")).toMatchObject({
      exitCode: 1,
      message: 'Unknown command "tlak"',
      hint: 'Did you mean "talk"?',
    });
    expect((await failureOf("talk", "sya"))?.hint).toBe('Did you mean "talk say"?');
    expect((await failureOf("talk", "whisper"))?.hint).toBe("See: prog talk --help");
  });

  test("knows no command by the name of an inherited property", async () => {
    expect((await failureOf("constructor"))?.message).toBe('Unknown command "constructor"');
    expect((await failureOf("talk", "toString"))?.message).toBe('Unknown command "talk toString"');
  });

  test("refuses flags before the command", async () => {
    expect((await failureOf("--loud", "talk"))?.message).toBe('Unknown flag "--loud"');
  });
});

describe("renderHelp", () => {
  test("shows flags, words and examples, and nothing that is not there yet", async () => {
    const found = await findCommand("prog", root, ["talk", "say"]);
    if (!found.ok) throw new Error(found.error.message);
    const text = await renderHelp(found.value, "prog", false);
    expect(text).toStartWith("Say something (prog talk say)");
    expect(text).toContain("<TEXT>");
    expect(text).toMatch(/-l, --loud +Louder/);
    expect(text).toMatch(/--to=<name> +To whom \(repeatable\)/);
    expect(text).toContain("  prog talk say hello");
    expect(text).not.toContain("later");
    expect(text).not.toContain("\u001b");
    expect(text).not.toMatch(/[ \t]$/m);
  });
});

describe("commands", () => {
  async function collect(group: Group, names: readonly string[]): Promise<string[]> {
    const found: string[] = [];
    for (const [name, entry] of Object.entries(group.children)) {
      if (entry.kind === "group") found.push(...(await collect(entry.group, [...names, name])));
      else {
        expect((await entry.load()).summary.length).toBeGreaterThan(5);
        found.push([...names, name].join(" "));
      }
    }
    return found;
  }

  test("all load", async () => {
    expect(await collect(commands, [])).toEqual([
      "proxy start",
      "proxy stop",
      "proxy reload",
      "proxy status",
      "proxy logs",
      "proxy route add",
      "proxy route list",
      "proxy route remove",
      "proxy validate",
      "proxy explain",
      "demo",
      "version",
    ]);
  });
});
