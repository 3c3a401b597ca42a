/** What a started proxy tells the person in front of it. */

export interface Banner {
  readonly version: string;
  readonly home: string;
  readonly configPath: string;
  /** "0.0.0.0:8080", "[::]:80" or "unix:/path". */
  readonly listeners: readonly string[];
}

export function formatBanner({ version, home, configPath, listeners }: Banner): string {
  return [
    `ophid ${version} serves on`,
    ...listeners.map((address) => `  ${formatAddress(address)}`),
    `config  ${configPath}`,
    `home    ${home}`,
    "stop    Ctrl-C or: ophid proxy stop",
  ].join("\n");
}

/** As something to click on, where the address is one. */
export function formatAddress(address: string): string {
  if (address.startsWith("unix:")) return address;
  const port = address.slice(address.lastIndexOf(":"));
  const suffix = port === ":80" ? "" : port;
  if (address.startsWith("[::]:")) return `http://localhost${suffix} (all addresses)`;
  if (address.startsWith("0.0.0.0:")) return `http://localhost${suffix} (all IPv4 addresses)`;
  return `http://${address.slice(0, address.lastIndexOf(":"))}${suffix}`;
}
