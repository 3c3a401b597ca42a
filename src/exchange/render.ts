/** Turns a failure into the answer a client gets: JSON, a small page or plain text, by its Accept field. */

import { getHeader, type HeaderList, type MutableHeaderList } from "../http/headers.ts";
import { reasonPhrase } from "../http/status.ts";
import type { ProxyError } from "./error.ts";
import type { Answer } from "./exchange.ts";
import { rescue } from "./rescue.ts";

export function renderError(error: ProxyError, requestHeaders: HeaderList, extra: HeaderList = []): Answer {
  const { status, sentence, retryAfterSeconds } = rescue(error);
  const title = `${status} ${reasonPhrase(status)}`;
  const [contentType, body] = formatBody(getHeader(requestHeaders, "accept") ?? "", status, title, sentence);
  const headers: MutableHeaderList = ["Content-Type", contentType, "Cache-Control", "no-store", ...extra];
  if (retryAfterSeconds !== undefined) headers.push("Retry-After", String(retryAfterSeconds));
  return { status, headers, body: { kind: "bytes", bytes: encoder.encode(body) } };
}

const encoder = new TextEncoder();

/** Only fixed sentences and numbers of ours get here, so nothing needs escaping. */
function formatBody(accept: string, status: number, title: string, sentence: string): [string, string] {
  if (accept.includes("text/html")) return ["text/html; charset=utf-8", formatPage(title, sentence)];
  if (accept.includes("json")) {
    return ["application/problem+json", `${JSON.stringify({ title, status, detail: sentence })}\n`];
  }
  return ["text/plain; charset=utf-8", `${title}\n${sentence}\n`];
}

function formatPage(title: string, sentence: string): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${title}</title>
<style>body{font:1rem/1.5 system-ui,sans-serif;max-width:32rem;margin:20vh auto;padding:0 1rem;color:#222}
@media(prefers-color-scheme:dark){body{background:#111;color:#ddd}}</style></head>
<body><h1>${title}</h1><p>${sentence}.</p></body></html>
`;
}
