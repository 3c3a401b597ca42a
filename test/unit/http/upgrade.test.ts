import { describe, expect, test } from "bun:test";
import { SUBPROTOCOL_LIMIT, websocketHandshake } from "../../../src/http/upgrade.ts";

const KEY = "dGhlIHNhbXBsZSBub25jZQ==";
const VALID = {
  upgrade: "websocket",
  connection: "Upgrade",
  "sec-websocket-version": "13",
  "sec-websocket-key": KEY,
};

function handshake(changes: Record<string, string | undefined>, method = "GET") {
  const headers = Object.entries({ host: "a.test", ...VALID, ...changes }).flatMap(([name, value]) =>
    value === undefined ? [] : [name, value],
  );
  return websocketHandshake({ method, headers });
}

describe("websocketHandshake", () => {
  test("accepts the handshake of RFC 6455", () => {
    expect(handshake({})).toEqual({ kind: "websocket", key: KEY, protocols: [] });
  });

  test.each([
    { upgrade: "WebSocket" },
    { upgrade: "h2c, websocket" },
    { connection: "keep-alive, Upgrade" },
    { connection: "keep-alive,UPGRADE" },
    { "content-length": "0" },
  ])("row 33: accepts %j", (changes) => expect(handshake(changes).kind).toBe("websocket"));

  test.each([
    { upgrade: undefined },
    { connection: undefined },
    { connection: "keep-alive" },
    { connection: "x-upgrade" },
    { upgrade: "h2c" },
    { upgrade: "websocket2" },
    { upgrade: "" },
  ])("row 33: %j is no upgrade", (changes) => expect(handshake(changes)).toEqual({ kind: "none" }));

  test.each(["POST", "HEAD", "get"])("row 33: refuses the method %s", (method) => {
    expect(handshake({}, method)).toMatchObject({ kind: "bad", status: 400 });
  });

  test.each([{ "content-length": "1" }, { "content-length": "x" }, { "transfer-encoding": "chunked" }])(
    "row 33: refuses a body (%j)",
    (changes) => expect(handshake(changes)).toMatchObject({ kind: "bad", status: 400 }),
  );

  test.each([undefined, "", "8", "12", "14", "013", "13, 13", "13 "])(
    "row 33: version %p is 426",
    (version) => {
      expect(handshake({ "sec-websocket-version": version })).toMatchObject({ kind: "bad", status: 426 });
    },
  );

  test.each([
    undefined,
    "",
    "dGhlIHNhbXBsZSBub25jZQ",
    "dGhlIHNhbXBsZSBub25jZQ=",
    "dGhlIHNhbXBsZSBub25jZQAA",
    "dGhlIHNhbXBsZSBub25j_Q==",
    "dGhlIHNhbXBsZSBub25jZSBhbmQ=",
    ` ${KEY}`,
    `${KEY}, ${KEY}`,
  ])("row 33: key %p is 400", (key) => {
    expect(handshake({ "sec-websocket-key": key })).toMatchObject({ kind: "bad", status: 400 });
  });

  test("row 33: refuses two keys or versions on separate lines", () => {
    const headers = Object.entries(VALID).flat();
    const twoKeys = [...headers, "sec-websocket-key", KEY];
    const twoVersions = [...headers, "sec-websocket-version", "13"];
    expect(websocketHandshake({ method: "GET", headers: twoKeys })).toMatchObject({ status: 400 });
    expect(websocketHandshake({ method: "GET", headers: twoVersions })).toMatchObject({ status: 426 });
  });

  test("reads lists that are spread over lines", () => {
    const headers = [
      ...["upgrade", "h2c", "upgrade", "websocket", "connection", "keep-alive", "connection", "upgrade"],
      ...["sec-websocket-version", "13", "sec-websocket-key", KEY],
      ...["sec-websocket-protocol", "a", "sec-websocket-protocol", "b, c"],
    ];
    expect(websocketHandshake({ method: "GET", headers })).toEqual({
      kind: "websocket",
      key: KEY,
      protocols: ["a", "b", "c"],
    });
  });

  test.each<[string, string[]]>([
    ["chat", ["chat"]],
    ["chat, superchat ,v1.json", ["chat", "superchat", "v1.json"]],
  ])("row 32: %j offers %j in order", (value, protocols) => {
    expect(handshake({ "sec-websocket-protocol": value })).toEqual({
      kind: "websocket",
      key: KEY,
      protocols,
    });
  });

  test.each([
    "",
    "a,,b",
    "a b",
    "a, a",
    '"a"',
    Array.from({ length: SUBPROTOCOL_LIMIT + 1 }, (_, i) => i).join(),
  ])("refuses the subprotocols %j", (value) =>
    expect(handshake({ "sec-websocket-protocol": value })).toMatchObject({ kind: "bad", status: 400 }),
  );
});
