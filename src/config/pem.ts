/** Checks PEM texts before anything is dialled with them. Pure: nothing is read here. */

import { createPrivateKey, X509Certificate } from "node:crypto";
import { err, ok, type Result } from "../lib/result.ts";

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

/** Failures are clauses that complete "Cannot read …: "; they never quote the text. */
export function checkCertificates(pem: string): Result<readonly X509Certificate[], string> {
  const blocks = pem.match(CERTIFICATE);
  if (blocks === null) return err("the file has no certificate in PEM form");
  const certificates: X509Certificate[] = [];
  for (const block of blocks) {
    const certificate = attempt(() => new X509Certificate(block));
    if (certificate === undefined)
      return err(`certificate ${certificates.length + 1} of the file is damaged`);
    certificates.push(certificate);
  }
  return ok(certificates);
}

/** The first certificate is the one the key belongs to (RFC 8446 4.4.2). */
export function checkKey(pem: string, certificates: readonly X509Certificate[]): Result<undefined, string> {
  if (/ENCRYPTED/.test(pem)) return err("the key is encrypted with a passphrase");
  const key = attempt(() => createPrivateKey(pem));
  if (key === undefined) return err("the file has no private key in PEM form");
  const [first] = certificates;
  if (first !== undefined && attempt(() => first.checkPrivateKey(key)) !== true) {
    return err("the key does not belong to the certificate");
  }
  return ok(undefined);
}

function attempt<T>(make: () => T): T | undefined {
  try {
    return make();
  } catch {
    return undefined;
  }
}
