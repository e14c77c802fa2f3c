import type { CommandSpec } from '../config/flag-spec';
import type { FlagValues } from '../config/flags';

/** Where a command's answer and its talk go. What it was asked for goes to `stdout`, all else to `stderr`. */
export interface CommandIo {
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
}

/** One entry of the table of commands. */
export interface Command {
  readonly spec: CommandSpec;
  /** @returns the exit code; @throws UserError for what the user can mend */
  run(flags: FlagValues, io: CommandIo): number | Promise<number>;
}
