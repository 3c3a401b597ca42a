import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  clientAddress,
  countOwnVia,
  forwardedFields,
  isIdentityAlias,
  isIdentityHeader,
  viaValue,
} from "../../src/http/forwarded.ts";
import { connectionTokens, isHopByHop } from "../../src/http/hop-by-hop.ts";
import { isFieldValue, isToken, listHasToken } from "../../src/http/token.ts";
import { websocketHandshake } from "../../src/http/upgrade.ts";
import { compileCidrs, normalizeIp } from "../../src/net/ip.ts";

const TOKEN_CHARACTERS = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz";
const token = fc.string({ unit: fc.constantFrom(...TOKEN_CHARACTERS), minLength: 1, maxLength: 12 });
const garbage = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.string({ unit: fc.constantFrom(...'a,; "\\\t\r\n\0()=:[]1.') }),
);

const PROTECTED = ["host", "content-length", "content-type", "via", "forwarded", "authorization", "cookie"];
const IDENTITY = ["x-forwarded-for", "x-forwarded-proto", "x-forwarded-user", "x-real-ip", "x-original-url"];

describe("lists", () => {
  test("every element of a list is found in it", () => {
    const separator = fc.constantFrom(",", ", ", " ,\t", ",,", ", ,");
    fc.assert(
      fc.property(fc.array(token), separator, (tokens, comma) => {
        expect(tokens.every((element) => listHasToken(tokens.join(comma), element))).toBe(true);
      }),
    );
  });

  test("isToken and isFieldValue are the grammar of RFC 9110", () => {
    fc.assert(
      fc.property(garbage, (text) => {
        expect(isToken(text)).toBe(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(text));
        expect(isFieldValue(text)).toBe(/^[\t\x20-\x7e\x80-\xff]*$/.test(text));
      }),
      { numRuns: 2000 },
    );
  });
});

describe("header hygiene", () => {
  test("no Connection value takes away a protected field or names what is no field", () => {
    const option = fc.oneof(
      token,
      garbage,
      fc.constantFrom(...PROTECTED, ...IDENTITY, "TE", "close", "X-Hop"),
    );
    fc.assert(
      fc.property(fc.array(option), fc.boolean(), (options, isUpper) => {
        const value = options.join(", ");
        const names = connectionTokens(isUpper ? value.toUpperCase() : value);
        expect(new Set(names).size).toBe(names.length);
        for (const name of names) {
          expect(isToken(name)).toBe(true);
          expect(name).toBe(name.toLowerCase());
          expect(isHopByHop(name) || isIdentityHeader(name) || PROTECTED.includes(name)).toBe(false);
        }
      }),
      { numRuns: 2000 },
    );
  });

  test("every other token in a Connection value is nominated", () => {
    fc.assert(
      fc.property(fc.array(token.map((name) => `x-hop-${name}`)), (names) => {
        expect(connectionTokens(names.join(" , "))).toEqual([...new Set(names)]);
      }),
    );
  });

  test("an identity field is known by every spelling of its separators, and only once as itself", () => {
    const names = [
      ...IDENTITY,
      "transfer-encoding",
      "proxy-authorization",
      "true-client-ip",
      "content-length",
    ];
    fc.assert(
      fc.property(
        fc.constantFrom(...names),
        fc.array(fc.constantFrom("-", "_", "."), { minLength: 4 }),
        (name, separators) => {
          let at = 0;
          const spelled = name.replace(/-/g, () => separators[at++] as string);
          expect(isIdentityAlias(spelled)).toBe(spelled !== name);
        },
      ),
    );
  });

  test("anything after x-forwarded- is an identity field", () => {
    fc.assert(fc.property(token, (suffix) => expect(isIdentityHeader(`x-forwarded-${suffix}`)).toBe(true)));
  });

  test("no name throws", () => {
    fc.assert(
      fc.property(garbage, (name) => {
        for (const verdict of [isHopByHop(name), isIdentityHeader(name), isIdentityAlias(name)]) {
          expect(verdict).toBeBoolean();
        }
      }),
    );
  });
});

