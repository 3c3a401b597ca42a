/** `curl … | sh` against a local web server: what a person gets, and what can go wrong without harm. */

import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { readdir } from "node:fs/promises";
import {
  type Lab,
  closeLab,
  createLab,
  fakeBinary,
  hostPlatform,
  makePlace,
  publish,
  publishText,
  readVersion,
  resetLab,
  runPiped,
} from "../support/install-lab.ts";

let lab: Lab;

beforeAll(async () => {
  lab = await createLab();
});

afterAll(async () => {
  await closeLab(lab);
});

beforeEach(() => {
  resetLab(lab);
});

describe("install.sh through a pipe", () => {
  test("installs, says where, and is idempotent", async () => {
    const place = await makePlace(lab);
    publish(lab, "1.0.0");
    const first = await runPiped(lab, place);
    expect(first).toMatchObject({ exitCode: 0, stderr: "" });
    expect(first.stdout).toContain(`Installed ophid 1.0.0 (abc) to ${place.target}\n`);
    expect(await readVersion(place)).toBe("ophid 1.0.0 (abc)\n");

    lab.requests.length = 0;
    const second = await runPiped(lab, place);
    expect(second).toMatchObject({ exitCode: 0, stderr: "" });
    expect(second.stdout).toContain(`ophid 1.0.0 (abc) is already up to date (${place.target})\n`);
    expect(lab.requests).toEqual(["/release/SHA256SUMS"]);
    expect(await readdir(place.installDir)).toEqual(["ophid"]);
  });

  test("upgrades and names both versions", async () => {
    const place = await makePlace(lab);
    publish(lab, "1.0.0");
    await runPiped(lab, place);
    publish(lab, "1.1.0");
    const { exitCode, stdout } = await runPiped(lab, place);
    expect(exitCode).toBe(0);
    expect(stdout).toContain(`Upgraded ${place.target}: 1.0.0 (abc) -> 1.1.0 (abc)\n`);
    expect(await readVersion(place)).toBe("ophid 1.1.0 (abc)\n");
  });

  test("refuses a wrong checksum and leaves the old one in place", async () => {
    const place = await makePlace(lab);
    publish(lab, "1.0.0");
    await runPiped(lab, place);
    publish(lab, "1.1.0");
    lab.files.set(`/release/ophid-${hostPlatform()}`, fakeBinary("6.6.6"));
    const { exitCode, stderr } = await runPiped(lab, place);
    expect(exitCode).toBe(1);
    expect(stderr).toContain("does not match its SHA-256, nothing was installed");
    expect(await readVersion(place)).toBe("ophid 1.0.0 (abc)\n");
    expect(await readdir(place.installDir)).toEqual(["ophid"]);
  });

  test("refuses a binary that does not start here and leaves the old one in place", async () => {
    const place = await makePlace(lab);
    publish(lab, "1.0.0");
    await runPiped(lab, place);
    publishText(lab, "#!/bin/sh\necho 'library not found' >&2\nexit 127\n");
    const { exitCode, stderr } = await runPiped(lab, place);
    expect(exitCode).toBe(1);
    expect(stderr).toContain("does not start here, nothing was installed");
    expect(stderr).toContain("library not found");
    expect(await readVersion(place)).toBe("ophid 1.0.0 (abc)\n");
  });

  test("does nothing when the script is cut short anywhere", async () => {
    const place = await makePlace(lab);
    publish(lab, "1.0.0");
    const { script } = lab;
    const lines = script.split("\n");
    const cuts = lines.map((_, index) => lines.slice(0, index).join("\n").length);
    // Byte by byte up to and inside the call at the end, the only line that starts anything.
    const call = script.lastIndexOf("\nmain ") + 1;
    for (let length = call - 20; length < call + 4; length += 1) cuts.push(length);
    expect(cuts.length).toBeGreaterThan(200);
    for (const length of cuts.filter((cut) => cut < call + 4)) {
      await runPiped(lab, place, { text: script.slice(0, length) });
      if (lab.requests.length > 0) throw new Error(`The first ${length} bytes made a request`);
    }
    expect(await readdir(place.installDir)).toEqual([]);
    expect((await runPiped(lab, place)).exitCode).toBe(0);
  });

  test("uses wget when curl is missing, and says so when both are", async () => {
    publish(lab, "1.0.0");
    const place = await makePlace(lab, { without: ["curl"] });
    expect((await runPiped(lab, place)).exitCode).toBe(0);
    expect(await readVersion(place)).toBe("ophid 1.0.0 (abc)\n");

    const bare = await makePlace(lab, { without: ["curl", "wget"] });
    const { exitCode, stderr } = await runPiped(lab, bare);
    expect(exitCode).toBe(1);
    expect(stderr).toContain("Neither curl nor wget is here");
  });

  test("uses shasum when sha256sum is missing, and refuses to go on without either", async () => {
    publish(lab, "1.0.0");
    const real = Bun.which("sha256sum") ?? `${Bun.which("shasum")} -a 256`;
    const shasum = `[ "$*" = "-a 256" ] && exec ${real}`;
    const place = await makePlace(lab, { without: ["sha256sum"], stubs: { shasum } });
    expect((await runPiped(lab, place)).exitCode).toBe(0);
    const bare = await makePlace(lab, { without: ["sha256sum", "shasum"] });
    const { exitCode, stderr } = await runPiped(lab, bare);
    expect(exitCode).toBe(1);
    expect(stderr).toContain("cannot be verified");
    expect(await readdir(bare.installDir)).toEqual([]);
  });

  test("names what is offered when this platform is not", async () => {
    const place = await makePlace(lab);
    lab.files.set(
      "/release/SHA256SUMS",
      `${"0".repeat(64)}  ophid-plan9-x64\n${"1".repeat(64)} *ophid-beos-x64\n`,
    );
    const { exitCode, stderr } = await runPiped(lab, place);
    expect(exitCode).toBe(1);
    expect(stderr).toContain(`No ophid for ${hostPlatform()}`);
    expect(stderr).toContain("(offered: plan9-x64 beos-x64)");
  });

  test("says what could not be downloaded", async () => {
    const place = await makePlace(lab);
    expect((await runPiped(lab, place)).stderr).toContain("Cannot download http://127.0.0.1:");
    publish(lab, "1.0.0");
    lab.files.delete(`/release/ophid-${hostPlatform()}`);
    const { exitCode, stderr } = await runPiped(lab, place);
    expect(exitCode).toBe(1);
    expect(stderr).toContain(`/release/ophid-${hostPlatform()}`);
    expect(await readdir(place.installDir)).toEqual([]);
  });

  test("needs an address, from the environment or stamped in by the release", async () => {
    const place = await makePlace(lab);
    publish(lab, "1.0.0");
    const { exitCode, stderr } = await runPiped(lab, place, { env: { OPHID_BASE_URL: "" } });
    expect(exitCode).toBe(1);
    expect(stderr).toContain("Set OPHID_BASE_URL");
    const stamped = lab.script.replace("release_base_url=''", `release_base_url='${lab.baseUrl}/'`);
    expect((await runPiped(lab, place, { env: { OPHID_BASE_URL: "" }, text: stamped })).exitCode).toBe(0);
  });
});
