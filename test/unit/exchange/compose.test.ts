import { describe, expect, test } from "bun:test";
import { compose } from "../../../src/exchange/compose.ts";
import type { Handler, Middleware } from "../../../src/exchange/exchange.ts";
import { createExchange } from "../../support/exchange.ts";

const seen: string[] = [];
const named =
  (name: string): Middleware =>
  (next) =>
  (exchange) => {
    seen.push(name);
    return next(exchange);
  };
const terminal: Handler = () => ({ status: 200, headers: [], body: { kind: "none" } });

describe("compose", () => {
  test("the first middleware is the outermost", () => {
    seen.length = 0;
    compose([named("a"), named("b"), named("c")], terminal)(createExchange());
    expect(seen).toEqual(["a", "b", "c"]);
  });

  test("no middleware is the terminal itself", () => {
    expect(compose([], terminal)).toBe(terminal);
  });
});
