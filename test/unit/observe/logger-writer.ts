/** A process that logs one line of each level: `logger-writer.ts TARGET LEVEL`. */

import { createLogger, type LogLevel } from "../../../src/observe/logger.ts";

const [target = "stderr", level = "info"] = process.argv.slice(2);

const logger = createLogger({ target, level: level as LogLevel });
if (!logger.ok) throw new Error(logger.error);

logger.value.error("first line\nforged line \x1b[31m");
logger.value.warn("warned");
logger.value.info("informed");
logger.value.debug("debugged");
// No flush: the exit of a process must not lose its last words.
process.exit(0);
