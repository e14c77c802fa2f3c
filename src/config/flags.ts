import { readFileSync, statSync } from 'node:fs';
import { parseDuration } from '../util/duration';
import { describeSystemError, UserError } from '../util/user-error';

/** The greatest 64-bit number, which stands for no limit. */
const NO_LIMIT = (1n << 64n) - 1n;

interface FlagBase {
  readonly name: string;
  /** One line for `--help`. */
  readonly help: string;
  /** What stands for the value in `--help`. Default: the name in capitals. */
  readonly placeholder?: string;
  readonly required?: boolean;
}

/** A flag as the command line knows it: a name, a kind of value, a default, a line of help. */
export type FlagSpec =
  | (FlagBase & { readonly kind: 'bool' })
  | (FlagBase & { readonly kind: 'string'; readonly default?: string })
  /** A file or folder that must be there when the command line is read. */
  | (FlagBase & { readonly kind: 'existing-file' | 'existing-dir' })
  /** Words separated by blanks, in one argument. */
  | (FlagBase & { readonly kind: 'words' })
  | (FlagBase & { readonly kind: 'int' | 'number'; readonly default?: number })
  /** A 64-bit unsigned number; its greatest value stands for no limit. */
  | (FlagBase & { readonly kind: 'uint64'; readonly default?: number })
  /** Go's syntax: `8h`, `90m`, `1h30m`. Milliseconds. */
  | (FlagBase & { readonly kind: 'duration'; readonly default?: string })
  | (FlagBase & { readonly kind: 'enum'; readonly values: readonly string[]; readonly default?: string });

export interface CommandSpec {
  /** As typed: `spanwright build`. */
  readonly name: string;
  readonly summary: string;
  /** Names of positional arguments; `[x]` may be left out, `x...` repeats. */
  readonly arguments?: readonly string[];
  readonly flags: readonly FlagSpec[];
  /** Further lines of `--help`. */
  readonly notes?: readonly string[];
}

/** What the command line said, each flag by its name. */
export class FlagValues {
  constructor(
    private readonly values: ReadonlyMap<string, string | boolean | number | undefined>,
    readonly positional: readonly string[],
    /** Flags that stood on the command line. */
    readonly given: ReadonlySet<string>,
  ) {}

  string(name: string): string {
    return (this.values.get(name) as string | undefined) ?? '';
  }

  /** Undefined where the flag was not given, or given empty. */
  optionalString(name: string): string | undefined {
    return this.string(name) || undefined;
  }

  bool(name: string): boolean {
    return this.values.get(name) === true;
  }

  number(name: string): number {
    return this.values.get(name) as number;
  }

  optionalNumber(name: string): number | undefined {
    return this.values.get(name) as number | undefined;
  }

  words(name: string): string[] {
    return this.string(name).split(/\s+/).filter(Boolean);
  }
}

/** Asked for with `--help` or `--version`; not an error. */
export type Asked = { readonly asked: 'help' | 'version' };

/**
 * Reads a command line in the manner of the toolkit's flag library: `--flag=value` or `--flag value`, `--no-flag` for booleans,
 * `@file` for arguments from a file (one a line), `--` ends the flags.
 *
 * @throws UserError saying which flag is wrong
 */
export function parseFlags(argv: readonly string[], command: CommandSpec): FlagValues | Asked {
  const specs = new Map(command.flags.map((spec) => [spec.name, spec]));
  const raw = new Map<string, string | boolean>();
  const positional: string[] = [];
  const rest = [...argv];
  while (rest.length > 0) {
    const word = nextWord(rest);
    if (word === undefined) break;
    if (word === '--') {
      positional.push(...rest.splice(0));
    } else if (word === '-h' || word === '--help') {
      return { asked: 'help' };
    } else if (word === '--version') {
      return { asked: 'version' };
    } else if (word.startsWith('--')) {
      readFlag(word, rest, specs, raw);
    } else if (word.startsWith('-') && word.length > 1) {
      throw new UserError(`unknown short flag '${word}'`);
    } else positional.push(word);
  }
  checkPositional(positional, command.arguments ?? []);
  const values = new Map<string, string | boolean | number | undefined>();
  for (const spec of command.flags) values.set(spec.name, parseValue(spec, raw.get(spec.name)));
  return new FlagValues(values, positional, new Set(raw.keys()));
}

function readFlag(
  word: string,
  rest: string[],
  specs: ReadonlyMap<string, FlagSpec>,
  raw: Map<string, string | boolean>,
): void {
  const equals = word.indexOf('=');
  const name = equals < 0 ? word.slice(2) : word.slice(2, equals);
  let spec = specs.get(name);
  let value: string | boolean = true;
  if (!spec && name.startsWith('no-')) {
    spec = specs.get(name.slice(3));
    if (spec?.kind !== 'bool') spec = undefined;
    value = false;
  }
  if (!spec) throw new UserError(`unknown long flag '--${name}'`);
  if (raw.has(spec.name)) throw new UserError(`flag '${spec.name}' cannot be repeated`);
  if (spec.kind === 'bool') {
    if (equals >= 0) {
      const text = word.slice(equals + 1);
      if (text !== 'true' && text !== 'false')
        throw new UserError(`expected true or false for flag '--${name}', got '${text}'`);
      value = (text === 'true') === value;
    }
  } else {
    const text = equals >= 0 ? word.slice(equals + 1) : nextWord(rest);
    if (text === undefined || (equals < 0 && text.startsWith('--')))
      throw new UserError(`expected argument for flag '--${name}'`);
    value = text;
  }
  raw.set(spec.name, value);
}

