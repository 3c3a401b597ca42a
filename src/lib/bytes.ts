/** Sizes as people write them ("10MiB") and the bytes behind them. */

/** Largest first: formatting takes the first one that divides the size. */
const UNITS = [
  ["TiB", 1024 ** 4],
  ["TB", 1000 ** 4],
  ["GiB", 1024 ** 3],
  ["GB", 1000 ** 3],
  ["MiB", 1024 ** 2],
  ["MB", 1000 ** 2],
  ["KiB", 1024],
  ["KB", 1000],
  ["B", 1],
] as const;

const UNIT_BYTES: ReadonlyMap<string, number> = new Map<string, number>([...UNITS, ["kB", 1000]]);

const PATTERN = /^(\d+)([A-Za-z]+)$/;

/** Bytes of "10MiB", "64KiB", "1GB", "512B" or "0"; a bare number other than 0 has no unit and no meaning. */
export function parseBytes(text: string): number | undefined {
  if (text === "0") return 0;
  const parts = PATTERN.exec(text);
  if (parts === null) return undefined;
  const [, digits = "", unit = ""] = parts;
  const unitBytes = UNIT_BYTES.get(unit);
  if (unitBytes === undefined) return undefined;
  const sizeBytes = Number(digits) * unitBytes;
  return Number.isSafeInteger(sizeBytes) ? sizeBytes : undefined;
}

/** The text with the largest unit that still gives the exact size, so it parses back to it. */
export function formatBytes(sizeBytes: number): string {
  const whole = Math.min(Math.round(sizeBytes), Number.MAX_SAFE_INTEGER);
  if (!(whole > 0)) return "0B";
  const [unit, unitBytes] = UNITS.find(([, size]) => whole % size === 0) ?? ["B", 1];
  return `${whole / unitBytes}${unit}`;
}
