import type { FlagSpec } from '../config/flag-spec';
import type { FlagValues } from '../config/flags';
import type { PackageGraphOptions } from '../rpm/package-graph';
import type { SpecRecordsOptions } from '../rpm/spec-records';
import { UserError } from '../util/user-error';

/** How spec files are read; the same wherever they are. */
export const SPEC_FLAGS: readonly FlagSpec[] = [
  { kind: 'string', name: 'dist-tag', placeholder: 'TAG', help: 'What %{dist} is, such as .azl3.' },
  {
    kind: 'words',
    name: 'define',
    placeholder: "'NAME=VALUE...'",
    help: 'Macros for rpm. A value with blanks goes into a file for --macros.',
  },
  { kind: 'existing-file', name: 'macros', placeholder: 'FILE', help: 'File of macros for rpm to load.' },
  { kind: 'bool', name: 'tests', help: 'Give specs with a %check a test. Default; --no-tests leaves tests out.' },
  {
    kind: 'words',
    name: 'assume-provided',
    placeholder: "'NAME...'",
    help: 'Regard these names as there where no spec provides them, such as gcc; * stands for any characters.',
  },
  {
    kind: 'bool',
    name: 'host-provides',
    help:
      "Regard as there what this machine has: by rpm's database, dpkg's, files and pkg-config. For a name in " +
      'parentheses, a package that turns out to provide it goes first.',
  },
];

/** @throws UserError where a definition makes no sense */
export function definitions(words: readonly string[]): Record<string, string> {
  const pairs = words.map((word) => {
    const [, name, value] = /^(\w+)=(.*)$/.exec(word) ?? [];
    if (name === undefined) throw new UserError(`flag '--define': expected NAME=VALUE, got '${word}'`);
    return [name, value as string];
  });
  return Object.fromEntries(pairs) as Record<string, string>;
}

export function specRecordsOptions(flags: FlagValues): SpecRecordsOptions {
  const dist = flags.optionalString('dist-tag');
  return {
    rpmDir: flags.optionalString('rpm-dir'),
    srpmDir: flags.optionalString('srpm-dir'),
    arch: flags.optionalString('arch'),
    macrosFile: flags.optionalString('macros'),
    defines: { ...(dist && { dist }), ...definitions(flags.words('define')) },
  };
}

export function packageGraphOptions(flags: FlagValues): PackageGraphOptions {
  return {
    tests: !flags.given.has('tests') || flags.bool('tests'),
    assumeProvided: flags.words('assume-provided'),
    hostProvides: flags.bool('host-provides'),
  };
}
