/** The smallest tokens of TOML by offset: blanks, comments, key paths and the ends of strings and scalars. */

const TAB = 0x09;
const NEWLINE = 0x0a;
const RETURN = 0x0d;
const SPACE = 0x20;
const QUOTE = 0x22;
const HASH = 0x23;
const APOSTROPHE = 0x27;
const COMMA = 0x2c;
const DOT = 0x2e;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const CLOSE_BRACE = 0x7d;

export interface ScannedKeys {
  readonly keys: string[];
  /** Offset of the first character behind the keys and blanks. */
  readonly end: number;
}

/** Spaces and tabs. */
export function skipLineBlank(text: string, start: number): number {
  let at = start;
  for (;;) {
    const code = text.charCodeAt(at);
    if (code !== SPACE && code !== TAB) return at;
    at += 1;
  }
}

/** Spaces, tabs, line ends and comments. */
export function skipBlank(text: string, start: number): number {
  let at = start;
  for (;;) {
    const code = text.charCodeAt(at);
    if (code === HASH) at = lineEnd(text, at);
    else if (code === SPACE || code === TAB || code === NEWLINE || code === RETURN) at += 1;
    else return at;
  }
}

/** The start of the next line. */
export function skipToNextLine(text: string, start: number): number {
  return Math.min(lineEnd(text, start) + 1, text.length);
}

/** `a."b c".'d'` with blanks around the dots. */
export function scanKeyPath(text: string, start: number): ScannedKeys | undefined {
  const keys: string[] = [];
  let at = start;
  for (;;) {
    at = skipLineBlank(text, at);
    const end = keyEnd(text, at);
    if (end === undefined) return undefined;
    keys.push(decodeKey(text.slice(at, end)));
    at = skipLineBlank(text, end);
    if (text.charCodeAt(at) !== DOT) return { keys, end: at };
    at += 1;
  }
}

/** The offset behind a string, number, boolean or date. */
export function scanValueEnd(text: string, start: number): number | undefined {
  const code = text.charCodeAt(start);
  if (code === QUOTE || code === APOSTROPHE) {
    const quote = text.charAt(start);
    return text.startsWith(quote.repeat(3), start)
      ? longStringEnd(text, start + 3, quote.repeat(3))
      : shortStringEnd(text, start + 1, code);
  }
  let at = start;
  while (at < text.length && !isScalarEnd(text.charCodeAt(at))) at += 1;
  return at === start ? undefined : at;
}

/** A blank does not end a scalar: it may stand between a date and its time. */
function isScalarEnd(code: number): boolean {
  return (
    code === COMMA ||
    code === CLOSE_BRACKET ||
    code === CLOSE_BRACE ||
    code === HASH ||
    code === NEWLINE ||
    code === RETURN
  );
}

function lineEnd(text: string, start: number): number {
  const at = text.indexOf("\n", start);
  return at === -1 ? text.length : at;
}

function keyEnd(text: string, start: number): number | undefined {
  const code = text.charCodeAt(start);
  if (code === QUOTE || code === APOSTROPHE) return shortStringEnd(text, start + 1, code);
  let at = start;
  while (isBareKeyCode(text.charCodeAt(at))) at += 1;
  return at === start ? undefined : at;
}

function isBareKeyCode(code: number): boolean {
  return (
    (code >= 0x61 && code <= 0x7a) ||
    (code >= 0x41 && code <= 0x5a) ||
    (code >= 0x30 && code <= 0x39) ||
    code === 0x5f ||
    code === 0x2d
  );
}

function shortStringEnd(text: string, start: number, quote: number): number | undefined {
  for (let at = start; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === quote) return at + 1;
    if (code === NEWLINE) return undefined;
    if (code === BACKSLASH && quote === QUOTE) at += 1;
  }
  return undefined;
}

function longStringEnd(text: string, start: number, quotes: string): number | undefined {
  const quote = quotes.charCodeAt(0);
  for (let at = start; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === BACKSLASH && quote === QUOTE) at += 1;
    else if (code === quote && text.startsWith(quotes, at)) {
      // Up to two more quotes belong to the string.
      let end = at + 3;
      while (end < at + 5 && text.charCodeAt(end) === quote) end += 1;
      return end;
    }
  }
  return undefined;
}

const ESCAPES: Readonly<Record<string, string>> = {
  b: "\b",
  t: "\t",
  n: "\n",
  f: "\f",
  r: "\r",
  '"': '"',
  "\\": "\\",
};

function decodeKey(token: string): string {
  if (token.startsWith("'")) return token.slice(1, -1);
  if (!token.startsWith('"')) return token;
  return token
    .slice(1, -1)
    .replace(/\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))/g, (whole, short, long, char) => {
      const hex: string | undefined = short ?? long;
      if (hex === undefined) return ESCAPES[char] ?? whole;
      const point = Number.parseInt(hex, 16);
      return point <= 0x10ffff ? String.fromCodePoint(point) : whole;
    });
}
