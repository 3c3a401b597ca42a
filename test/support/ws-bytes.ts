/** WebSocket frames for tests, written independently of the code under test. */

export interface FrameShape {
  readonly opcode: number;
  readonly payload?: Uint8Array | string;
  readonly fin?: boolean;
  readonly rsv?: number;
  /** Sets the mask bit and masks with this key. */
  readonly mask?: number;
  /** Forces the width of the length field. */
  readonly lengthBytes?: 0 | 2 | 8;
}

/** One frame; without `mask` as a server sends it. */
export function frameBytes(shape: FrameShape): Buffer {
  const payload = Buffer.from(shape.payload ?? "");
  const size = payload.length;
  const lengthBytes = shape.lengthBytes ?? (size < 126 ? 0 : size < 65_536 ? 2 : 8);
  const first = (shape.fin === false ? 0 : 0x80) | ((shape.rsv ?? 0) << 4) | shape.opcode;
  const marker = lengthBytes === 0 ? size : lengthBytes === 2 ? 126 : 127;
  const head = Buffer.alloc(2 + lengthBytes);
  head[0] = first;
  head[1] = marker | (shape.mask === undefined ? 0 : 0x80);
  if (lengthBytes === 2) head.writeUInt16BE(size, 2);
  if (lengthBytes === 8) head.writeBigUInt64BE(BigInt(size), 2);
  if (shape.mask === undefined) return Buffer.concat([head, payload]);
  const key = Buffer.alloc(4);
  key.writeUInt32LE(shape.mask >>> 0);
  return Buffer.concat([head, key, Buffer.from(payload.map((byte, i) => byte ^ (key[i % 4] ?? 0)))]);
}

export function closePayload(code: number, reason: string | Uint8Array = ""): Buffer {
  const head = Buffer.alloc(2);
  head.writeUInt16BE(code);
  return Buffer.concat([head, Buffer.from(reason)]);
}

export interface DecodedFrame {
  readonly opcode: number;
  readonly fin: boolean;
  readonly masked: boolean;
  readonly payload: Buffer;
}

/** Whole frames at the start of `bytes`, unmasked. Throws on a masked frame with a length that is not minimal. */
export function decodeFrames(bytes: Uint8Array): DecodedFrame[] {
  const input = Buffer.from(bytes);
  const frames: DecodedFrame[] = [];
  let at = 0;
  while (at + 2 <= input.length) {
    const first = input.readUInt8(at);
    const second = input.readUInt8(at + 1);
    const short = second & 0x7f;
    const lengthBytes = short < 126 ? 0 : short === 126 ? 2 : 8;
    const masked = second >= 0x80;
    const start = at + 2 + lengthBytes + (masked ? 4 : 0);
    if (start > input.length) break;
    const size =
      lengthBytes === 0
        ? short
        : lengthBytes === 2
          ? input.readUInt16BE(at + 2)
          : Number(input.readBigUInt64BE(at + 2));
    if ((lengthBytes === 2 && size < 126) || (lengthBytes === 8 && size < 65_536)) {
      throw new Error(`Length ${size} is not in its shortest form`);
    }
    if (start + size > input.length) break;
    const key = input.subarray(start - 4, start);
    const raw = input.subarray(start, start + size);
    const payload = masked ? Buffer.from(raw.map((byte, i) => byte ^ (key[i % 4] ?? 0))) : Buffer.from(raw);
    frames.push({ opcode: first & 0x0f, fin: first >= 0x80, masked, payload });
    at = start + size;
  }
  return frames;
}
