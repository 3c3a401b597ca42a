import { describe, expect, test } from "bun:test";
import { createRespond } from "../../../src/middleware/respond.ts";
import { answerOf } from "../../support/exchange.ts";

describe("createRespond", () => {
  const respond = (status: number) => createRespond({ status, body: "h\u00e9", contentType: "text/plain" });

  test("answers with the configured bytes", () => {
    expect(answerOf(respond(200))).toEqual({
      status: 200,
      headers: ["Content-Type", "text/plain"],
      body: { kind: "bytes", bytes: new TextEncoder().encode("h\u00e9"), keepLength: true },
    });
  });

  test("row 38: HEAD gets the length without the body", () => {
    const { headers, body } = answerOf(respond(200), { method: "HEAD" });
    expect([headers, body.kind]).toEqual([["Content-Type", "text/plain", "Content-Length", "3"], "none"]);
  });

  test.each([204, 304])("row 38: %i has neither body nor length", (status) => {
    for (const method of ["GET", "HEAD"]) {
      expect(answerOf(respond(status), { method })).toEqual({ status, headers: [], body: { kind: "none" } });
    }
  });

  test("answers do not share their headers, since middleware edits them", () => {
    const handler = respond(200);
    answerOf(handler).headers.push("X-A", "1");
    expect(answerOf(handler).headers).toEqual(["Content-Type", "text/plain"]);
  });
});
