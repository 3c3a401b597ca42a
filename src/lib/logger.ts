/** What the program tells its operator; where it goes is decided by whoever makes one. */

export interface Logger {
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
}
