/** Removes, sets and adds response fields. Rules for requests are applied where the request is written. */

import type { Answer, Middleware } from "../exchange/exchange.ts";
import { type MutableHeaderList, removeHeader } from "../http/headers.ts";
import type { HeaderRules } from "../snapshot/types.ts";

export function withResponseHeaders(rules: HeaderRules): Middleware {
  const removed = [...rules.remove, ...namesOf(rules.set)].map((name) => name.toLowerCase());
  const lines = [...rules.set, ...rules.add].map(toHeaderText);
  const edit = (answer: Answer): Answer => {
    applyRules(answer.headers, removed, lines);
    return answer;
  };
  return (next) => (exchange) => {
    const answer = next(exchange);
    return answer instanceof Promise ? answer.then(edit) : edit(answer);
  };
}

export function isEmptyRules(rules: HeaderRules): boolean {
  return rules.remove.length === 0 && rules.set.length === 0 && rules.add.length === 0;
}

function applyRules(headers: MutableHeaderList, removed: readonly string[], lines: readonly string[]): void {
  for (const name of removed) removeHeader(headers, name);
  for (const part of lines) headers.push(part);
}

function namesOf(list: readonly string[]): string[] {
  return list.filter((_, index) => index % 2 === 0);
}

/** Header text is one character a byte; the configuration is UTF-8. */
function toHeaderText(text: string): string {
  return Buffer.from(text, "utf8").toString("latin1");
}
