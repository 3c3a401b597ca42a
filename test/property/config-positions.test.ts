import fc from "fast-check";
import { describe, expect, test } from "bun:test";
import { type PositionNode, scanPositions } from "../../src/config/positions.ts";
import { parseToml } from "../../src/config/toml.ts";
import { scanValueEnd } from "../../src/config/toml-scan.ts";

const lineText = fc.string({
  unit: fc.constantFrom("a", "Z", "0", " ", "#", "=", "[", "]", "{", "}", ",", ".", "é", "😀", "-"),
  maxLength: 8,
});

const basic = lineText.map((text) => JSON.stringify(text));
const escaped = lineText.map((text) => `"${text}\\"\\\\\\n\\u00e9"`);
const literal = lineText.map((text) => `'${text}\\'`);
const longBasic = fc
  .tuple(lineText, lineText, fc.nat(2))
  .map(([a, b, quotes]) => `"""\n${a}""${b}\\"""" \\\n  ${"x"}${'"'.repeat(quotes)}"""`);
const longLiteral = fc
  .tuple(lineText, fc.nat(2))
  .map(([a, quotes]) => `'''${a}\n''\n${a}x${"'".repeat(quotes)}'''`);
const scalar = fc.oneof(
  basic,
  escaped,
  literal,
  longBasic,
  longLiteral,
  fc.constantFrom("1", "-17", "0xff", "1_000", "1.5", "6e-3", "true", "false", "inf", "2020-01-01"),
  fc.constantFrom("1979-05-27T07:32:00Z", "1979-05-27 07:32:00Z", "99999999999999999999", "''", '""'),
);

const blank = fc.constantFrom("", " ", "\t", "  \t ");
const anyBlank = fc.oneof(blank, fc.constantFrom("\n", " # , ] comment\n", "\r\n  "));

const { value } = fc.letrec<{ value: string; list: string; inline: string }>((tie) => ({
  value: fc.oneof({ depthSize: "small", withCrossShrink: true }, scalar, tie("list"), tie("inline")),
  list: fc
    .tuple(fc.array(fc.tuple(anyBlank, tie("value"), anyBlank), { maxLength: 4 }), fc.boolean(), anyBlank)
    .map(([items, trailing, inner]) => {
      const body = items.map(([before, item, after]) => before + item + after).join(",");
      return `[${body}${trailing && items.length > 0 ? "," : ""}${inner}]`;
    }),
  inline: fc
    .array(fc.tuple(blank, tie("value"), blank), { maxLength: 3 })
    .map(
      (items) => `{${items.map(([a, item, b], index) => `${a}${keyOf(index)}${b}= ${item}${a}`).join(",")}}`,
    ),
}));

/** Unique by its number, spelled in every way a key can be. */
function keyOf(index: number): string {
  const spellings = [
    `k${index}`,
    `"k ${index}"`,
    `'k.${index}'`,
    `a${index} . b`,
    `"\\u006b\\"${index}"`,
    `${index}`,
  ];
  return spellings[index % spellings.length] ?? "k";
}

const HEADERS = [
  "[t]",
  "[ t . u ]",
  '["quoted ] #"]',
  "[[routes]]",
  "[[routes.middleware]]",
  "[routes.middleware.request]",
  "[routes.loadbalance]",
  "[[ routes . backends ]] # comment ]",
  "[x.y.z]",
];

const statement = fc.oneof(
  { weight: 3, arbitrary: fc.tuple(blank, value, blank).map(([a, item, b]) => ({ a, item, b })) },
  { weight: 1, arbitrary: fc.constantFrom(...HEADERS).map((header) => ({ header })) },
  {
    weight: 1,
    arbitrary: fc.constantFrom("", "# comment = [ \" '", "   ", "\t# x").map((noise) => ({ noise })),
  },
);

const document = fc
  .tuple(fc.array(statement, { maxLength: 24 }), fc.constantFrom("\n", "\r\n"), fc.boolean())
  .map(([statements, newline, ends]) => {
    const lines = statements.map((part, index) => {
      if ("header" in part) return part.header;
      return "noise" in part
        ? part.noise
        : `${part.a}${keyOf(index)}${part.a}=${part.b}${part.item}${part.b}`;
    });
    return lines.join(newline) + (ends ? newline : "");
  });

describe("scanPositions", () => {
  test("every value of a parsed document has a position, and the text there reads as that value", () => {
    let parsed = 0;
    fc.assert(
      fc.property(document, (text) => {
        const tree = parseToml(text);
        fc.pre(tree.ok);
        parsed += 1;
        compare(tree.ok ? tree.value : {}, scanPositions(text).root, text, "");
      }),
      { numRuns: 1500 },
    );
    expect(parsed).toBeGreaterThanOrEqual(1500);
  });

  test("never throws, whatever the text", () => {
    const pieces = fc.constantFrom(
      "[",
      "]",
      "[[",
      "{",
      "}",
      '"',
      "'",
      '"""',
      "'''",
      "\\",
      "=",
      ".",
      ",",
      "#",
      "\n",
      "a",
      " ",
      "é",
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.array(pieces).map((parts) => parts.join("")),
          fc.string({ unit: "binary" }),
        ),
        (text) => {
          expect(scanPositions(text).lineStarts[0]).toBe(0);
        },
      ),
      { numRuns: 3000 },
    );
  });
});

function compare(value: unknown, node: PositionNode | undefined, text: string, path: string): void {
  if (node === undefined) throw new Error(`no position for ${path} in ${JSON.stringify(text)}`);
  if (Array.isArray(value)) {
    expect(node.items?.length).toBe(value.length);
    for (const [index, item] of value.entries())
      compare(item, node.items?.[index], text, `${path}[${index}]`);
  } else if (typeof value === "object" && value !== null && !(value instanceof Date)) {
    expect([...(node.table?.keys() ?? [])].sort()).toEqual(Object.keys(value).sort());
    for (const [key, item] of Object.entries(value))
      compare(item, node.table?.get(key), text, `${path}.${key}`);
  } else {
    const end = scanValueEnd(text, node.value);
    const again = parseToml(`v = ${text.slice(node.value, end)}`);
    if (!again.ok) throw new Error(`the text at ${path} is no value: ${text.slice(node.value, end)}`);
    expect(again.value).toEqual({ v: value });
  }
}
