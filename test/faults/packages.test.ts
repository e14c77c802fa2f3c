import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually, makeTempDir, removeTempDir } from '../support/command';
import { MAKES_RPM, StandInRpm } from '../support/stand-in-rpm';
import {
  type FlagChanges,
  packageGraph,
  type SamplePackage,
  shellWorker,
  stateRows,
  ToolkitRun,
} from '../support/toolkit-run';

jest.setTimeout(20_000);

/** More RPMs than anyone asks about at a time. */
const MANY = Array.from({ length: 60 }, (_, i) => `part${i}`);
const MAKES_MANY = `mkdir -p rpms/x86_64; for part in $name ${MANY.join(' ')}; do
  rpm="$PWD/rpms/x86_64/$part-1.0-1.x86_64.rpm"; : > "$rpm"; all="\${all:+$all,}$rpm"; done; printf %s "$all"`;

/** Tells that it was asked, and never answers; other questions are answered at once. */
const hangsWhen = (pattern: string) => `case "$*" in ${pattern}) echo asked >> asked; exec sleep 300;; esac`;

const WANTING: Readonly<Record<string, SamplePackage>> = {
  provider: {},
  wanting: { needs: ['pkgconfig(found)'] },
  other: {},
  last: { needs: ['other'] },
};

let dir: string;

beforeEach(() => {
  dir = makeTempDir();
});

afterEach(() => removeTempDir(dir));

function toolkitRun(packages: Readonly<Record<string, SamplePackage>>, worker = MAKES_RPM): ToolkitRun {
  return new ToolkitRun(dir, packageGraph(packages, join(dir, 'rpms')), shellWorker(dir, worker));
}

const wasAsked = () => eventually(() => existsSync(join(dir, 'asked')), 'rpm is asked');

function licenseFlags(mode: string): FlagChanges {
  for (const name of ['names', 'exceptions']) writeFileSync(join(dir, `${name}.json`), '{}');
  return {
    'license-check-mode': mode,
    'license-check-name-file': join(dir, 'names.json'),
    'license-check-exception-file': join(dir, 'exceptions.json'),
    'license-results-file': join(dir, 'licenses.json'),
    'license-summary-file': join(dir, 'licenses.txt'),
  };
}

const licenseSummary = () => readFileSync(join(dir, 'licenses.txt'), 'utf8');

const states = (run: ToolkitRun) =>
  Object.fromEntries(stateRows(run.csv()).map((row) => [row.package.replace('-1.0-1.src.rpm', ''), row.state]));

describe('while an rpm that hangs is asked for names', () => {
  test.each(['SIGINT', 'SIGTERM'] as const)('%s ends the run with all its reports', async (signal) => {
    const rpm = new StandInRpm(dir, hangsWhen('*provider*'));
    const run = toolkitRun(WANTING);
    const command = run.start({}, rpm.options);
    await wasAsked();
    await command.waitForLine(/Built: last/);
    command.kill(signal);
    const { code, stderr } = await command.end;
    expect(code).toBe(1);
    expect(stderr).toContain(`Error: stopped by ${signal}.`);
    expect(states(run)).toEqual({ last: 'Built', other: 'Built', provider: 'Built', wanting: 'Failed' });
    expect(run.output().size).toBeGreaterThan(0);
    expect(rpm.leftovers()).toEqual([]);
  });

  test('those who wait for their turn to be asked are not asked any more, and no complaint follows the last word', async () => {
    const rpm = new StandInRpm(dir, hangsWhen('*-qlPp*'));
    const run = toolkitRun({ many: { also: MANY }, wanting: { needs: ['pkgconfig(found)'] } }, MAKES_MANY);
    const command = run.start({}, rpm.options);
    await wasAsked();
    command.kill('SIGTERM');
    const { stderr } = await command.end;
    expect(stderr).not.toContain('cannot ask');
    expect(stderr.trimEnd().split('\n').at(-1)).toBe('Error: stopped by SIGTERM.');
    expect(rpm.leftovers()).toEqual([]);
  });
});

