/** Fields by which proxies tell upstreams who the client is and what it asked for. */

const NAMES: ReadonlySet<string> = new Set([
  "cf-connecting-ip",
  "cf-connecting-ipv6",
  "cf-pseudo-ipv4",
  "client-ip",
  "do-connecting-ip",
  "fastly-client-ip",
  "fly-client-ip",
  "forwarded",
  "forwarded-for",
  "front-end-https",
  "proxy-client-ip",
  "true-client-ip",
  "wl-proxy-client-ip",
  "x-appengine-user-ip",
  "x-azure-clientip",
  "x-azure-socketip",
  "x-client-ip",
  "x-cluster-client-ip",
  "x-envoy-external-address",
  "x-forwarded",
  "x-host",
  "x-http-host-override",
  "x-proxyuser-ip",
  "x-real-ip",
  "x-remote-addr",
  "x-remote-ip",
  "x-rewrite-url",
  "x-scheme",
  "x-url-scheme",
]);

/** True for fields an untrusted peer must not set, because applications believe them. `lowerName` must be lower case. */
export function isIdentityHeader(lowerName: string): boolean {
  switch (lowerName.charCodeAt(0)) {
    case 0x78: // x
      return (
        lowerName.startsWith("x-forwarded-") || lowerName.startsWith("x-original-") || NAMES.has(lowerName)
      );
    case 0x63: // c
    case 0x64: // d
    case 0x66: // f
    case 0x70: // p
    case 0x74: // t
    case 0x77: // w
      return NAMES.has(lowerName);
    default:
      return false;
  }
}
