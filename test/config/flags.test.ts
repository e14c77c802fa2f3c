import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CommandSpec, FlagSpec } from '../../src/config/flag-spec';
import { FlagValues, helpText, parseFlags } from '../../src/config/flags';
import { UserError } from '../../src/util/user-error';

const command: CommandSpec = {
  name: 'spanwright build',
  summary: 'Builds a graph.',
  flags: [
    { kind: 'string', name: 'output', help: 'Where the graph is written.' },
    { kind: 'string', name: 'dist-tag', help: 'Passed on.', default: '.azl3' },
    { kind: 'existing-file', name: 'input', help: 'The graph to build.' },
    { kind: 'existing-dir', name: 'rpm-dir', help: 'Where RPMs are.' },
    { kind: 'words', name: 'packages', help: 'What to build.' },
    { kind: 'int', name: 'workers', help: 'How many at once.', default: 0 },
    { kind: 'number', name: 'speedup', help: 'How fast.' },
    { kind: 'uint64', name: 'max-cascading-rebuilds', help: 'How far.', default: Number.POSITIVE_INFINITY },
    { kind: 'duration', name: 'timeout', help: 'How long.', default: '99h' },
    {
      kind: 'enum',
      name: 'license-check-mode',
      help: 'How strict.',
      values: ['none', 'warn', 'pedantic', 'fatal'],
      default: 'fatal',
    },
    { kind: 'enum', name: 'build-agent', help: 'Who builds.', values: ['test-agent', 'chroot-agent'] },
    { kind: 'bool', name: 'no-cache', help: 'Never reuse.' },
    { kind: 'bool', name: 'stop-on-failure', help: 'Stop at once.' },
  ],
};
const withFlags = (...flags: FlagSpec[]): CommandSpec => ({ name: 'x', summary: 'X.', flags });
const withArguments = (...names: string[]): CommandSpec => ({ ...withFlags(), arguments: names });