test('a slow rpm keeps only those back who could need its answer, with one worker too', async () => {
  // Answers when everything else is built.
  const rpm = new StandInRpm(
    dir,
    'case "$*" in *provider*) until grep -q "Built: last" run.log; do sleep 0.02; done; echo "pkgconfig(found) = 1";; esac',
  );
  const run = toolkitRun(WANTING);
  const { code, stderr } = await run.run({ workers: '1', 'log-file': join(dir, 'run.log') }, rpm.options);
  expect({ code, stderr }).toMatchObject({ code: 0 });
  expect(stderr.indexOf('Built: provider')).toBeLessThan(stderr.indexOf('Built: last'));
  expect(stderr.indexOf('Built: last')).toBeLessThan(stderr.indexOf('Satisfying unresolved dynamic dependency'));
});

test.each([
  ['that crashes', 'kill -SEGV $$', 'rpm ended with a signal'],
  ['that fails', 'echo "error: no such thing" >&2; exit 1', 'error: no such thing'],
  ['that is not there', 'exit 127', 'there is no `rpm` to ask built RPMs'],
  ['that prints megabytes of nonsense', 'head -c 3000000 /dev/urandom', undefined],
])('with an rpm %s, names stay unknown, and all else is built', async (_, script, warning) => {
  const rpm = new StandInRpm(dir, script);
  const run = toolkitRun(WANTING);
  const { code, stderr } = await run.run({}, rpm.options);
  expect(code).toBe(1);
  if (warning) expect(stderr).toMatch(new RegExp(`^WARN.*${warning}`, 'm'));
  expect(stderr).toContain('pkgconfig(found)--REMOTE<Unresolved> , needed by: wanting-1.0-1.src.rpm');
  expect(states(run)).toEqual({ last: 'Built', other: 'Built', provider: 'Built', wanting: 'Failed' });
  expect(rpm.leftovers()).toEqual([]);
});

describe('licence checks', () => {
  test('that hang do not keep SIGTERM from ending the run, and what was not checked is not called clean', async () => {
    const rpm = new StandInRpm(dir, hangsWhen('*queryformat*'));
    const run = toolkitRun({ many: { also: MANY } }, MAKES_MANY);
    const command = run.start(licenseFlags('warn'), rpm.options);
    await wasAsked();
    await command.waitForLine(/Built: many/);
    command.kill('SIGTERM');
    const { code, stderr } = await command.end;
    expect(code).toBe(1);
    expect(stderr.trimEnd().split('\n').at(-1)).toBe('Error: stopped by SIGTERM.');
    expect(states(run)).toEqual({ many: 'Built' });
    expect(licenseSummary()).toBe('ERROR: not checked: 61 RPMs (the run was stopped before)\n');
    expect(rpm.leftovers()).toEqual([]);
  });

  test('that have no rpm fail the run at its end, and do not say that nothing was found', async () => {
    const rpm = new StandInRpm(dir, 'exit 127');
    const run = toolkitRun({ a: {}, b: { needs: ['a'] } });
    const { code, stderr } = await run.run(licenseFlags('warn'), rpm.options);
    expect(code).toBe(1);
    expect(stderr).toContain('Error: failed to check licenses for packages:\nthere is no rpm here');
    expect(states(run)).toEqual({ a: 'Built', b: 'Built' });
    expect(licenseSummary()).toMatch(/^ERROR: not checked: 2 RPMs \(there is no rpm here/);
  });

  test('whose results cannot be written leave every other report, and fail the run', async () => {
    const rpm = new StandInRpm(dir, String.raw`printf 'package\ta\tMIT\n'`);
    const run = toolkitRun({ a: {} });
    const flags = { ...licenseFlags('warn'), 'license-results-file': '/proc/none/licenses.json' };
    const { code, stderr } = await run.run(flags, rpm.options);
    expect(code).toBe(1);
    expect(stderr).toContain('cannot write /proc/none/licenses.json: no such file or directory');
    expect(licenseSummary()).toBe('No license issues found\n');
    expect(states(run)).toEqual({ a: 'Built' });
    expect(run.output().size).toBeGreaterThan(0);
  });
});
