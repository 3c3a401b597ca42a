import { describe, expect, test } from "bun:test";
import { combine, hashText } from "../../../src/balancer/hash.ts";

function countBits(value: number): number {
  return (value >>> 0).toString(2).replaceAll("0", "").length;
}

describe("hashText", () => {
  // Another hash in a new version would move every client to another endpoint during an upgrade.
  test.each([
    ["", -1421968373],
    ["192.0.2.1", 1941296713],
    ["192.0.2.2", -1861401988],
  ] as const)("gives %p the same number in every version", (text, hash) => {
    expect(hashText(text)).toBe(hash);
  });

  test("stays a signed 32-bit integer", () => {
    for (let at = 0; at < 1000; at++) expect(hashText(`10.0.0.${at}`) | 0).toBe(hashText(`10.0.0.${at}`));
  });
});

describe("combine", () => {
  test("flips about half of the bits when either side changes by one character", () => {
    let flipped = 0;
    for (let at = 0; at < 1000; at++) {
      const [client, endpoint] = [hashText(`10.0.0.${at}`), hashText(`http://10.1.0.${at}`)];
      flipped += countBits(combine(client, endpoint) ^ combine(hashText(`10.0.1.${at}`), endpoint));
      flipped += countBits(combine(client, endpoint) ^ combine(client, hashText(`http://10.1.1.${at}`)));
    }
    expect(flipped / 2000).toBeGreaterThan(15.5);
    expect(flipped / 2000).toBeLessThan(16.5);
  });
});
