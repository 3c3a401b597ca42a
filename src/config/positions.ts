/**
 * A lossless scan of TOML that keeps where every key and value stands, because the parser keeps no positions.
 *
 * It runs on text the parser has accepted and gives up quietly on anything else: a missing position only makes
 * a message less exact.
 */

import type { Path } from "./path.ts";
import { scanKeyPath, scanValueEnd, skipBlank, skipLineBlank, skipToNextLine } from "./toml-scan.ts";

export interface Position {
  /** One-based. */
  readonly line: number;
  readonly column: number;
}

export interface Positions {
  readonly root: PositionNode;
  /** Offset of the first character of every line. */
  readonly lineStarts: readonly number[];
}

/** Offsets into the text; a value is a table, a list or neither. */
export interface PositionNode {
  readonly key: number;
  readonly value: number;
  readonly table: Map<string, PositionNode> | undefined;
  readonly items: PositionNode[] | undefined;
}

/** Bounds the recursion: the scan ends at deeper nesting, which no setting has. */
const MAX_DEPTH = 64;

const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const EQUALS = 0x3d;
const COMMA = 0x2c;

export function scanPositions(text: string): Positions {
  const root = createTable(0, 0);
  let current = root;
  let at = skipBlank(text, 0);
  while (at < text.length) {
    if (text.charCodeAt(at) === OPEN_BRACKET) {
      const header = scanHeader(text, at, root);
      if (header === undefined) break;
      current = header.table;
      at = header.end;
    } else {
      const end = scanPair(text, at, current, 0);
      if (end === undefined) break;
      at = end;
    }
    at = skipBlank(text, skipToNextLine(text, at));
  }
  return { root, lineStarts: findLineStarts(text) };
}

/** The position of the deepest existing part of a path. */
export function locate(positions: Positions, path: Path, part: "key" | "value"): Position {
  let node = positions.root;
  for (const step of path) {
    const next = typeof step === "number" ? node.items?.[step] : node.table?.get(step);
    if (next === undefined) break;
    node = next;
  }
  return toPosition(positions.lineStarts, part === "key" ? node.key : node.value);
}

function toPosition(lineStarts: readonly number[], offset: number): Position {
  let low = 0;
  let high = lineStarts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((lineStarts[middle] ?? 0) <= offset) low = middle;
    else high = middle - 1;
  }
  return { line: low + 1, column: offset - (lineStarts[low] ?? 0) + 1 };
}

function findLineStarts(text: string): number[] {
  const starts = [0];
  for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  return starts;
}

function createTable(key: number, value: number): PositionNode {
  return { key, value, table: new Map(), items: undefined };
}

interface Header {
  readonly table: PositionNode;
  readonly end: number;
}

function scanHeader(text: string, start: number, root: PositionNode): Header | undefined {
  const isList = text.charCodeAt(start + 1) === OPEN_BRACKET;
  const scanned = scanKeyPath(text, start + (isList ? 2 : 1));
  if (scanned === undefined || text.charCodeAt(scanned.end) !== CLOSE_BRACKET) return undefined;
  const end = scanned.end + (isList ? 2 : 1);
  const last = scanned.keys.length - 1;
  let node = root;
  for (const [index, key] of scanned.keys.entries()) {
    if (index < last || !isList) {
      const next = enter(node, key, start);
      if (next === undefined) return undefined;
      node = next;
      continue;
    }
    const list = node.table?.get(key) ?? { key: start, value: start, table: undefined, items: [] };
    node.table?.set(key, list);
    if (list.items === undefined) return undefined;
    node = createTable(start, start);
    list.items.push(node);
  }
  return { table: node, end };
}

/** The table under a key, made if absent; for a list of tables its last one. */
function enter(node: PositionNode, key: string, offset: number): PositionNode | undefined {
  const existing = node.table?.get(key);
  if (existing === undefined) {
    const created = createTable(offset, offset);
    node.table?.set(key, created);
    return created;
  }
  const next = existing.items === undefined ? existing : existing.items.at(-1);
  return next?.table === undefined ? undefined : next;
}

/** `a.b = value` into a table; returns the offset behind the value. */
function scanPair(text: string, start: number, table: PositionNode, depth: number): number | undefined {
  const scanned = scanKeyPath(text, start);
  if (scanned === undefined || text.charCodeAt(scanned.end) !== EQUALS) return undefined;
  const name = scanned.keys.pop();
  if (name === undefined) return undefined;
  let node = table;
  for (const key of scanned.keys) {
    const next = enter(node, key, start);
    if (next === undefined) return undefined;
    node = next;
  }
  const value = scanValue(text, skipLineBlank(text, scanned.end + 1), start, depth);
  if (value === undefined) return undefined;
  node.table?.set(name, value.node);
  return value.end;
}

interface ScannedValue {
  readonly node: PositionNode;
  readonly end: number;
}

function scanValue(text: string, start: number, key: number, depth: number): ScannedValue | undefined {
  if (depth > MAX_DEPTH) return undefined;
  switch (text.charCodeAt(start)) {
    case OPEN_BRACKET:
      return scanList(text, start, key, depth);
    case OPEN_BRACE:
      return scanInlineTable(text, start, key, depth);
    default: {
      const end = scanValueEnd(text, start);
      return end === undefined
        ? undefined
        : { node: { key, value: start, table: undefined, items: undefined }, end };
    }
  }
}

function scanList(text: string, start: number, key: number, depth: number): ScannedValue | undefined {
  const items: PositionNode[] = [];
  let at = skipBlank(text, start + 1);
  while (text.charCodeAt(at) !== CLOSE_BRACKET) {
    const item = scanValue(text, at, at, depth + 1);
    if (item === undefined) return undefined;
    items.push(item.node);
    at = skipBlank(text, item.end);
    if (text.charCodeAt(at) === COMMA) at = skipBlank(text, at + 1);
    else if (text.charCodeAt(at) !== CLOSE_BRACKET) return undefined;
  }
  return { node: { key, value: start, table: undefined, items }, end: at + 1 };
}

function scanInlineTable(text: string, start: number, key: number, depth: number): ScannedValue | undefined {
  const node = createTable(key, start);
  let at = skipLineBlank(text, start + 1);
  while (text.charCodeAt(at) !== CLOSE_BRACE) {
    const end = scanPair(text, at, node, depth + 1);
    if (end === undefined) return undefined;
    at = skipLineBlank(text, end);
    if (text.charCodeAt(at) === COMMA) at = skipLineBlank(text, at + 1);
    else if (text.charCodeAt(at) !== CLOSE_BRACE) return undefined;
  }
  return { node, end: at + 1 };
}
