/** Strict decoder for the chunked transfer coding (RFC 9112 7.1), fed with arbitrary pieces. */

/** Digits of a chunk size; 13 hex digits stay below 2^53. */
export const MAX_CHUNK_SIZE_DIGITS = 13;
/** Bytes of one chunk extension; more is an attack on line parsers. */
export const MAX_CHUNK_EXTENSION_BYTES = 256;
/** Bytes of the whole trailer section. */
export const MAX_TRAILER_BYTES = 8192;

const STATE = {
  size: 0,
  extension: 1,
  sizeLf: 2,
  data: 3,
  dataCr: 4,
  dataLf: 5,
  trailerStart: 6,
  trailerLine: 7,
  trailerLf: 8,
  endLf: 9,
  done: 10,
  failed: 11,
} as const;

const CR = 13;
const LF = 10;
const SEMICOLON = 59;

export interface ChunkedDecoder {
  state: number;
  remaining: number;
  digits: number;
  counted: number;
}

export function createChunkedDecoder(): ChunkedDecoder {
  return { state: STATE.size, remaining: 0, digits: 0, counted: 0 };
}

export type ChunkedResult =
  /** All of the input was used, more is needed. */
  | { readonly kind: "more" }
  /** The body is complete; `offset` is the first byte after it. */
  | { readonly kind: "end"; readonly offset: number }
  | { readonly kind: "error"; readonly detail: string };

const MORE: ChunkedResult = { kind: "more" };

/** Decodes `input` from `offset` on and appends every piece of data to `out` as a view, not a copy. */
export function decodeChunked(
  decoder: ChunkedDecoder,
  input: Uint8Array,
  offset: number,
  out: Uint8Array[],
): ChunkedResult {
  let at = offset;
  while (at < input.length) {
    if (decoder.state === STATE.data) {
      const take = Math.min(decoder.remaining, input.length - at);
      out.push(input.subarray(at, at + take));
      at += take;
      decoder.remaining -= take;
      if (decoder.remaining === 0) decoder.state = STATE.dataCr;
      continue;
    }
    const problem = step(decoder, input[at] as number);
    at += 1;
    if (problem !== undefined) {
      decoder.state = STATE.failed;
      return { kind: "error", detail: problem };
    }
    if (decoder.state === STATE.done) return { kind: "end", offset: at };
  }
  return MORE;
}

/** Advances by one byte outside chunk data; returns what is wrong with it, if anything. */
function step(decoder: ChunkedDecoder, byte: number): string | undefined {
  switch (decoder.state) {
    case STATE.size:
      return stepSize(decoder, byte);
    case STATE.extension:
      if (byte === CR) decoder.state = STATE.sizeLf;
      else if (isControl(byte)) return "control character in a chunk extension";
      else if (++decoder.counted > MAX_CHUNK_EXTENSION_BYTES) return "chunk extension too long";
      return undefined;
    case STATE.sizeLf:
      if (byte !== LF) return "bare CR after a chunk size";
      decoder.counted = 0;
      decoder.state = decoder.remaining === 0 ? STATE.trailerStart : STATE.data;
      decoder.digits = 0;
      return undefined;
    case STATE.dataCr:
      if (byte !== CR) return "chunk data longer than its size";
      decoder.state = STATE.dataLf;
      return undefined;
    case STATE.dataLf:
      if (byte !== LF) return "bare CR after chunk data";
      decoder.state = STATE.size;
      return undefined;
    default:
      return stepTrailer(decoder, byte);
  }
}

function stepSize(decoder: ChunkedDecoder, byte: number): string | undefined {
  const digit = hexValue(byte);
  if (digit >= 0) {
    if (++decoder.digits > MAX_CHUNK_SIZE_DIGITS) return "chunk size too large";
    decoder.remaining = decoder.remaining * 16 + digit;
    return undefined;
  }
  if (decoder.digits === 0) return "chunk size missing";
  if (byte === CR) decoder.state = STATE.sizeLf;
  else if (byte === SEMICOLON) decoder.state = STATE.extension;
  else return "invalid character in a chunk size";
  return undefined;
}

/** Trailer fields are skipped: the front cannot send them (a limit of Bun.serve). */
function stepTrailer(decoder: ChunkedDecoder, byte: number): string | undefined {
  if (++decoder.counted > MAX_TRAILER_BYTES) return "trailer section too large";
  switch (decoder.state) {
    case STATE.trailerStart:
      decoder.state = byte === CR ? STATE.endLf : STATE.trailerLine;
      return byte !== CR && isControl(byte) ? "control character in a trailer" : undefined;
    case STATE.trailerLine:
      if (byte === CR) decoder.state = STATE.trailerLf;
      else if (isControl(byte)) return "control character in a trailer";
      return undefined;
    case STATE.trailerLf:
      if (byte !== LF) return "bare CR in a trailer";
      decoder.state = STATE.trailerStart;
      return undefined;
    default:
      if (byte !== LF) return "bare CR after the last chunk";
      decoder.state = STATE.done;
      return undefined;
  }
}

function isControl(byte: number): boolean {
  return (byte < 32 && byte !== 9) || byte === 127;
}

function hexValue(byte: number): number {
  if (byte >= 48 && byte <= 57) return byte - 48;
  const lower = byte | 32;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}
