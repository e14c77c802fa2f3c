import type { CommandSpec } from '../config/flag-spec';
import { helpText, parseFlags } from '../config/flags';
import { UserError } from '../util/user-error';
import type { Command } from './command';

/** A reader that goes away (`| head`) must not stop what we do. */
function heedReader(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
}

/**
 * Reads a command's flags, runs it, and sets the exit code. What the user can mend is one line on stderr; a bug keeps its stack.
 *
 * @param load gets the command when it is really wanted, so that `--version` and `--help` load nothing
 */
export async function runCommand(
  program: string,
  spec: CommandSpec,
  argv: readonly string[],
  load: () => Command,
): Promise<void> {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', heedReader);
  try {
    const flags = parseFlags(argv, spec);
    if ('asked' in flags) {
      process.stdout.write(
        flags.asked === 'help'
          ? helpText(spec)
          : `${(require('../util/version') as typeof import('../util/version')).VERSION}\n`,
      );
      return;
    }
    process.exitCode = await load().run(flags, { stdout: process.stdout, stderr: process.stderr });
    // What is still on its way to a collector has had its time. Nothing else is left to wait for.
    setTimeout(() => process.exit(), 100).unref();
  } catch (error) {
    if (error instanceof UserError) {
      process.stderr.write(`${program}: error: ${error.message}, try --help\n`);
      process.exitCode = 1;
      return;
    }
    process.stderr.write(`${program}: ${error instanceof Error ? error.stack : String(error)}\n`);
    process.exitCode = 2;
  }
}
