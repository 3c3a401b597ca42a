/** Reads HTTP/1.1 messages off a byte stream: strict and independent of the parsers under test. */

export interface Message {
  /** Request line or status line. */
  readonly startLine: string;
  /** Everything before the body, as latin1. */
  readonly head: string;
  /** As sent: names keep their case, order and repetitions. */
  readonly fields: readonly (readonly [name: string, value: string])[];
  readonly body: Buffer;
  readonly framing: "none" | "length" | "chunked" | "close";
  /** Sizes of the chunks, if chunked. */
  readonly chunks: readonly number[];
  /** False if the connection ended inside the body. */
  readonly complete: boolean;
}

export interface Unread {
  bytes: Buffer;
  /** The peer sends no more. */
  ended: boolean;
}

export function fieldsOf(message: Pick<Message, "fields">, name: string): string[] {
  return message.fields.filter(([key]) => key.toLowerCase() === name).map(([, value]) => value);
}

export function fieldOf(message: Pick<Message, "fields">, name: string): string | undefined {
  return fieldsOf(message, name)[0];
}

/** Takes one message off `unread`; undefined if it is not complete yet. `kind` is "request" or the request's method. */
export function readMessage(unread: Unread, kind: string): Message | undefined {
  const headEnd = unread.bytes.indexOf("\r\n\r\n");
  if (headEnd < 0) return undefined;
  const head = unread.bytes.toString("latin1", 0, headEnd + 4);
  const [startLine = "", ...lines] = head.slice(0, -4).split("\r\n");
  const fields = lines.map((line) => toField(line));
  const body = readBody(unread, headEnd + 4, { startLine, fields, kind });
  return body === undefined ? undefined : { startLine, head, fields, ...body };
}

function toField(line: string): readonly [string, string] {
  const colon = line.indexOf(":");
  if (colon <= 0) throw new Error(`Not a field line: ${JSON.stringify(line)}`);
  return [line.slice(0, colon), line.slice(colon + 1).trim()];
}

type Body = Pick<Message, "body" | "framing" | "chunks" | "complete">;

interface Start {
  readonly startLine: string;
  readonly fields: Message["fields"];
  readonly kind: string;
}

function readBody(unread: Unread, from: number, start: Start): Body | undefined {
  const framing = framingOf(start);
  const { bytes } = unread;
  const take = (body: Buffer, end: number, chunks: readonly number[], complete: boolean): Body => {
    unread.bytes = bytes.subarray(end);
    return { body: Buffer.from(body), framing, chunks, complete };
  };
  switch (framing) {
    case "none":
      return take(Buffer.alloc(0), from, [], true);
    case "length": {
      const end = from + Number(fieldOf(start, "content-length"));
      if (bytes.length >= end) return take(bytes.subarray(from, end), end, [], true);
      return unread.ended ? take(bytes.subarray(from), bytes.length, [], false) : undefined;
    }
    case "close":
      return unread.ended ? take(bytes.subarray(from), bytes.length, [], true) : undefined;
    case "chunked": {
      const read = readChunks(bytes, from);
      if (!read.complete && !unread.ended) return undefined;
      return take(
        Buffer.concat(read.pieces),
        read.complete ? read.end : bytes.length,
        read.sizes,
        read.complete,
      );
    }
  }
}

function framingOf({ startLine, fields, kind }: Start): Message["framing"] {
  const isRequest = kind === "request";
  const status = Number(startLine.split(" ")[1]);
  if (!isRequest && (kind === "HEAD" || status < 200 || status === 204 || status === 304)) return "none";
  const coding = fieldOf({ fields }, "transfer-encoding");
  if (coding !== undefined) {
    if (coding !== "chunked") throw new Error(`Transfer-Encoding: ${coding}`);
    return "chunked";
  }
  if (fieldOf({ fields }, "content-length") !== undefined) return "length";
  return isRequest ? "none" : "close";
}

function readChunks(bytes: Buffer, from: number) {
  const pieces: Buffer[] = [];
  const sizes: number[] = [];
  let at = from;
  for (;;) {
    const lineEnd = bytes.indexOf("\r\n", at);
    if (lineEnd < 0) return { pieces, sizes, complete: false, end: at };
    const line = bytes.toString("latin1", at, lineEnd);
    if (!/^[0-9a-fA-F]+$/.test(line)) throw new Error(`Not a chunk size: ${JSON.stringify(line)}`);
    const size = Number.parseInt(line, 16);
    const dataAt = lineEnd + 2;
    const end = dataAt + size + 2;
    if (bytes.length < end) {
      pieces.push(bytes.subarray(dataAt, Math.min(bytes.length, dataAt + size)));
      return { pieces, sizes, complete: false, end: at };
    }
    if (bytes.toString("latin1", end - 2, end) !== "\r\n") throw new Error("No CRLF after chunk data");
    if (size === 0) return { pieces, sizes, complete: true, end };
    sizes.push(size);
    pieces.push(bytes.subarray(dataAt, dataAt + size));
    at = end;
  }
}
