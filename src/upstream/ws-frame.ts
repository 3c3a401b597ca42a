/** Parses the WebSocket frames a server sends (RFC 6455 section 5), strictly and in any pieces they arrive in. */

export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** Longest control payload (RFC 6455 5.5). */
export const CONTROL_BYTES_MAX = 125;

export const WEBSOCKET_MESSAGE_BYTES_MAX = 16 * 1024 * 1024;

/** Longest header of a frame without a mask: two bytes and a 64-bit length. */
const HEADER_BYTES_MAX = 10;

/** A declared length is believed only up to here; beyond, memory follows the bytes that really came. */
const TRUSTED_ALLOCATION_BYTES = 64 * 1024;

export interface FrameError {
  /** The status the failed connection is closed with (RFC 6455 7.4.1). */
  readonly code: 1002 | 1007 | 1009;
  readonly detail: string;
}

export interface FrameEvents {
  /**
   * A whole message, fragments joined. Bytes may be part of the chunk that was pushed, so they are only
   * good during the call. False stops the parser behind this message.
   */
  onMessage(data: string | Uint8Array): boolean;
  onPing(payload: Uint8Array): void;
  onPong(payload: Uint8Array): void;
  /** The code is undefined if the frame had none. Nothing is parsed after it. */
  onClose(code: number | undefined, reason: string): void;
  /** Nothing is parsed after it. */
  onError(error: FrameError): void;
}

export interface FrameParser {
  readonly maxMessageBytes: number;
  /** Header bytes that came so far, if a chunk ended inside a header. */
  header: Uint8Array | undefined;
  headerSize: number;
  /** The frame whose payload is being read. */
  inPayload: boolean;
  opcode: number;
  final: boolean;
  remaining: number;
  /** Opcode of the message whose fragments are being joined, 0 between messages. */
  messageOpcode: number;
  message: Uint8Array | undefined;
  messageSize: number;
  control: Uint8Array | undefined;
  controlSize: number;
  ended: boolean;
}

export function createFrameParser(limits: { readonly maxMessageBytes: number }): FrameParser {
  return {
    maxMessageBytes: limits.maxMessageBytes,
    header: undefined,
    headerSize: 0,
    inPayload: false,
    opcode: 0,
    final: false,
    remaining: 0,
    messageOpcode: 0,
    message: undefined,
    messageSize: 0,
    control: undefined,
    controlSize: 0,
    ended: false,
  };
}

/**
 * Parses one chunk and returns how many of its bytes were taken: all of them, unless `onMessage` said
 * stop; the rest must be pushed again later. After a close frame or an error everything is swallowed.
 */
export function pushChunk(parser: FrameParser, chunk: Uint8Array, events: FrameEvents): number {
  let offset = 0;
  while (!parser.ended && offset < chunk.length) {
    if (!parser.inPayload) {
      offset = readHeader(parser, chunk, offset, events);
      if (!parser.inPayload) continue;
    }
    const size = Math.min(parser.remaining, chunk.length - offset);
    if (size === 0 && parser.remaining > 0) break;
    const piece = chunk.subarray(offset, offset + size);
    offset += size;
    parser.remaining -= size;
    if (parser.opcode >= OPCODE.close) takeControl(parser, piece, events);
    else if (!takeData(parser, piece, events)) return offset;
  }
  return parser.ended ? chunk.length : offset;
}

/** A status that may stand in a close frame (RFC 6455 7.4 and the IANA registry up to 1014). */
export function isCloseCode(code: number): boolean {
  if (code >= 3000) return code <= 4999;
  return code >= 1000 && code <= 1014 && (code < 1004 || code > 1006);
}

function readHeader(parser: FrameParser, chunk: Uint8Array, offset: number, events: FrameEvents): number {
  if (parser.headerSize === 0 && offset + 1 < chunk.length) {
    const end = offset + headerLength(chunk[offset + 1] ?? 0);
    if (end <= chunk.length) {
      startFrame(parser, chunk, offset, events);
      return end;
    }
  }
  parser.header ??= new Uint8Array(HEADER_BYTES_MAX);
  let at = offset;
  while (at < chunk.length) {
    parser.header[parser.headerSize++] = chunk[at++] ?? 0;
    if (parser.headerSize < 2 || parser.headerSize < headerLength(parser.header[1] ?? 0)) continue;
    parser.headerSize = 0;
    startFrame(parser, parser.header, 0, events);
    return at;
  }
  return at;
}

function headerLength(secondByte: number): number {
  const length = secondByte & 0x7f;
  return length < 126 ? 2 : length === 126 ? 4 : HEADER_BYTES_MAX;
}

function startFrame(parser: FrameParser, bytes: Uint8Array, at: number, events: FrameEvents): void {
  const first = bytes[at] ?? 0;
  const second = bytes[at + 1] ?? 0;
  const length = payloadLength(bytes, at, second & 0x7f);
  parser.opcode = first & 0x0f;
  parser.final = (first & 0x80) !== 0;
  parser.remaining = length;
  const problem = findProblem(parser, first, second);
  if (problem !== undefined) {
    fail(parser, events, 1002, problem);
  } else if (parser.opcode < OPCODE.close && parser.messageSize + length > parser.maxMessageBytes) {
    fail(parser, events, 1009, `message longer than ${parser.maxMessageBytes} bytes`);
  } else {
    parser.inPayload = true;
    if (parser.opcode === OPCODE.text || parser.opcode === OPCODE.binary)
      parser.messageOpcode = parser.opcode;
  }
}

