/** Is a request a WebSocket handshake, and a correct one (RFC 6455 4.2.1, RFC 9110 7.8)? */

import { getHeader, getHeaderValues, type HeaderList } from "./headers.ts";
import { isToken, listHasToken, trimOws } from "./token.ts";

export type WebSocketHandshake =
  | { readonly kind: "none" }
  | { readonly kind: "websocket"; readonly key: string; readonly protocols: readonly string[] }
  /** `reason` may be sent to the client; 426 must carry `Sec-WebSocket-Version: 13`. */
  | { readonly kind: "bad"; readonly status: 400 | 426; readonly reason: string };

/** Subprotocols one handshake may offer. */
export const SUBPROTOCOL_LIMIT = 64;

const NO_HANDSHAKE: WebSocketHandshake = { kind: "none" };
const NO_PROTOCOLS: readonly string[] = [];

/** Sixteen bytes in base64. */
const KEY = /^[A-Za-z0-9+/]{22}==$/;

export interface HandshakeInput {
  readonly method: string;
  /** Request fields, names in lower case. */
  readonly headers: HeaderList;
}

/**
 * Upgrade without `Connection: upgrade`, or to anything but websocket, is ignored as RFC 9110 7.8 allows:
 * the request goes on as a normal one, without these fields.
 */
export function websocketHandshake({ method, headers }: HandshakeInput): WebSocketHandshake {
  if (getHeader(headers, "upgrade") === undefined) return NO_HANDSHAKE;
  if (!anyListHasToken(headers, "upgrade", "websocket")) return NO_HANDSHAKE;
  if (!anyListHasToken(headers, "connection", "upgrade")) return NO_HANDSHAKE;
  if (method !== "GET") return bad("A WebSocket handshake must use GET");
  // A body would be read as WebSocket frames by one side and as a body by the other.
  if (hasBody(headers)) return bad("A WebSocket handshake must not have a body");
  if (single(headers, "sec-websocket-version") !== "13") {
    return { kind: "bad", status: 426, reason: "Only WebSocket version 13 is supported" };
  }
  const key = single(headers, "sec-websocket-key");
  if (key === undefined || !KEY.test(key)) return bad("Sec-WebSocket-Key is not 16 bytes in base64");
  const protocols = offeredProtocols(headers);
  if (protocols === undefined) return bad("Sec-WebSocket-Protocol is not a list of distinct names");
  return { kind: "websocket", key, protocols };
}

function bad(reason: string): WebSocketHandshake {
  return { kind: "bad", status: 400, reason };
}

function anyListHasToken(headers: HeaderList, name: string, lowerToken: string): boolean {
  return getHeaderValues(headers, name).some((value) => listHasToken(value, lowerToken));
}

function hasBody(headers: HeaderList): boolean {
  if (getHeader(headers, "transfer-encoding") !== undefined) return true;
  return getHeaderValues(headers, "content-length").some((value) => !/^0+$/.test(value));
}

/** The value of a field that must not be repeated. */
function single(headers: HeaderList, name: string): string | undefined {
  const values = getHeaderValues(headers, name);
  return values.length === 1 ? values[0] : undefined;
}

function offeredProtocols(headers: HeaderList): readonly string[] | undefined {
  const values = getHeaderValues(headers, "sec-websocket-protocol");
  if (values.length === 0) return NO_PROTOCOLS;
  const offered = values.flatMap((value) => value.split(",").map(trimOws));
  if (offered.length > SUBPROTOCOL_LIMIT || !offered.every(isToken)) return undefined;
  return new Set(offered).size === offered.length ? offered : undefined;
}
