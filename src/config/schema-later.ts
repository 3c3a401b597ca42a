/** Schema of the sections whose features come later: their keys are known, so that a typing error is not taken for one of them. */

import { anyText, flag, oneOf } from "./scalar.ts";
import { list, optional, table } from "./schema-library.ts";

const MAX_DOMAINS = 1000;
const MAX_CERTIFICATES = 1000;

export const tlsSchema = table({
  enabled: optional(flag()),
  acme_provider: optional(oneOf(["letsencrypt", "letsencrypt-staging", "zerossl"])),
  acme_directory: optional(anyText("a URL")),
  acme_ca: optional(anyText("the path of a PEM file")),
  acme_email: optional(anyText("an e-mail address")),
  eab_kid: optional(anyText("a key id")),
  eab_hmac: optional(anyText("a key in base64url")),
  challenge: optional(oneOf(["http-01", "dns-01"])),
  dns_hook: optional(anyText("a command")),
  auto_redirect: optional(flag()),
  cache_dir: optional(anyText("a folder")),
  domains: optional(list(anyText("a domain"), MAX_DOMAINS)),
  min_version: optional(oneOf(["1.2", "1.3"])),
  http3: optional(flag()),
  certificates: optional(
    list(
      table({ cert: anyText("the path of a PEM file"), key: anyText("the path of a PEM file") }),
      MAX_CERTIFICATES,
    ),
  ),
});

export const adminSchema = table({
  listen: optional(anyText('an address such as "127.0.0.1:9180"')),
  token: optional(anyText("a token")),
});