function parse(argv: string[], spec = command): FlagValues {
  const values = parseFlags(argv, spec);
  if (!(values instanceof FlagValues)) throw new Error(`expected values, found ${JSON.stringify(values)}`);
  return values;
}
function failureOf(argv: string[], spec = command): string {
  try {
    parseFlags(argv, spec);
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    expect((error as UserError).message).not.toContain('\n');
    return (error as UserError).message;
  }
  throw new Error(`expected ${argv.join(' ')} to be wrong`);
}

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'flags-'));
  writeFileSync(join(folder, 'file'), 'x');
  mkdirSync(join(folder, 'dir'));
  symlinkSync('file', join(folder, 'link'));
  symlinkSync('nowhere', join(folder, 'dangling'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const path = (name: string): string => join(folder, name);

describe('values', () => {
  test('stand behind = or in the next argument', () => {
    expect(parse(['--output=a']).string('output')).toBe('a');
    expect(parse(['--output', 'a']).string('output')).toBe('a');
    expect(parse(['--output', 'a', '--dist-tag=b']).string('dist-tag')).toBe('b');
  });

  test('behind = may hold anything: more =, blanks, dashes, nothing', () => {
    expect(parse(['--output=a=b=c']).string('output')).toBe('a=b=c');
    expect(parse(['--output= a b ']).string('output')).toBe(' a b ');
    expect(parse(['--output=--dist-tag']).string('output')).toBe('--dist-tag');
    expect(parse(['--output=-1']).string('output')).toBe('-1');
    expect(parse(['--output=']).string('output')).toBe('');
  });

  test('in the next argument may be empty or a dash, but no flag', () => {
    expect(parse(['--output', '']).string('output')).toBe('');
    expect(parse(['--output', '-']).string('output')).toBe('-');
    expect(failureOf(['--output', '--dist-tag', 'x'])).toBe("expected argument for flag '--output'");
    expect(failureOf(['--workers', '-1'])).toBe("expected argument for flag '--workers'");
    expect(failureOf(['--output'])).toBe("expected argument for flag '--output'");
  });

  test('in the next argument may begin with dashes behind --', () => {
    const values = parse(['--output', '--', '--x', '--dist-tag'], { ...command, arguments: ['[x]'] });
    expect([values.string('output'), values.positional]).toEqual(['--x', ['--dist-tag']]);
  });

  test('that were not given are the defaults, or nothing', () => {
    const values = parse([]);
    expect([values.string('output'), values.optionalString('output')]).toEqual(['', undefined]);
    expect(values.string('dist-tag')).toBe('.azl3');
    expect(values.number('workers')).toBe(0);
    expect(values.optionalNumber('speedup')).toBeUndefined();
    expect(values.number('max-cascading-rebuilds')).toBe(Number.POSITIVE_INFINITY);
    expect(values.number('timeout')).toBe(99 * 3_600_000);
    expect(values.string('license-check-mode')).toBe('fatal');
    expect(values.string('build-agent')).toBe('');
    expect(values.bool('no-cache')).toBe(false);
    expect(values.words('packages')).toEqual([]);
    expect(values.given.size).toBe(0);
  });

  test('given empty take the place of the default', () => {
    expect(parse(['--dist-tag=']).string('dist-tag')).toBe('');
    expect(parse(['--dist-tag=']).optionalString('dist-tag')).toBeUndefined();
  });

  test('are known to be given, under the flag’s own name', () => {
    expect([...parse(['--no-no-cache', '--output=', '--no-stop-on-failure']).given].sort()).toEqual([
      'no-cache',
      'output',
      'stop-on-failure',
    ]);
  });

  test('are given once', () => {
    expect(failureOf(['--output=a', '--output=a'])).toBe("flag 'output' cannot be repeated");
    expect(failureOf(['--stop-on-failure', '--no-stop-on-failure'])).toBe("flag 'stop-on-failure' cannot be repeated");
  });

  test('are given several times where they are of that kind, and each value is looked at', () => {
    const dirs = withFlags({ kind: 'existing-dirs', name: 'rpm-dirs', help: 'Where RPMs are.' });
    expect(parse(['--rpm-dirs', '/', '--rpm-dirs=.'], dirs).list('rpm-dirs')).toEqual(['/', '.']);
    expect(parse([], dirs).list('rpm-dirs')).toEqual([]);
    expect(failureOf(['--rpm-dirs=/', '--rpm-dirs='], dirs)).toBe("path '' does not exist");
    expect(helpText(dirs)).toContain('--rpm-dirs=RPM-DIRS ...');
  });
});

describe('switches', () => {
  test.each([
    [['--no-cache'], true],
    [['--no-no-cache'], false],
    [['--no-cache=true'], true],
    [['--no-cache=false'], false],
    [['--no-no-cache=true'], false],
    [['--no-no-cache=false'], true],
  ])('%p: a flag named no-cache is %p', (argv, expected) => {
    expect(parse(argv).bool('no-cache')).toBe(expected);
  });

  test('take no value from the next argument', () => {
    const values = parse(['--stop-on-failure', 'false'], { ...command, arguments: ['[x]'] });
    expect(values.bool('stop-on-failure')).toBe(true);
    expect(values.positional).toEqual(['false']);
  });

  test.each(['--no-cache=yes', '--no-cache=1', '--no-cache=', '--no-no-cache=TRUE'])(
    '%s is neither true nor false',
    (word) => {
      expect(failureOf([word])).toContain('expected true or false');
    },
  );

  test('only switches have an opposite', () => {
    expect(failureOf(['--no-output'])).toBe("unknown long flag '--no-output'");
    expect(failureOf(['--no-workers=1'])).toBe("unknown long flag '--no-workers'");
    expect(failureOf(['--no-cache-dir'])).toBe("unknown long flag '--no-cache-dir'");
    expect(failureOf(['--no-no-no-cache'])).toBe("unknown long flag '--no-no-no-cache'");
  });

  test('a flag comes before the opposite of another', () => {
    const both = withFlags({ kind: 'bool', name: 'cache', help: '' }, { kind: 'bool', name: 'no-cache', help: '' });
    const values = parse(['--no-cache'], both);
    expect([values.bool('cache'), values.bool('no-cache')]).toEqual([false, true]);
  });
});

describe('unknown flags', () => {
  test.each([
    ['--unknown', "unknown long flag '--unknown'"],
    ['--unknown=1', "unknown long flag '--unknown'"],
    ['--Output=1', "unknown long flag '--Output'"],
    ['--out=1', "unknown long flag '--out'"],
    ['--=1', "unknown long flag '--'"],
    ['---output=1', "unknown long flag '---output'"],
    ['-o', "unknown short flag '-o'"],
    ['-output', "unknown short flag '-o'"],
    ['-ho', "unknown short flag '-o'"],
    ['-é', "unknown short flag '-é'"],
    ['-1', "unknown short flag '-1'"],
  ])('%s', (word, expected) => {
    expect(failureOf([word])).toBe(expected);
  });

  test.each(['__proto__', 'constructor', 'toString'])('--%s is one', (name) => {
    expect(failureOf([`--${name}=1`])).toBe(`unknown long flag '--${name}'`);
  });
});

describe('required flags', () => {
  const spec = withFlags(
    { kind: 'string', name: 'a', help: '', required: true },
    { kind: 'string', name: 'b', help: '', required: true },
  );
  test('must be given, but may be given empty', () => {
    expect(failureOf(['--b='], spec)).toBe('required flag --a not provided');
    expect(failureOf(['--a=1'], spec)).toBe('required flag --b not provided');
    expect(parse(['--a=', '--b', ''], spec).string('a')).toBe('');
  });

  test('that are missing are told all at once, the first in the words of the toolkit', () => {
    const three = withFlags(...spec.flags, { kind: 'string', name: 'c', help: '', required: true });
    expect(failureOf([], three)).toBe('required flag --a not provided, nor --b, --c');
  });

  test('are looked for last: a wrong value comes before, and a word that makes no sense before that', () => {
    const all = withFlags(...spec.flags, { kind: 'int', name: 'n', help: '' });
    expect(failureOf(['--n=x', '--nonsense'], all)).toBe("unknown long flag '--nonsense'");
    expect(failureOf(['--n=x', '--a=1', '--a=2'], all)).toContain("flag '--n': expected a whole number");
    expect(failureOf(['--a=1', '--a=2', '--n=x'], all)).toBe("flag 'a' cannot be repeated");
    expect(failureOf(['--n=1'], all)).toContain('required flag --a');
  });
});

describe('files and folders', () => {
  test.each([
    ['input', 'file'],
    ['input', 'link'],
    ['rpm-dir', 'dir'],
  ])('--%s may be %s', (flag, name) => {
    expect(parse([`--${flag}`, path(name)]).string(flag)).toBe(path(name));
  });

  test.each([
    ['input', 'dir', 'is a directory'],
    ['rpm-dir', 'file', 'is a file'],
    ['rpm-dir', 'link', 'is a file'],
    ['input', 'none', 'does not exist'],
    ['rpm-dir', 'none', 'does not exist'],
    ['input', 'dangling', 'does not exist'],
    ['input', 'file/in-a-file', 'is not a directory'],
  ])('--%s may not be %s, which %s', (flag, name, words) => {
    expect(failureOf([`--${flag}=${path(name)}`])).toContain(words);
    expect(failureOf([`--${flag}=${path(name)}`])).toContain(path(name));
  });

  test('given empty are not there', () => {
    expect(failureOf(['--input='])).toBe("path '' does not exist");
    expect(failureOf(['--rpm-dir', ''])).toBe("path '' does not exist");
  });

  test('not given are not looked for', () => {
    expect(parse([]).optionalString('input')).toBeUndefined();
  });
});

describe('words of a closed list', () => {
  test('are taken as they are written', () => {
    expect(parse(['--license-check-mode=warn']).string('license-check-mode')).toBe('warn');
  });

  test.each(['', 'Fatal', 'fatal ', 'fatal,warn'])("'%s' is none of them", (text) => {
    expect(failureOf([`--license-check-mode=${text}`])).toBe(
      `enum value must be one of none,warn,pedantic,fatal, got '${text}'`,
    );
  });
});

describe('numbers', () => {
  test.each([
    ['4', 4],
    ['-1', -1],
    ['+3', 3],
    ['007', 7],
    ['1e3', 1000],
    ['2.0', 2],
    ['.5e1', 5],
    ['-0', 0],
  ])('--workers=%s is %d', (text, value) => {
    expect(parse([`--workers=${text}`]).number('workers')).toBe(value);
  });

  test.each(['', 'x', '1.5', '1e-1', ' 4', '4 ', '0x10', '--', '∞', '١', 'inf', 'NaN', '1_000', '.', 'e3'])(
    "--workers='%s' is no whole number",
    (text) => {
      expect(failureOf([`--workers=${text}`])).toBe(`flag '--workers': expected a whole number, got '${text}'`);
    },
  );

  test('a whole number is one that can be counted with', () => {
    expect(failureOf(['--workers=99999999999999999999'])).toContain('workers');
  });

  test.each([
    ['0', 0],
    ['1000', 1000],
    ['0.5', 0.5],
    ['inf', Number.POSITIVE_INFINITY],
    ['Infinity', Number.POSITIVE_INFINITY],
  ])('--speedup=%s is %d', (text, value) => {
    expect(parse([`--speedup=${text}`]).optionalNumber('speedup')).toBe(value);
  });

  test.each(['', ' ', 'fast', '1x', 'NaN'])("--speedup='%s' is no number", (text) => {
    expect(failureOf([`--speedup=${text}`])).toContain("flag '--speedup': expected a number");
  });

  test.each([
    ['0', 0],
    ['1', 1],
    ['18446744073709551614', 2 ** 64],
    ['18446744073709551615', Number.POSITIVE_INFINITY],
    ['0x10', 16],
    ['0XfF', 255],
    ['0b101', 5],
    ['0o17', 15],
    ['017', 15],
    ['007', 7],
    ['1_000', 1000],
    ['0x_ff', 255],
    ['0_7', 7],
    ['0xffffffffffffffff', Number.POSITIVE_INFINITY],
  ])('--max-cascading-rebuilds=%s is %d', (text, value) => {
    expect(parse([`--max-cascading-rebuilds=${text}`]).number('max-cascading-rebuilds')).toBe(value);
  });

  test.each([
    '',
    '-1',
    '+1',
    '18446744073709551616',
    '1.5',
    'all',
    '08',
    '0b2',
    '0o8',
    '0x',
    '0xg',
    '1__0',
    '_1',
    '1_',
    'ff',
    '0x1_',
  ])("--max-cascading-rebuilds='%s' is not in its range", (text) => {
    expect(failureOf([`--max-cascading-rebuilds=${text}`])).toContain('18446744073709551615');
  });

  test.each([
    ['8h', 28_800_000],
    ['1h30m', 5_400_000],
    ['90m', 5_400_000],
    ['0', 0],
  ])('--timeout=%s is %d ms', (text, ms) => {
    expect(parse([`--timeout=${text}`]).number('timeout')).toBe(ms);
  });

  test.each(['', '8', '8 h', 'h', '1d'])("--timeout='%s' is no duration", (text) => {
    expect(failureOf([`--timeout=${text}`])).toContain("flag '--timeout': expected a duration");
  });
});

describe('lists', () => {
  test.each([
    ['a b', ['a', 'b']],
    ['  a\t b \n c\r\n', ['a', 'b', 'c']],
    ['', []],
    ['   ', []],
    ['a a', ['a', 'a']],
    ['a,b', ['a,b']],
  ])('%j are the words %j', (text, words) => {
    expect(parse([`--packages=${text}`]).words('packages')).toEqual(words);
  });
});

describe('arguments from a file', () => {
  const argsFile = (name: string, content: string): string => {
    writeFileSync(path(name), content);
    return `@${path(name)}`;
  };

  test('stand one in a line, with blanks, and comments are left out', () => {
    const at = argsFile('args', '# a comment\n--output=a b\n--packages\nx y\n--stop-on-failure\n');
    const values = parse([at, '--workers=2']);
    expect(values.string('output')).toBe('a b');
    expect(values.words('packages')).toEqual(['x', 'y']);
    expect(values.bool('stop-on-failure')).toBe(true);
    expect(values.number('workers')).toBe(2);
  });

  test('may be the value of a flag before it', () => {
    expect(parse(['--output', argsFile('value', 'the value\n')]).string('output')).toBe('the value');
  });

  test('do not matter behind =', () => {
    expect(parse(['--output=@nowhere']).string('output')).toBe('@nowhere');
  });

  test('may end their lines as Windows does', () => {
    expect(parse([argsFile('crlf', '--output=a\r\n--packages\r\nx\r\n')]).string('output')).toBe('a');
    expect(parse([argsFile('crlf', '--output=a\r\n--packages\r\nx\r\n')]).string('packages')).toBe('x');
  });

  test('may be empty lines, where a value belongs', () => {
    const values = parse([argsFile('empty', '--output\n\n--packages=x')]);
    expect([values.string('output'), values.string('packages')]).toEqual(['', 'x']);
    expect(failureOf([argsFile('empty', '--output=a\n\n')])).toBe("unexpected ''");
  });

  test('are more than a call takes arguments', () => {
    const lines = Array.from({ length: 200_000 }, (_, i) => `${i}`).join('\n');
    expect(parse([argsFile('many', lines), 'last'], withArguments('x...')).positional).toHaveLength(200_001);
  });

  test('of a file that names itself are refused', () => {
    const self = argsFile('self', '');
    writeFileSync(path('self'), `--output=a\n${self}\n`);
    expect(failureOf([self])).toContain('does one name itself?');
  });

  test('need a name behind @', () => {
    expect(failureOf(['@'])).toBe('expected @ file to expand arguments from');
  });

  test('that begin with @ or -- behind -- are arguments as they are', () => {
    const at = argsFile('dashes', '--\n--output=x\n@nowhere\n');
    expect(parse([at, '-h'], withArguments('x...')).positional).toEqual(['--output=x', '@nowhere', '-h']);
  });

  test('may come from further files', () => {
    const inner = argsFile('inner', '--output=a\n');
    expect(parse([argsFile('outer', `${inner}\n--workers=3\n`)]).string('output')).toBe('a');
  });

  test('are missing where the file is', () => {
    expect(failureOf([`@${path('none')}`])).toBe(
      `failed to open arguments file "${path('none')}": no such file or directory`,
    );
    expect(failureOf([`@${path('dir')}`])).toContain('is a directory');
  });

  test('are not looked for behind --', () => {
    expect(parse(['--', '@scope/package'], withArguments('[x]')).positional).toEqual(['@scope/package']);
  });
});

describe('positional arguments', () => {
  test('stand among flags, and behind -- as they are', () => {
    const values = parse(['a', '--output=o', 'b', '--', '--output=x', '--', '-h'], { ...command, arguments: ['x...'] });
    expect(values.positional).toEqual(['a', 'b', '--output=x', '--', '-h']);
    expect(values.string('output')).toBe('o');
  });

  test.each<[string[], string[], string | undefined]>([
    [[], [], undefined],
    [[], ['a'], 'unexpected a'],
    [['x'], ['a'], undefined],
    [['x'], [], "required argument 'x' not provided"],
    [['x'], ['a', 'b'], 'unexpected b'],
    [['x', 'y'], ['a'], "required argument 'y' not provided"],
    [['x', '[y]'], ['a'], undefined],
    [['x', '[y]'], ['a', 'b', 'c'], 'unexpected c'],
    [['x', '[y...]'], ['a', 'b', 'c'], undefined],
    [['x...'], [], "required argument 'x...' not provided"],
    [['x...'], ['a', 'b', 'c'], undefined],
  ])('arguments %j given %j', (names, given, failure) => {
    if (failure === undefined) expect(parse(given, withArguments(...names)).positional).toEqual(given);
    else expect(failureOf(given, withArguments(...names))).toBe(failure);
  });

  test('a dash alone is one', () => {
    expect(parse(['-'], withArguments('x')).positional).toEqual(['-']);
  });
});

describe('help and version', () => {
  test.each([
    [['--help'], 'help'],
    [['-h'], 'help'],
    [['--version'], 'version'],
    [['--output=x', '--help', '--workers=many'], 'help'],
    [['--help-long'], 'help'],
    [['--help-man'], 'help'],
    [['--version', '--help'], 'version'],
    [['--help', '--version'], 'version'],
    [['--version', '--nonsense'], 'version'],
  ])('%j asks for %s, whatever is missing', (argv, asked) => {
    const required = {
      ...command,
      flags: [...command.flags, { kind: 'string', name: 'must', help: '', required: true } as const],
    };
    expect(parseFlags(argv, required)).toEqual({ asked });
  });

  test('a flag that nobody knows is still wrong', () => {
    expect(failureOf(['--nonsense', '--help'])).toContain('nonsense');
    expect(failureOf(['--help', '--nonsense'])).toContain('nonsense');
    expect(failureOf(['--nonsense', '--version'])).toContain('nonsense');
  });

  test('behind -- they are arguments', () => {
    expect(parse(['--', '--help'], withArguments('x')).positional).toEqual(['--help']);
  });

  const full: CommandSpec = {
    ...command,
    arguments: ['graph', '[more...]'],
    flags: [
      { kind: 'string', name: 'must', help: 'Cannot do without.', required: true, placeholder: 'THIS' },
      ...command.flags,
      {
        kind: 'string',
        name: 'with-a-very-long-name-indeed-it-is',
        help: `${'Long words of help. '.repeat(12)}The end.`,
      },
    ],
    notes: ['A note.', 'Another.'],
  };

  test('help has every flag with its text, defaults, arguments and notes', () => {
    const text = helpText(full);
    const words = text.replaceAll(/\s+/g, ' ');
    for (const spec of full.flags) {
      expect(text).toMatch(new RegExp(`^ +--(\\[no-\\])?${spec.name}(=| |$)`, 'm'));
      expect(words).toContain(spec.help.trim());
      if ('default' in spec && spec.default !== undefined && spec.default !== Number.POSITIVE_INFINITY) {
        expect(words).toContain(`${spec.help} Default: ${spec.default}.`);
      }
    }
    expect(text.split('\n')[0]).toBe('usage: spanwright build --must=THIS [<flags>] <graph> [more...]');
    expect(text).toContain('\nBuilds a graph.\n');
    expect(text).toContain('-h, --help');
    expect(text).toContain('--version');
    expect(words).toContain('--must=THIS Cannot do without. Required.');
    expect(text).toContain('--[no-]no-cache');
    expect(text).toContain('--license-check-mode=none|warn|pedantic|fatal');
    expect(text).toContain('--timeout=TIMEOUT');
    expect(text.endsWith('\nA note.\nAnother.\n')).toBe(true);
  });

  test('no line of help is wider than a terminal of 110, or ends in a blank', () => {
    for (const line of helpText(full).split('\n')) {
      expect(line.length).toBeLessThanOrEqual(110);
      expect(line).not.toMatch(/\s$/);
    }
  });

  test('a flag without a default shows none', () => {
    expect(helpText(withFlags({ kind: 'string', name: 'a', help: 'Text.' }))).not.toContain('Default');
    expect(helpText(withFlags({ kind: 'string', name: 'a', help: 'Text.', default: '' }))).not.toContain('Default');
  });

  test('a flag whose default is no limit says so as the command line does', () => {
    const spec: FlagSpec = { kind: 'uint64', name: 'a', help: 'Text.', default: Number.POSITIVE_INFINITY };
    const [, shown = ''] = /Default: (.*)\./.exec(helpText(withFlags(spec))) ?? [];
    expect(parse([`--a=${shown}`], withFlags(spec)).number('a')).toBe(Number.POSITIVE_INFINITY);
  });
});
