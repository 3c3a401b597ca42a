/** Why a command did not do what it was asked to, and the exit code that tells a script. */

/** 1 is final: a supervisor must not try again. 4: something was refused by policy, such as a drain out of time. */
export const EXIT = { done: 0, wrong: 1, failed: 2, notRunning: 3, refused: 4 } as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export interface Failure {
  readonly exitCode: ExitCode;
  /** "Cannot <action>: <state>". */
  readonly message: string;
  readonly hint?: string | undefined;
  /** Printed as it is, before the message: diagnostics with their places. */
  readonly details?: string | undefined;
}

export function wrong(message: string, hint?: string): Failure {
  return { exitCode: EXIT.wrong, message, hint };
}

export function failed(message: string, hint?: string): Failure {
  return { exitCode: EXIT.failed, message, hint };
}
