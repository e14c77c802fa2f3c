import { readFileSync } from 'node:fs';
import { describeSystemError, UserError } from '../util/user-error';

/** What a word of a command line is. */
export type CommandWord =
  | { readonly kind: 'long'; readonly name: string; readonly value: string | undefined }
  | { readonly kind: 'short'; readonly name: string }
  | { readonly kind: 'argument'; readonly text: string };

/** So many files may stand for arguments, one inside the other. More is a file that names itself. */
const MAX_FILES = 100;

/**
 * The words of a command line in the manner of the toolkit's flag library: `@file` stands for the lines of a file, which may name further
 * files; behind `--` all words are arguments.
 */
export class CommandWords {
  /** Read from the end. */
  private readonly rest: string[];
  private argumentsOnly = false;
  private filesRead = 0;

  constructor(argv: readonly string[]) {
    this.rest = [...argv].reverse();
  }

  /** @throws UserError where an arguments file cannot be read */
  next(): CommandWord | undefined {
    const word = this.take();
    if (word === undefined || this.argumentsOnly) return word === undefined ? undefined : argument(word);
    if (word.startsWith('--')) {
      const equals = word.indexOf('=');
      if (equals < 0) return { kind: 'long', name: word.slice(2), value: undefined };
      return { kind: 'long', name: word.slice(2, equals), value: word.slice(equals + 1) };
    }
    if (!word.startsWith('-') || word === '-') return argument(word);
    const [name = '', ...more] = word.slice(1);
    if (more.length > 0) this.rest.push(`-${more.join('')}`);
    return { kind: 'short', name };
  }

  /** The value of the flag that was read last; undefined where a flag or the end follows. */
  value(): string | undefined {
    const word = this.take();
    if (word === undefined || this.argumentsOnly || word === '-' || !word.startsWith('-')) return word;
    this.rest.push(word);
    return undefined;
  }

  private take(): string | undefined {
    for (;;) {
      const word = this.rest.pop();
      if (word === undefined || this.argumentsOnly) return word;
      if (word === '--') this.argumentsOnly = true;
      else if (word.startsWith('@')) for (const line of this.linesOf(word.slice(1)).reverse()) this.rest.push(line);
      else return word;
    }
  }

  /** One argument a line. */
  private linesOf(path: string): string[] {
    if (path === '') throw new UserError('expected @ file to expand arguments from');
    if (++this.filesRead > MAX_FILES) {
      throw new UserError(
        `failed to read arguments from "${path}": more than ${MAX_FILES} files; does one name itself?`,
      );
    }
    try {
      const lines = readFileSync(path, 'utf8').split(/\r?\n/);
      if (lines.at(-1) === '') lines.pop();
      return lines.filter((line) => !line.startsWith('#'));
    } catch (error) {
      throw new UserError(`failed to open arguments file "${path}": ${describeSystemError(error)}`);
    }
  }
}

function argument(text: string): CommandWord {
  return { kind: 'argument', text };
}
