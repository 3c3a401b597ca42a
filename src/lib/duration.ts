/** Durations as people write them ("1m30s") and the milliseconds behind them. */

const UNITS = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1000],
  ["ms", 1],
] as const;

/** Every unit at most once and in falling order, so that a text has one reading. */
const PATTERN = /^(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?$/;

/** Milliseconds of "10s", "1m30s", "500ms", "2h", "1d" or "0"; a bare number other than 0 has no unit and no meaning. */
export function parseDuration(text: string): number | undefined {
  if (text === "0") return 0;
  if (text === "") return undefined;
  const parts = PATTERN.exec(text);
  if (parts === null) return undefined;
  let totalMs = 0;
  for (const [index, [, unitMs]] of UNITS.entries()) {
    const digits = parts[index + 1];
    if (digits !== undefined) totalMs += Number(digits) * unitMs;
  }
  return Number.isSafeInteger(totalMs) ? totalMs : undefined;
}

/** The shortest text that parses back to the same whole milliseconds. */
export function formatDuration(durationMs: number): string {
  let restMs = Math.min(Math.round(durationMs), Number.MAX_SAFE_INTEGER);
  if (!(restMs > 0)) return "0s";
  let text = "";
  for (const [unit, unitMs] of UNITS) {
    const count = Math.floor(restMs / unitMs);
    if (count > 0) text += `${count}${unit}`;
    restMs -= count * unitMs;
  }
  return text;
}
