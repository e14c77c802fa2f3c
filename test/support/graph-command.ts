import { GRAPH_COMMANDS } from '../../src/commands/graph';
import { parseFlags } from '../../src/config/flags';
import { UserError } from '../../src/util/user-error';

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `spanwright graph <words>`. */
export async function graphCommand(name: string, ...words: readonly string[]): Promise<Outcome> {
  const command = GRAPH_COMMANDS.find(({ spec }) => spec.name === `spanwright graph ${name}`);
  if (!command) throw new Error(`no command 'graph ${name}'`);
  const flags = parseFlags(words, command.spec);
  if ('asked' in flags) throw new Error('expected flags, found a call for help');
  const written = { stdout: '', stderr: '' };
  const stream = (into: keyof typeof written) =>
    ({
      write(chunk: string | Uint8Array) {
        written[into] += typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('utf8');
        return true;
      },
    }) as NodeJS.WriteStream;
  const code = await command.run(flags, { stdout: stream('stdout'), stderr: stream('stderr') });
  return { code, ...written };
}

/** The message that a person gets of what fails. */
export async function errorOf(outcome: Promise<unknown>): Promise<string> {
  const error = await outcome.catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(UserError);
  return (error as UserError).message;
}
