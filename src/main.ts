/** The entry of the program: a worker if its master says so, otherwise a command; the only place that ends the process. */

import process from "node:process";

const args = process.argv.slice(2);

// A worker starts often and while requests wait: it loads the data plane and nothing of the command line.
const exitCode = args[0] === "__worker" ? await runWorker() : await runCommand();
process.exit(exitCode);

async function runWorker(): Promise<number> {
  const { runWorkerRole } = await import("./cli/worker-role.ts");
  return await runWorkerRole();
}

async function runCommand(): Promise<number> {
  const { runCli } = await import("./cli/run.ts");
  const { env, stdout, stderr } = process;
  return await runCli({ args, env, cwd: process.cwd(), stdout, stderr });
}
