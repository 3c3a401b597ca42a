/**
 * Header fields as one flat list `[name, value, name, value, …]`: order and repeated names survive
 * (RFC 9110 5.3) and a request costs one array.
 *
 * Request names are lower case. Response names keep the casing the upstream sent, so look-ups compare
 * without case.
 */

export type HeaderList = readonly string[];
export type MutableHeaderList = string[];

/** The first value of a field, or undefined. `name` must be lower case. */
export function getHeader(headers: HeaderList, name: string): string | undefined {
  for (let i = 0; i < headers.length; i += 2) {
    if (isName(headers[i], name)) return headers[i + 1];
  }
  return undefined;
}

/** All values of a field in order. `name` must be lower case. */
export function getHeaderValues(headers: HeaderList, name: string): string[] {
  const values: string[] = [];
  for (let i = 0; i < headers.length; i += 2) {
    if (isName(headers[i], name)) values.push(headers[i + 1] as string);
  }
  return values;
}

/** Removes every line of a field in place. `name` must be lower case. */
export function removeHeader(headers: MutableHeaderList, name: string): void {
  let kept = 0;
  for (let i = 0; i < headers.length; i += 2) {
    if (isName(headers[i], name)) continue;
    headers[kept] = headers[i] as string;
    headers[kept + 1] = headers[i + 1] as string;
    kept += 2;
  }
  headers.length = kept;
}

function isName(candidate: string | undefined, lowerName: string): boolean {
  if (candidate === lowerName) return true;
  if (candidate === undefined || candidate.length !== lowerName.length) return false;
  // Most names of equal length differ in their first letter, which saves the lower-case copy.
  if ((candidate.charCodeAt(0) | 32) !== (lowerName.charCodeAt(0) | 32)) return false;
  return candidate.toLowerCase() === lowerName;
}
