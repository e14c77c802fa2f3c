import { mkdirSync, readdirSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { FlagValues } from '../config/flags';
import { DEFAULT_LICENSE_MODE, LICENSE_MODES, type LicenseMode, type RpmFindings } from '../license/findings';
import { LicenseChecker } from '../license/license-checker';
import { licenseResultsJson, licenseSummary, sortFindings } from '../license/license-results';
import { LicenseRules } from '../license/license-rules';
import { RunnerPool } from '../scheduler/runner/runner-pool';
import { runToolWith } from '../scheduler/runner/runner-tool';
import { writeFileAtomically } from '../util/atomic-file';
import { describeSystemError, UserError } from '../util/user-error';
import { count } from '../util/words';
import type { Command, CommandIo } from './command';

/** `spanwright license-check`. */
export const LICENSE_CHECK_COMMAND: Command = {
  spec: {
    name: 'spanwright license-check',
    summary: 'Checks that the licence files of RPMs are marked as such.',
    arguments: ['[rpm-or-folder...]'],
    flags: [
      {
        kind: 'existing-dirs',
        name: 'rpm-dirs',
        placeholder: 'DIR',
        help: 'Folder with RPMs in it or below it. May be repeated; the same as naming it.',
      },
      {
        kind: 'existing-file',
        name: 'name-file',
        required: true,
        placeholder: 'FILE',
        help: 'JSON file of regular expressions for what licence files are called.',
      },
      {
        kind: 'existing-file',
        name: 'exception-file',
        placeholder: 'FILE',
        help: 'JSON file of regular expressions for files that are right as they are. Default: no exceptions.',
      },
      {
        kind: 'enum',
        name: 'mode',
        values: LICENSE_MODES,
        default: DEFAULT_LICENSE_MODE,
        help: 'none: check nothing; warn: all findings are warnings; fatal: only duplicates are; pedantic: all are errors.',
      },
      { kind: 'bool', name: 'spdx', help: 'Hold License tags against SPDX too. Gives warnings only, in every mode.' },
      {
        kind: 'string',
        name: 'results-file',
        placeholder: 'FILE',
        help: 'File for the RPMs with findings, as JSON; its folder is made.',
      },
      {
        kind: 'string',
        name: 'summary-file',
        placeholder: 'FILE',
        help: 'File for the text that stdout gets; its folder is made.',
      },
      { kind: 'string', name: 'build-dir', placeholder: 'DIR', help: unused('nothing is unpacked') },
      { kind: 'string', name: 'dist-tag', placeholder: 'TAG', help: unused('a built RPM has it already') },
      { kind: 'string', name: 'worker-tar', placeholder: 'FILE', help: unused('no chroot is needed') },
    ],
    notes: [
      'There are three kinds of findings. A file marked %doc that looks like a licence, and a file in /usr/share/licenses that is not marked',
      '%license, are errors. A file that is marked %doc and looks like one marked %license is a warning.',
      '',
      'Exit code 1: there are errors. An RPM that cannot be read is one, but in mode warn.',
      '',
      'example:',
      '  spanwright license-check RPMS --name-file license_file_names.json --exception-file license_file_exceptions.json',
    ],
  },
  async run(flags, io) {
    const mode = flags.string('mode') as LicenseMode;
    const rules = LicenseRules.read(flags.string('name-file'), flags.optionalString('exception-file'));
    const findings = mode === 'none' ? [] : await check(rpmsToCheck(flags, io), rules, flags, io);
    if (mode === 'none') io.stderr.write('License check mode is set to (none), skipping license check\n');
    const summary = licenseSummary(findings, mode);
    io.stdout.write(summary);
    leave(flags.optionalString('results-file'), licenseResultsJson(findings));
    leave(flags.optionalString('summary-file'), summary);
    return verdict(findings, mode, io);
  },
};

function unused(why: string): string {
  return `Accepted because the toolkit's licensecheck has it, and not used: ${why}.`;
}

function rpmsToCheck(flags: FlagValues, io: CommandIo): string[] {
  const inputs = [...flags.positional, ...flags.list('rpm-dirs')];
  if (inputs.length === 0) throw new UserError('nothing to check: name RPMs or folders, or give --rpm-dirs');
  const found = inputs.map((input) => {
    const rpms = isFolder(input) ? rpmsIn(input) : [input];
    if (rpms.length === 0) io.stderr.write(`No rpms found in (${input})\n`);
    return rpms;
  });
  return [...new Set(found.flat().map((path) => resolve(path)))];
}

function isFolder(input: string): boolean {
  try {
    return statSync(input).isDirectory();
  } catch (error) {
    throw new UserError(describeSystemError(error), { file: input });
  }
}

function rpmsIn(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return rpmsIn(path);
      return entry.name.endsWith('.rpm') ? [path] : [];
    });
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(`cannot look for RPMs: ${describeSystemError(error)}`, { file: folder });
  }
}

async function check(
  rpms: readonly string[],
  rules: LicenseRules,
  flags: FlagValues,
  io: CommandIo,
): Promise<readonly RpmFindings[]> {
  const runners = new RunnerPool();
  try {
    const checker = new LicenseChecker({ rules, runTool: runToolWith(runners), spdx: flags.bool('spdx') });
    return await checker.check(rpms, progress(rpms.length, io));
  } finally {
    runners.stop();
  }
}

/** Tells of each tenth. */
function progress(total: number, io: CommandIo): (count: number) => void {
  let checked = 0;
  let told = 0;
  return (count) => {
    checked += count;
    const percent = Math.floor((checked * 100) / total);
    if (percent - told < 10) return;
    told = percent;
    io.stderr.write(`Checked ${checked}/${total} rpms (${percent}%)\n`);
  };
}

function leave(path: string | undefined, content: string): void {
  if (path === undefined) return;
  try {
    mkdirSync(dirname(path), { recursive: true });
  } catch (error) {
    throw new UserError(`cannot make a folder for ${path}: ${describeSystemError(error)}`);
  }
  writeFileAtomically(path, content);
}

function verdict(findings: readonly RpmFindings[], mode: LicenseMode, io: CommandIo): number {
  const { warnings, errors } = sortFindings(findings, mode);
  const say = (what: string, all: readonly RpmFindings[]) => {
    const read = all.filter(({ problem }) => problem === undefined).length;
    if (read > 0) io.stderr.write(`Found ${read} packages with ${what}\n`);
  };
  say('license errors', errors);
  say('non-fatal license issues', warnings);
  const unread = findings.filter(({ problem }) => problem !== undefined).length;
  if (unread > 0) io.stderr.write(`Could not check ${count(unread, 'RPM')}\n`);
  if (errors.length > 0) io.stderr.write('License check failed\n');
  else if (warnings.length > 0) io.stderr.write('License check completed with warnings\n');
  return errors.length > 0 ? 1 : 0;
}
