import { parseDuration } from '../util/duration';
import { UserError } from '../util/user-error';
import { CommandWords } from './command-words';
import type { CommandSpec, FlagSpec } from './flag-spec';
import { NO_LIMIT, parseValue } from './flag-values';

type FlagValue = string | boolean | number | readonly string[] | undefined;

/** What the command line said, each flag by its name. */
export class FlagValues {
  constructor(
    private readonly values: ReadonlyMap<string, FlagValue>,
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

  /** Of a flag that may be repeated; empty where it was not given. */
  list(name: string): readonly string[] {
    return (this.values.get(name) as readonly string[] | undefined) ?? [];
  }
}

/** Asked for with `--help` or `--version`; not an error. */
export type Asked = { readonly asked: 'help' | 'version' };

/** Flags that every command has. The toolkit's library has three kinds of help; here they are one. */
const BUILT_IN = new Map<string, Asked>([
  ['help', { asked: 'help' }],
  ['help-long', { asked: 'help' }],
  ['help-man', { asked: 'help' }],
  ['version', { asked: 'version' }],
]);

/**
 * Reads a command line in the manner of the toolkit's flag library: `--flag=value` or `--flag value`, `--no-flag` for booleans,
 * `@file` for arguments from a file (one a line), `--` ends the flags.
 *
 * As there, the words are read first, to the first that makes no sense; then values are looked at, in their order; then what is missing.
 *
 * @throws UserError saying which flag is wrong
 */
export function parseFlags(argv: readonly string[], command: CommandSpec): FlagValues | Asked {
  const line = new CommandLine(command);
  try {
    line.read(new CommandWords(argv));
  } catch (error) {
    if (line.asked === 'version') return { asked: 'version' };
    throw error;
  }
  return line.asked ? { asked: line.asked } : line.values();
}

/** A flag and its value, as typed. */
interface Given {
  readonly spec: FlagSpec;
  readonly value: string | boolean;
}

class CommandLine {
  asked: 'help' | 'version' | undefined;
  private readonly given: Given[] = [];
  private readonly positional: string[] = [];
  private readonly specs: ReadonlyMap<string, FlagSpec>;
  private readonly maxArguments: number;

  constructor(private readonly command: CommandSpec) {
    this.specs = new Map(command.flags.map((spec) => [spec.name, spec]));
    const names = command.arguments ?? [];
    this.maxArguments = names.some((name) => name.includes('...')) ? Number.POSITIVE_INFINITY : names.length;
  }

  read(words: CommandWords): void {
    for (let word = words.next(); word !== undefined; word = words.next()) {
      if (word.kind === 'long') this.readLong(word.name, word.value, words);
      else if (word.kind === 'short') {
        if (word.name !== 'h') throw new UserError(`unknown short flag '-${word.name}'`);
        this.ask('help');
      } else this.readArgument(word.text);
    }
  }

  values(): FlagValues {
    const values = new Map<string, FlagValue>();
    const given = new Set<string>();
    for (const { spec, value } of this.given) {
      const parsed = typeof value === 'boolean' ? value : parseValue(spec, value);
      if (spec.kind === 'existing-dirs') {
        values.set(spec.name, [...((values.get(spec.name) as readonly string[] | undefined) ?? []), parsed as string]);
      } else if (given.has(spec.name)) throw new UserError(`flag '${spec.name}' cannot be repeated`);
      else values.set(spec.name, parsed);
      given.add(spec.name);
    }
    this.requireAll(given);
    for (const spec of this.command.flags) if (!given.has(spec.name)) values.set(spec.name, defaultOf(spec));
    return new FlagValues(values, this.positional, given);
  }

  private readLong(name: string, value: string | undefined, words: CommandWords): void {
    const builtIn = BUILT_IN.get(name);
    if (builtIn) return this.ask(builtIn.asked);
    let spec = this.specs.get(name);
    let negated = false;
    if (!spec && name.startsWith('no-')) {
      spec = this.specs.get(name.slice(3));
      negated = true;
    }
    if (!spec || (negated && spec.kind !== 'bool')) throw new UserError(`unknown long flag '--${name}'`);
    if (spec.kind === 'bool') {
      if (value !== undefined && value !== 'true' && value !== 'false')
        throw new UserError(`expected true or false for flag '--${name}', got '${value}'`);
      this.given.push({ spec, value: (value !== 'false') !== negated });
      return;
    }
    const text = value ?? words.value();
    if (text === undefined) throw new UserError(`expected argument for flag '--${name}'`);
    this.given.push({ spec, value: text });
  }

  private readArgument(text: string): void {
    if (this.positional.length >= this.maxArguments) throw new UserError(`unexpected ${text || "''"}`);
    this.positional.push(text);
  }

  private ask(asked: 'help' | 'version'): void {
    if (this.asked !== 'version') this.asked = asked;
  }

  private requireAll(given: ReadonlySet<string>): void {
    const missing = this.command.flags.filter((spec) => spec.required && !given.has(spec.name));
    const [first, ...more] = missing.map(({ name }) => `--${name}`);
    if (first !== undefined) {
      throw new UserError(`required flag ${first} not provided${more.length > 0 ? `, nor ${more.join(', ')}` : ''}`);
    }
    const required = (this.command.arguments ?? []).filter((name) => !name.startsWith('['));
    if (this.positional.length < required.length) {
      throw new UserError(`required argument '${required[this.positional.length]}' not provided`);
    }
  }
}

function defaultOf(spec: FlagSpec): FlagValue {
  const otherwise = 'default' in spec ? spec.default : undefined;
  return spec.kind === 'duration' && typeof otherwise === 'string' ? parseDuration(otherwise) : otherwise;
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
  const more = spec.kind === 'existing-dirs' ? ' ...' : '';
  return `--${spec.name}=${spec.placeholder ?? spec.name.toUpperCase()}${more}`;
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
