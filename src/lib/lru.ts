/** A map of bounded size that forgets what was not used for longest. */

import { invariant } from "./assert.ts";

/** Values must not be undefined: that is the answer for an unknown key. */
export interface Lru<K, V> {
  get(key: K): V | undefined;
  set(key: K, value: V): void;
  readonly size: () => number;
}

interface Node<K, V> {
  key: K;
  value: V;
  newer: Node<K, V> | undefined;
  older: Node<K, V> | undefined;
}

/**
 * A linked list over the map, because re-inserting into a Map on every hit leaves deleted slots
 * behind that it must rehash away again; a hit here moves pointers and allocates nothing.
 */
export function createLru<K, V>(limit: number): Lru<K, V> {
  invariant(Number.isInteger(limit) && limit > 0, "the limit of an LRU is a positive integer");
  const nodes = new Map<K, Node<K, V>>();
  let newest: Node<K, V> | undefined;
  let oldest: Node<K, V> | undefined;

  function unlink(node: Node<K, V>): void {
    if (node.newer === undefined) newest = node.older;
    else node.newer.older = node.older;
    if (node.older === undefined) oldest = node.newer;
    else node.older.newer = node.newer;
  }

  function linkNewest(node: Node<K, V>): void {
    node.newer = undefined;
    node.older = newest;
    if (newest === undefined) oldest = node;
    else newest.newer = node;
    newest = node;
  }

  function touch(node: Node<K, V>): void {
    if (node === newest) return;
    unlink(node);
    linkNewest(node);
  }

  return {
    get(key) {
      const node = nodes.get(key);
      if (node === undefined) return undefined;
      touch(node);
      return node.value;
    },
    set(key, value) {
      const known = nodes.get(key);
      if (known !== undefined) {
        known.value = value;
        touch(known);
        return;
      }
      if (nodes.size >= limit && oldest !== undefined) {
        nodes.delete(oldest.key);
        unlink(oldest);
      }
      const node: Node<K, V> = { key, value, newer: undefined, older: undefined };
      nodes.set(key, node);
      linkNewest(node);
    },
    size: () => nodes.size,
  };
}
