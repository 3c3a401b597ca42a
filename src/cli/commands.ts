/** All commands of the program; each is loaded only when it is asked for. */

import type { Entry, Group } from "./command.ts";
import type { Verb } from "./verb.ts";

const route: Group = {
  summary: "Add, list and remove routes",
  children: {
    add: verb(
      "Add a route, at once if the proxy runs",
      async () => (await import("./route-add.ts")).routeAdd,
    ),
    list: verb("List the routes", async () => (await import("./route-list.ts")).routeList),
    remove: verb(
      "Remove a route that was added",
      async () => (await import("./route-remove.ts")).routeRemove,
    ),
  },
};

const proxy: Group = {
  summary: "Run and control the proxy",
  children: {
    start: verb("Start the proxy", async () => (await import("./start.ts")).start),
    stop: verb("Stop the proxy; requests under way may finish", async () => (await import("./stop.ts")).stop),
    reload: verb("Switch to the changed configuration", async () => (await import("./reload.ts")).reload),
    status: verb("Show what runs", async () => (await import("./status.ts")).status),
    logs: verb("Show the access log", async () => (await import("./logs.ts")).logs),
    route: { kind: "group", group: route },
    validate: verb("Check a configuration", async () => (await import("./validate.ts")).validate),
    explain: verb(
      "Show which route takes a request and why",
      async () => (await import("./explain.ts")).explain,
    ),
  },
};

export const commands: Group = {
  summary: "A reverse proxy in one binary",
  children: {
    proxy: { kind: "group", group: proxy },
    demo: verb("Two built-in backends behind the proxy, for a first look", async () => {
      return (await import("./demo.ts")).demo;
    }),
    version: verb("Show the version of this build", async () => (await import("./version.ts")).version),
  },
};

function verb(summary: string, load: () => Promise<Verb>): Entry {
  return { kind: "verb", summary, load };
}