describe("forwarded", () => {
  const isTrusted = compileCidrs(["10.0.0.0/8"]);
  const proxy = fc.ipV4().map((ip) => `10.${ip.split(".").slice(1).join(".")}`);
  const stranger = fc.ipV4().filter((ip) => !isTrusted(ip));
  const entry = fc.oneof(
    proxy,
    stranger,
    fc.ipV6(),
    garbage.map((text) => text.replaceAll(",", "")),
  );

  test("what stands left of the first untrusted entry has no influence", () => {
    fc.assert(
      fc.property(
        proxy,
        fc.array(proxy),
        stranger,
        fc.array(fc.oneof(entry, garbage)),
        (peer, chain, client, claims) => {
          const forwardedFor = [...claims, client, ...chain].join(", ");
          expect(clientAddress({ peer, forwardedFor, isTrusted })).toEqual({
            ip: client,
            hops: chain.length + 1,
          });
        },
      ),
    );
  });

  test("an untrusted peer is the client whatever it claims", () => {
    fc.assert(
      fc.property(stranger, garbage, (peer, forwardedFor) => {
        expect(clientAddress({ peer, forwardedFor, isTrusted })).toEqual({ ip: peer, hops: 0 });
      }),
    );
  });

  test("the client is always one normalised address, and what is sent names it first", () => {
    fc.assert(
      fc.property(proxy, fc.array(entry), fc.constantFrom(",", ", ", " ,\t"), (peer, entries, comma) => {
        const forwardedFor = entries.join(comma);
        const { ip, hops } = clientAddress({ peer, forwardedFor, isTrusted });
        expect(normalizeIp(ip)).toBe(ip);
        const sent = forwardedFields({
          ...{ peer, trusted: true, forwardedFor, hops },
          ...{ scheme: "http", authority: "a.test", localPort: 80 },
        }).forwardedFor;
        expect(isFieldValue(sent)).toBe(true);
        // Reading what is sent leads to the same client.
        expect(clientAddress({ peer: "10.0.0.1", forwardedFor: sent, isTrusted })).toEqual({
          ip,
          hops: hops + 1,
        });
        expect(sent.split(",").length).toBe(hops + 1);
      }),
      { numRuns: 2000 },
    );
  });

  test("no claim of a trusted peer can split a header", () => {
    const claim = fc.option(garbage, { nil: undefined });
    fc.assert(
      fc.property(claim, claim, claim, claim, (forwardedFor, proto, host, port) => {
        const peer = "10.0.0.1";
        const { hops } = clientAddress({ peer, forwardedFor, isTrusted });
        const fields = forwardedFields({
          ...{ peer, trusted: true, forwardedFor, proto, host, port, hops },
          ...{ scheme: "https", authority: "a.test", localPort: 443 },
        });
        for (const value of Object.values(fields)) expect(isFieldValue(value)).toBe(true);
        expect(fields.port).toMatch(/^[1-9]\d*$/);
        expect(["http", "https", "ws", "wss"]).toContain(fields.proto);
      }),
      { numRuns: 2000 },
    );
  });

  test("every pass adds one to the count, whatever the message said before", () => {
    fc.assert(
      fc.property(garbage, fc.integer({ min: 1, max: 15 }), (received, passes) => {
        let value = received;
        for (let i = 0; i < passes; i++) value = viaValue(value, i % 2 === 0 ? "1.1" : "1.0");
        expect(countOwnVia(value)).toBe(countOwnVia(received) + passes);
      }),
      { numRuns: 1000 },
    );
  });
});

describe("websocketHandshake", () => {
  test("never throws, and what it accepts is clean", () => {
    const name = fc.constantFrom(
      "upgrade",
      "connection",
      "sec-websocket-key",
      "sec-websocket-protocol",
      "sec-websocket-version",
    );
    const valid = ["upgrade", "websocket", "connection", "upgrade", "sec-websocket-version", "13"];
    const value = fc.oneof(
      garbage,
      token,
      fc.base64String({ minLength: 24, maxLength: 24 }),
      fc.constantFrom("websocket", "upgrade", "13"),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(name, value)), fc.boolean(), (lines, isMostlyValid) => {
        const headers = [...(isMostlyValid ? valid : []), ...lines.flat()];
        const result = websocketHandshake({ method: "GET", headers });
        if (result.kind !== "websocket") return;
        expect(Buffer.from(result.key, "base64").length).toBe(16);
        expect(result.protocols.every(isToken)).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });
});
