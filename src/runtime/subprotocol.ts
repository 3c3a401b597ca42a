/**
 * oven-sh/bun#18243: left to itself, `server.upgrade` accepts the first subprotocol the client offered, whether or
 * not the endpoint chose one. An empty field keeps it from that and is not sent.
 */

/** Fields for `server.upgrade` of an endpoint's handshake answer. */
export function toUpgradeFields(headers: readonly string[]): [string, string][] {
  const fields: [string, string][] = [];
  let chosen = false;
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string;
    if (name.toLowerCase() === "sec-websocket-protocol") chosen = true;
    fields.push([name, headers[i + 1] as string]);
  }
  if (!chosen) fields.push(["Sec-WebSocket-Protocol", ""]);
  return fields;
}
