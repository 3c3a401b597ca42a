/**
 * A fast hash with good spread, not for anything an attacker gains by colliding. Results are signed 32-bit integers:
 * unsigned ones leave the engine's integer range and made a pick several times slower.
 */

/** FNV-1a over UTF-16 code units, then mixed, because FNV alone leaves similar addresses close together. */
export function hashText(text: string): number {
  let hash = 0x811c9dc5 | 0;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return mix(hash);
}

/** Turns two mixed hashes into one that depends on every bit of both. */
export function combine(a: number, b: number): number {
  return mix(Math.imul(a, 0x9e3779b1) ^ b);
}

/** MurmurHash3's finaliser: each input bit flips each output bit with probability near one half. */
export function mix(value: number): number {
  let hash = value | 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
