/** How many workers "auto" is. */

import { describe, expect, test } from "bun:test";
import { readCgroupLimits, resolveWorkers } from "../../../src/cli/machine.ts";

const GIB = 1024 ** 3;

describe("resolveWorkers", () => {
  test.each([
    [{ cores: 4, memoryBytes: 16 * GIB }, 4],
    [{ cores: 64, memoryBytes: 64 * GIB }, 8],
    [{ cores: 4, memoryBytes: GIB / 4 }, 2],
    [{ cores: 0.5, memoryBytes: GIB }, 1],
    [{ cores: 1.5, memoryBytes: GIB }, 2],
    [{ cores: 4, memoryBytes: 64 * 1024 ** 2 }, 1],
  ])("gives %p its share", (machine, workers) => {
    expect(resolveWorkers("auto", machine)).toBe(workers);
  });

  test("leaves a number alone", () => {
    expect(resolveWorkers(32, { cores: 1, memoryBytes: GIB })).toBe(32);
  });
});

describe("readCgroupLimits", () => {
  const read = (files: Readonly<Record<string, string>>) => readCgroupLimits((path) => files[path]);

  test("takes the tightest limit on the way up", () => {
    const limits = read({
      "/proc/self/cgroup": "0::/system.slice/ophid.service\n",
      "/sys/fs/cgroup/system.slice/ophid.service/cpu.max": "max 100000\n",
      "/sys/fs/cgroup/system.slice/ophid.service/memory.max": "536870912\n",
      "/sys/fs/cgroup/system.slice/cpu.max": "150000 100000\n",
      "/sys/fs/cgroup/system.slice/memory.max": "max\n",
    });
    expect(limits).toEqual({ cores: 1.5, memoryBytes: 536_870_912 });
  });

  test("reads the root inside a container", () => {
    const limits = read({ "/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/cpu.max": "50000 100000\n" });
    expect(limits).toEqual({ cores: 0.5, memoryBytes: Number.POSITIVE_INFINITY });
  });

  test("knows no limit without cgroups or with files it cannot read", () => {
    const none = { cores: Number.POSITIVE_INFINITY, memoryBytes: Number.POSITIVE_INFINITY };
    expect(read({})).toEqual(none);
    expect(read({ "/proc/self/cgroup": "4:memory:/x\n" })).toEqual(none);
    expect(read({ "/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/cpu.max": "100 0\n" })).toEqual(none);
  });
});