function parseValue(spec: FlagSpec, raw: string | boolean | undefined): string | boolean | number | undefined {
  if (raw === undefined) {
    if (spec.required) throw new UserError(`required flag --${spec.name} not provided`);
    const otherwise = 'default' in spec ? spec.default : undefined;
    return spec.kind === 'duration' && typeof otherwise === 'string' ? parseDuration(otherwise) : otherwise;
  }
  if (typeof raw === 'boolean') return raw;
  const wrong = (expected: string) => new UserError(`flag '--${spec.name}': expected ${expected}, got '${raw}'`);
  switch (spec.kind) {
    case 'existing-file':
    case 'existing-dir':
      checkPath(raw, spec.kind === 'existing-dir');
      return raw;
    case 'enum':
      if (!spec.values.includes(raw))
        throw new UserError(`enum value must be one of ${spec.values.join(',')}, got '${raw}'`);
      return raw;
    case 'int':
      if (!/^[+-]?\d+$/.test(raw) || !Number.isSafeInteger(Number(raw))) throw wrong('a whole number');
      return Number(raw);
    case 'number': {
      const value = /^(inf|infinity)$/i.test(raw) ? Number.POSITIVE_INFINITY : Number(raw);
      if (raw.trim() === '' || Number.isNaN(value)) throw wrong('a number');
      return value;
    }
    case 'uint64': {
      if (!/^\+?\d+$/.test(raw) || BigInt(raw) >= 1n << 64n)
        throw wrong('a whole number from 0 to 18446744073709551615');
      return BigInt(raw) === NO_LIMIT ? Number.POSITIVE_INFINITY : Number(raw);
    }
    case 'duration': {
      const ms = parseDuration(raw);
      if (ms === undefined) throw wrong('a duration such as 8h, 90m or 1h30m');
      return ms;
    }
    default:
      return raw;
  }
}

function checkPath(path: string, directory: boolean): void {
  let isDirectory: boolean;
  try {
    isDirectory = statSync(path).isDirectory();
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'does not exist' : describeSystemError(error);
    throw new UserError(`path '${path}' ${why}`);
  }
  if (isDirectory !== directory) throw new UserError(`'${path}' is a ${isDirectory ? 'directory' : 'file'}`);
}

function checkPositional(found: readonly string[], names: readonly string[]): void {
  const required = names.filter((name) => !name.startsWith('['));
  if (found.length < required.length) throw new UserError(`required argument '${required[found.length]}' not provided`);
  const repeats = names.some((name) => name.includes('...'));
  if (!repeats && found.length > names.length) throw new UserError(`unexpected ${found[names.length]}`);
}

/** Takes the next argument; `@file` stands for those in the file, which may name further files. */
function nextWord(rest: string[]): string | undefined {
  let word = rest.shift();
  while (word !== undefined && word.length > 1 && word.startsWith('@')) {
    rest.unshift(...argumentsFrom(word.slice(1)));
    word = rest.shift();
  }
  return word;
}

/** One a line. */
function argumentsFrom(path: string): string[] {
  try {
    return readFileSync(path, 'utf8')
      .split(/\r?\n/)
      .filter((line) => line !== '' && !line.startsWith('#'));
  } catch (error) {
    throw new UserError(`cannot read arguments from ${path}: ${describeSystemError(error)}`);
  }
}

/** The text of `--help`: usage, arguments, flags with their defaults, notes. */
export function helpText(command: CommandSpec): string {
  const required = command.flags.filter((spec) => spec.required).map(flagUsage);
  const usage = [
    command.name,
    ...required,
    '[<flags>]',
    ...(command.arguments ?? []).map((name) => (name.startsWith('[') ? name : `<${name}>`)),
  ];
  const rows: [string, string][] = [
    ['-h, --help', 'Show this help.'],
    ['    --version', 'Show the version.'],
    ...command.flags.map((spec): [string, string] => [`    ${flagUsage(spec)}`, flagHelp(spec)]),
  ];
  const lines = [`usage: ${usage.join(' ')}`, '', command.summary, '', 'Flags:'];
  for (const [left, right] of rows) lines.push(...hang(left, right));
  if (command.notes) lines.push('', ...command.notes);
  return `${lines.join('\n')}\n`;
}

function flagUsage(spec: FlagSpec): string {
  if (spec.kind === 'bool') return `--[no-]${spec.name}`;
  if (spec.kind === 'enum') return `--${spec.name}=${spec.placeholder ?? spec.values.join('|')}`;
  return `--${spec.name}=${spec.placeholder ?? spec.name.toUpperCase()}`;
}

function flagHelp(spec: FlagSpec): string {
  const value = 'default' in spec ? spec.default : undefined;
  const shown = spec.kind === 'uint64' && value === Number.POSITIVE_INFINITY ? NO_LIMIT : value;
  const otherwise = shown !== undefined && shown !== '' ? ` Default: ${shown}.` : '';
  return `${spec.help}${spec.required ? ' Required.' : ''}${otherwise}`;
}

/** A row of help: the flag, then its text from a fixed column on, wrapped. */
function hang(left: string, right: string, column = 34, width = 110): string[] {
  const lines: string[] = [];
  let line = `  ${left}`;
  if (line.length >= column - 1) {
    lines.push(line);
    line = '';
  }
  line = line.padEnd(column);
  for (const word of right.split(' ')) {
    if (line.length + word.length > width && line.trim() !== '') {
      lines.push(line.trimEnd());
      line = ' '.repeat(column);
    }
    line += `${word} `;
  }
  lines.push(line.trimEnd());
  return lines;
}
