/** Responses for property tests and the fuzzer: valid ones built from parts, and what becomes of one under mutation. */

/** A small seeded generator (xorshift), so that a run can be repeated. */
export function createSeededRandom(seed: number): () => number {
  let state = seed | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

export interface ResponseParts {
  readonly status: number;
  readonly fields: readonly (readonly [string, string])[];
  readonly body: string;
  readonly framing: "length" | "chunked" | "close";
  /** Sizes the body is cut into, if chunked. */
  readonly chunks: readonly number[];
  readonly informational: number;
}

export function formatResponse({
  status,
  fields,
  body,
  framing,
  chunks,
  informational,
}: ResponseParts): string {
  const lines = fields.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  const early = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n".repeat(informational);
  const start = `${early}HTTP/1.1 ${status} Reason\r\n${lines}`;
  switch (framing) {
    case "length":
      return `${start}Content-Length: ${body.length}\r\n\r\n${body}`;
    case "close":
      return `${start}\r\n${body}`;
    case "chunked":
      return `${start}Transfer-Encoding: chunked\r\n\r\n${toChunks(body, chunks)}`;
  }
}

function toChunks(body: string, sizes: readonly number[]): string {
  let text = "";
  let at = 0;
  for (const size of [...sizes, body.length]) {
    const piece = body.slice(at, at + Math.max(1, size));
    if (piece === "") break;
    text += `${piece.length.toString(16)}\r\n${piece}\r\n`;
    at += piece.length;
  }
  return `${text}0\r\n\r\n`;
}

/** Bytes that parsers stumble over. */
const INTERESTING = [
  "\r",
  "\n",
  "\r\n",
  "\0",
  " ",
  "\t",
  ":",
  ",",
  "0",
  "f",
  "-",
  "+",
  "\x7f",
  "\xff",
  "chunked",
  "HTTP/1.1 ",
];

/** One to four small damages. */
export function mutate(bytes: Buffer, random: () => number): Buffer {
  let text = bytes.toString("latin1");
  const times = 1 + Math.floor(random() * 4);
  for (let i = 0; i < times; i++) {
    const at = Math.floor(random() * (text.length + 1));
    const length = Math.floor(random() * 8);
    const insert = INTERESTING[Math.floor(random() * INTERESTING.length)] ?? "";
    switch (Math.floor(random() * 4)) {
      case 0:
        text = text.slice(0, at) + insert + text.slice(at);
        break;
      case 1:
        text = text.slice(0, at) + text.slice(at + length);
        break;
      case 2:
        text = text.slice(0, at) + insert + text.slice(at + insert.length);
        break;
      default:
        text = text.slice(0, at) + text.slice(Math.max(0, at - length)) + text.slice(at);
    }
  }
  return Buffer.from(text, "latin1");
}

/** Cuts at random places. */
export function splitAtRandom(bytes: Buffer, random: () => number): Buffer[] {
  const pieces: Buffer[] = [];
  let at = 0;
  while (at < bytes.length) {
    const size = random() < 0.3 ? 1 : 1 + Math.floor(random() * 40);
    pieces.push(bytes.subarray(at, at + size));
    at += size;
  }
  return pieces;
}
