/** The one hash behind consistent placement: the same text gives the same number on every machine and version. */

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/**
 * A well mixed unsigned 32-bit hash of the UTF-16 code units. FNV-1a alone leaves neighbours such as
 * "10.0.0.1" and "10.0.0.2" close together, which clumps a hash ring; the murmur3 finaliser spreads them.
 * Not for secrets: anyone can compute collisions.
 */
export function hash32(text: string): number {
  let hash = FNV_OFFSET;
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), FNV_PRIME);
  }
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  hash ^= hash >>> 16;
  return hash >>> 0;
}
