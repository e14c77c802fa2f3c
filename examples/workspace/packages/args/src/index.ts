import { err, ok, type Result } from '@workspace/result';
import { pad, width, wrap } from '@workspace/text';

export interface Option {
  readonly summary: string;
  /** What the option's value is called in the help. Without it the option is a flag. */
  readonly value?: string;
}

export interface Command {
  readonly name: string;
  readonly summary: string;
  readonly operands: string;
  readonly options: Readonly<Record<string, Option>>;
}

export interface Args {
  readonly operands: string[];
  readonly flags: Set<string>;
  readonly values: Map<string, string>;
}

/** Sorts the arguments into flags, values (`--start 10:00` or `--start=10:00`) and operands. */
export function parseArgs(command: Command, argv: readonly string[]): Result<Args> {
  const args: Args = { operands: [], flags: new Set(), values: new Map() };
  const rest = [...argv];
  for (let arg = rest.shift(); arg !== undefined; arg = rest.shift()) {
    if (arg === '--') {
      args.operands.push(...rest);
      break;
    }
    if (!arg.startsWith('--')) {
      args.operands.push(arg);
      continue;
    }
    const [, name = '', attached] = /^--([^=]*)(?:=(.*))?$/s.exec(arg) ?? [];
    const option = Object.hasOwn(command.options, name) ? command.options[name] : undefined;
    if (!option) return err(`there is no option --${name}`);
    if (option.value === undefined) {
      if (attached !== undefined) return err(`--${name} takes no value`);
      args.flags.add(name);
    } else {
      const value = attached ?? rest.shift();
      if (value === undefined) return err(`--${name} needs a value: --${name} ${option.value}`);
      args.values.set(name, value);
    }
  }
  return ok(args);
}

/** The help text, made from the same description that {@link parseArgs} goes by. */
export function help(command: Command, columns = 80): string {
  const options = Object.entries(command.options).map(([name, { value, summary }]) => ({
    usage: value === undefined ? `--${name}` : `--${name} ${value}`,
    summary,
  }));
  const indent = 2;
  const left = Math.max(...options.map(({ usage }) => width(usage))) + 2;
  const lines = options.flatMap(({ usage, summary }) =>
    wrap(summary, columns - indent - left).map(
      (line, i) => ' '.repeat(indent) + pad(i === 0 ? usage : '', left) + line,
    ),
  );
  return [`Usage: ${command.name} [options] ${command.operands}`, '', command.summary, '', ...lines, ''].join('\n');
}
