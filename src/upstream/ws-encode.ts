/** Builds the masked WebSocket frames a client must send (RFC 6455 5.2 and 5.3). */

import { CONTROL_BYTES_MAX, OPCODE } from "./ws-frame.ts";

/**
 * Frames up to this payload are built in a scratch buffer and copied out once. Masking by words needs a
 * second view of the array, and making one costs more than masking a small frame: 125 bytes take 105 ns
 * this way, 260 ns byte by byte and 470 ns with a fresh view.
 */
const SCRATCH_PAYLOAD_BYTES = 16 * 1024;

/** Room for the longest short header in front, so that the payload starts on a word boundary. */
const SCRATCH_PAYLOAD_START = 8;

/** UTF-8 needs at most three bytes for one UTF-16 code unit. */
const UTF8_BYTES_PER_UNIT_MAX = 3;

/** Keys fetched from the random source at a time. */
const MASK_KEYS_PER_BATCH = 256;

const NO_PAYLOAD = new Uint8Array(0);

// Scratch space is only used within one call.
const scratch = new Uint8Array(SCRATCH_PAYLOAD_START + SCRATCH_PAYLOAD_BYTES);
const scratchWords = new Uint32Array(scratch.buffer);
const scratchPayload = scratch.subarray(SCRATCH_PAYLOAD_START);

const encoder = new TextEncoder();

/** One whole frame in one array; `payload` is only read. The key must be unpredictable (RFC 6455 10.3). */
export function encodeFrame(opcode: number, payload: string | Uint8Array, maskKey: number): Uint8Array {
  if (typeof payload === "string") {
    if (payload.length * UTF8_BYTES_PER_UNIT_MAX > SCRATCH_PAYLOAD_BYTES) {
      return encodeLong(opcode, encoder.encode(payload), maskKey);
    }
    return encodeScratch(opcode, encoder.encodeInto(payload, scratchPayload).written, maskKey);
  }
  if (payload.length > SCRATCH_PAYLOAD_BYTES) return encodeLong(opcode, payload, maskKey);
  scratchPayload.set(payload);
  return encodeScratch(opcode, payload.length, maskKey);
}

/** A close frame; without a code it has no payload. A reason that does not fit is cut between characters. */
export function encodeClose(code: number | undefined, reason: string, maskKey: number): Uint8Array {
  if (code === undefined) return encodeFrame(OPCODE.close, NO_PAYLOAD, maskKey);
  const payload = new Uint8Array(CONTROL_BYTES_MAX);
  payload[0] = code >>> 8;
  payload[1] = code & 0xff;
  const { written } = encoder.encodeInto(reason, payload.subarray(2));
  return encodeFrame(OPCODE.close, payload.subarray(0, 2 + written), maskKey);
}

/** Hands out mask keys and asks `fill` (crypto.getRandomValues) for many at once. */
export function createMaskKeySource(fill: (words: Uint32Array<ArrayBuffer>) => void): () => number {
  const words = new Uint32Array(MASK_KEYS_PER_BATCH);
  let next = words.length;
  return () => {
    if (next === words.length) {
      fill(words);
      next = 0;
    }
    return words[next++] ?? 0;
  };
}

function encodeScratch(opcode: number, size: number, maskKey: number): Uint8Array {
  const headerSize = headerLength(size);
  maskWords(scratchWords, SCRATCH_PAYLOAD_START / 4, Math.ceil(size / 4), maskKey);
  const from = SCRATCH_PAYLOAD_START - headerSize;
  writeHeader(scratch, from, opcode, size, maskKey);
  return scratch.slice(from, SCRATCH_PAYLOAD_START + size);
}

function encodeLong(opcode: number, payload: Uint8Array, maskKey: number): Uint8Array {
  const size = payload.length;
  const headerSize = headerLength(size);
  const padding = headerSize === 8 ? 0 : 2;
  const start = padding + headerSize;
  const words = new Uint32Array(Math.ceil((start + size) / 4));
  const bytes = new Uint8Array(words.buffer, 0, start + size);
  bytes.set(payload, start);
  maskWords(words, start / 4, words.length - start / 4, maskKey);
  writeHeader(bytes, padding, opcode, size, maskKey);
  return bytes.subarray(padding);
}

/** Words have the byte order of the machine; all machines Bun runs on are little-endian, as the key is sent. */
function maskWords(words: Uint32Array, from: number, count: number, maskKey: number): void {
  for (let i = from; i < from + count; i++) words[i] = (words[i] ?? 0) ^ maskKey;
}

/** Header with mask key: 6, 8 or 14 bytes. */
function headerLength(size: number): number {
  return size < 126 ? 6 : size < 0x1_0000 ? 8 : 14;
}

function writeHeader(frame: Uint8Array, at: number, opcode: number, size: number, maskKey: number): void {
  frame[at] = 0x80 | opcode;
  const lengthSize = size < 126 ? 0 : size < 0x1_0000 ? 2 : 8;
  frame[at + 1] = 0x80 | (lengthSize === 0 ? size : lengthSize === 2 ? 126 : 127);
  let rest = size;
  for (let i = at + 1 + lengthSize; i > at + 1; i--) {
    frame[i] = rest & 0xff;
    rest = Math.floor(rest / 256);
  }
  for (let i = 0; i < 4; i++) frame[at + 2 + lengthSize + i] = (maskKey >>> (i * 8)) & 0xff;
}
