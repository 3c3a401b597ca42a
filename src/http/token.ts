/** The lexical rules of header fields: tokens, lists and values (RFC 9110 5.5, 5.6). */

const TOKEN_CHARACTERS = tokenCharacters();

/** True for a field name, method or option (RFC 9110 5.6.2). */
export function isToken(text: string): boolean {
  if (text.length === 0) return false;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 127 || TOKEN_CHARACTERS[code] === 0) return false;
  }
  return true;
}

/**
 * True if the text may stand in a header field. CTLs other than HTAB would split the message; characters
 * over U+00FF would be cut to one byte on the wire, where U+010A becomes a line feed.
 */
export function isFieldValue(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if ((code < 0x20 && code !== 0x09) || code === 0x7f || code > 0xff) return false;
  }
  return true;
}

/** Removes spaces and tabs at both ends; String.trim would also remove characters that are not OWS. */
export function trimOws(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isOws(text.charCodeAt(start))) start += 1;
  while (end > start && isOws(text.charCodeAt(end - 1))) end -= 1;
  return start === 0 && end === text.length ? text : text.slice(start, end);
}

/** True if a comma list of tokens has this one. `lowerToken` must be lower case. */
export function listHasToken(value: string, lowerToken: string): boolean {
  if (value === lowerToken) return true;
  if (value.length < lowerToken.length) return false;
  return value.split(",").some((element) => trimOws(element).toLowerCase() === lowerToken);
}

function isOws(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

function tokenCharacters(): Uint8Array {
  const table = new Uint8Array(128);
  table.fill(1, 0x21, 0x7f);
  for (const delimiter of '"(),/:;<=>?@[\\]{}') table[delimiter.charCodeAt(0)] = 0;
  return table;
}