/** -1 if the length is not minimal or has its highest bit set (RFC 6455 5.2). */
function payloadLength(bytes: Uint8Array, at: number, short: number): number {
  if (short < 126) return short;
  if (short === 126) {
    const length = readUint(bytes, at + 2, 2);
    return length < 126 ? -1 : length;
  }
  const high = readUint(bytes, at + 2, 4);
  const length = high * 0x1_0000_0000 + readUint(bytes, at + 6, 4);
  return high > 0x7fff_ffff || length < 0x1_0000 ? -1 : length;
}

function readUint(bytes: Uint8Array, at: number, size: number): number {
  let value = 0;
  for (let i = at; i < at + size; i++) value = value * 256 + (bytes[i] ?? 0);
  return value;
}

function findProblem(parser: FrameParser, first: number, second: number): string | undefined {
  const { opcode } = parser;
  // Extensions are never negotiated, so a set bit has no meaning (RFC 6455 5.2).
  if ((first & 0x70) !== 0) return "reserved bit set";
  if ((second & 0x80) !== 0) return "masked frame from a server";
  if (parser.remaining < 0) return "length not in its shortest form";
  if (opcode >= OPCODE.close) {
    if (opcode > OPCODE.pong) return "unknown opcode";
    if (!parser.final) return "fragmented control frame";
    return parser.remaining > CONTROL_BYTES_MAX ? "control frame too long" : undefined;
  }
  if (opcode > OPCODE.binary) return "unknown opcode";
  const isContinuation = opcode === OPCODE.continuation;
  if (isContinuation && parser.messageOpcode === 0) return "continuation without a message";
  if (!isContinuation && parser.messageOpcode !== 0) return "new message inside a fragmented one";
  return undefined;
}

function takeData(parser: FrameParser, piece: Uint8Array, events: FrameEvents): boolean {
  const frameEnds = parser.remaining === 0;
  if (frameEnds) parser.inPayload = false;
  if (frameEnds && parser.final) {
    // The common case, a message in one frame in one chunk, is handed on without a copy.
    if (parser.messageSize === 0) return deliver(parser, piece, events);
    append(parser, piece);
    return deliver(parser, parser.message?.subarray(0, parser.messageSize) ?? piece, events);
  }
  if (piece.length > 0) append(parser, piece);
  return true;
}

function append(parser: FrameParser, piece: Uint8Array): void {
  const size = parser.messageSize + piece.length;
  const capacity = parser.message?.length ?? 0;
  if (size > capacity) {
    // Doubling keeps the copying linear however small the pieces are.
    const expected = size + parser.remaining;
    const wanted = Math.min(expected, Math.max(TRUSTED_ALLOCATION_BYTES, capacity * 2));
    const grown = new Uint8Array(Math.max(size, wanted, Math.min(capacity * 2, parser.maxMessageBytes)));
    if (parser.message !== undefined) grown.set(parser.message.subarray(0, parser.messageSize));
    parser.message = grown;
  }
  parser.message?.set(piece, parser.messageSize);
  parser.messageSize = size;
}

function deliver(parser: FrameParser, bytes: Uint8Array, events: FrameEvents): boolean {
  const isText = parser.messageOpcode === OPCODE.text;
  parser.messageOpcode = 0;
  parser.message = undefined;
  parser.messageSize = 0;
  if (!isText) return events.onMessage(bytes);
  const text = decodeText(bytes);
  if (text !== undefined) return events.onMessage(text);
  fail(parser, events, 1007, "text message is not UTF-8");
  return true;
}

function takeControl(parser: FrameParser, piece: Uint8Array, events: FrameEvents): void {
  let payload = piece;
  if (parser.remaining > 0 || parser.controlSize > 0) {
    parser.control ??= new Uint8Array(CONTROL_BYTES_MAX);
    parser.control.set(piece, parser.controlSize);
    parser.controlSize += piece.length;
    if (parser.remaining > 0) return;
    payload = parser.control.subarray(0, parser.controlSize);
  }
  parser.inPayload = false;
  parser.control = undefined;
  parser.controlSize = 0;
  if (parser.opcode === OPCODE.ping) events.onPing(payload);
  else if (parser.opcode === OPCODE.pong) events.onPong(payload);
  else takeClose(parser, payload, events);
}

function takeClose(parser: FrameParser, payload: Uint8Array, events: FrameEvents): void {
  const code = payload.length === 0 ? undefined : readUint(payload, 0, 2);
  const reason = decodeText(payload.subarray(2));
  if (payload.length === 1 || (code !== undefined && !isCloseCode(code))) {
    fail(parser, events, 1002, "invalid close code");
  } else if (reason === undefined) {
    fail(parser, events, 1007, "close reason is not UTF-8");
  } else {
    parser.ended = true;
    events.onClose(code, reason);
  }
}

function fail(parser: FrameParser, events: FrameEvents, code: FrameError["code"], detail: string): void {
  parser.ended = true;
  parser.message = undefined;
  parser.control = undefined;
  events.onError({ code, detail });
}

/** A byte order mark is content here; without `ignoreBOM` the decoder would swallow it. */
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function decodeText(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes);
  } catch {
    return undefined;
  }
}
