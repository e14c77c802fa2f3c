import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { failureTail } from '../../src/scheduler/failure';
import type { ProgramRequest, RunningProgram } from '../../src/scheduler/runner/runner';
import { RunnerPool } from '../../src/scheduler/runner/runner-pool';
import { eventually, makeTempDir, removeTempDir } from '../support/command';
import {
  Bench,
  describeEachSandbox,
  describeWithBwrap,
  describeWithRpmbuild,
  installing,
  queryRpm,
  writePackage,
} from './rpmbuild-bench';
import type { TestPackage } from './rpmbuild-graph';

jest.setTimeout(60_000);

let dir: string;
let bench: Bench;

beforeEach(() => {
  dir = makeTempDir();
});

afterEach(async () => {
  await bench.stop();
  await removeTempDir(dir);
});

type Options = ConstructorParameters<typeof Bench>[2];

async function start(packages: readonly TestPackage[], options?: Options, out = join(dir, 'out')): Promise<Bench> {
  bench = new Bench(out, packages, options);
  await bench.agent.start();
  return bench;
}

/** Builds some packages, one after the other; what fails shows its log. */
async function succeed(...names: string[]): Promise<void> {
  for (const name of names) {
    const result = await bench.build(name);
    if (!result.ok)
      throw new Error(`${JSON.stringify(result)}\n${result.logPath && readFileSync(result.logPath, 'utf8')}`);
  }
}

const NO_FILES = '%files';
const shell = (script: string) => `%build\n${script}\n\n${NO_FILES}`;
const checked = (script: string) => `%check\n${script}\n\n${NO_FILES}`;

/** How many processes have this argument. */
function running(word: string): number {
  return readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes(word);
    } catch {
      return false;
    }
  }).length;
}

describeEachSandbox('a build', (sandbox) => {
  test('packs the SRPM, and leaves the RPMs by architecture and the whole output in the log', async () => {
    await start([writePackage(dir, 'data-1-1', installing('/usr/share/data/x', 'one'))], { sandbox });
    const rpm = bench.at('rpms/noarch/data-1-1.noarch.rpm');
    const logPath = bench.at('logs/data-1-1.src.rpm.log');
    expect(await bench.build('data')).toEqual({ ok: true, builtFiles: [rpm], logPath });
    expect(queryRpm(rpm, '-l')).toEqual(['/usr/share/data/x']);
    expect(queryRpm(bench.at('srpms/data-1-1.src.rpm'), '-l')).toEqual(['data.spec']);
    const log = bench.log('data-1-1.src.rpm.log');
    expect(log).toContain(`spanwright: ${sandbox === 'bwrap' ? 'sandbox bwrap' : 'no sandbox (as asked)'}`);
    expect(log).toContain('Executing(%install)');
    expect(bench.files('work')).toEqual([]);
    expect(bench.files('rpms')).toEqual(['data-1-1.noarch.rpm']);
  });

  test('finds the programs, files and macros of what it needs, and of what that needs to run', async () => {
    const tool = `%install
mkdir -p %{buildroot}%{_bindir} %{buildroot}%{_rpmconfigdir}/macros.d
printf '#!/bin/sh\\necho the tool says; . "$(dirname "$0")/test-words"\\n' >%{buildroot}%{_bindir}/test-tool
chmod 755 %{buildroot}%{_bindir}/test-tool
echo '%%test_word by macro' >%{buildroot}%{_rpmconfigdir}/macros.d/macros.test

%files
%{_bindir}/test-tool
%{_rpmconfigdir}/macros.d/macros.test`;
    const packages = [
      writePackage(dir, 'words-1-1', installing('%{_bindir}/test-words', 'echo and its words')),
      writePackage(dir, 'tool-1-1', tool, { runNeeds: { tool: ['words'] } }),
      writePackage(dir, 'user-1-1', shell("test-tool\necho '%{?test_word}'"), { buildNeeds: ['tool'] }),
    ];
    await start(packages, { sandbox });
    await succeed('words', 'tool', 'user');
    const lines = bench.log('user-1-1.src.rpm.log').split('\n');
    for (const line of ['the tool says', 'and its words', 'by macro']) expect(lines).toContain(line);
    // The next build does not see them.
    expect(existsSync('/usr/bin/test-tool')).toBe(false);
  });

  test('that fails is a failure with the lines that matter, and leaves no RPM', async () => {
    await start([writePackage(dir, 'broken-1-1', shell('echo about to break\nfalse'))], { sandbox });
    const result = await bench.build('broken');
    if (result.ok) throw new Error('it did not fail');
    expect(result.failure).toMatchObject({ reason: 'exit-non-zero', exitCode: 1 });
    expect(failureTail(result.failure)).toContain('about to break');
    expect(result.logPath).toBe(bench.at('logs/broken-1-1.src.rpm.log'));
    expect(bench.files('rpms')).toEqual([]);
    expect(bench.files('work')).toEqual([]);
  });

  test('whose second package cannot be made leaves the RPM of neither', async () => {
    const sections = `%package missing
Summary: Its file is not made

%description missing
Its file is not made.

%files missing
/usr/share/not-made

${installing('/usr/share/half', 'half')}`;
    await start([writePackage(dir, 'half-1-1', sections, { rpms: ['half', 'half-missing'] })], { sandbox });
    expect((await bench.build('half')).ok).toBe(false);
    expect(bench.files('rpms')).toEqual([]);
  });

  test('that is cancelled leaves no process, no RPM and no folder, and can be built again', async () => {
    const wait = '[ "$WAIT" != yes ] || { echo now waiting; sleep 86399.25 & wait; }';
    await start([writePackage(dir, 'slow-1-1', shell(wait))], { sandbox });
    const abort = new AbortController();
    const build = bench.build('slow', { signal: abort.signal, env: { WAIT: 'yes' } });
    await eventually(() => /^now waiting$/m.test(bench.log('slow-1-1.src.rpm.log')), 'the build waits');
    await eventually(() => running('86399.25') === 1, 'what it started runs');
    abort.abort();
    expect(await build).toMatchObject({ ok: false, failure: { reason: 'cancelled' } });
    await eventually(() => running('86399.25') === 0, 'what it started is gone');
    expect(bench.files('rpms')).toEqual([]);
    expect(bench.files('work')).toEqual([]);
    expect(await bench.build('slow', { attempt: 2 })).toMatchObject({ ok: true });
  });

  test('works in folders whose names have spaces, quotes, colons and signs of macros', async () => {
    const odd = join(dir, "it's 100%{name} $HOME, really:");
    const packages = [
      writePackage(
        odd,
        'library-1-1',
        `%build\ncat %{SOURCE0}\n\n${installing('%{_bindir}/test-words', 'echo hello')}`,
        {
          sources: { 'text.txt': 'the source\n' },
        },
      ),
      writePackage(odd, 'user-1-1', shell('. "$(command -v test-words)"'), { buildNeeds: ['library'] }),
    ];
    await start(packages, { sandbox }, join(odd, 'out'));
    await succeed('library', 'user');
    expect(bench.log('library-1-1.src.rpm.log')).toMatch(/^the source$/m);
    expect(bench.log('user-1-1.src.rpm.log')).toMatch(/^hello$/m);
  });

  test('is told the tag of the release, macros, files of macros, the attempt and the variables of the run', async () => {
    const macros = join(dir, 'some macros');
    writeFileSync(macros, '%from_file from-file\n');
    const script = 'echo "got %{?from_file} %{?by_option} %{?_smp_ncpus_max} $TRACEPARENT $SPANWRIGHT_ATTEMPT"';
    const told = { ...writePackage(dir, 'told-1-1%{?dist}', shell(script)), nvr: 'told-1-1.test' };
    const options = { distTag: '.test', defines: { by_option: 'by-option' }, maxCpu: 3, macroFiles: [macros] };
    await start([told], { sandbox, ...options });
    expect(await bench.build('told', { attempt: 2, env: { TRACEPARENT: 'a-trace' } })).toMatchObject({
      builtFiles: [bench.at('rpms/noarch/told-1-1.test.noarch.rpm')],
    });
    expect(bench.log('told-1-1.test.src.rpm.log')).toMatch(/^got from-file by-option 3 a-trace 2$/m);
  });

  test('does not see the macros of whoever runs it', async () => {
    writeFileSync(join(dir, '.rpmmacros'), '%of_the_user yes\n');
    await start([writePackage(dir, 'clean-1-1', shell('echo "has %{?of_the_user}."'))], { sandbox });
    expect(await bench.build('clean', { env: { HOME: dir } })).toMatchObject({ ok: true });
    expect(bench.log('clean-1-1.src.rpm.log')).toMatch(/^has \.$/m);
  });

  test('gets an RPM that was built again in the same run, not the one before it', async () => {
    const words = (text: string) => writePackage(dir, 'words-1-1', installing('%{_bindir}/test-words', `echo ${text}`));
    const user = writePackage(dir, 'user-1-1', shell('. "$(command -v test-words)"'), { buildNeeds: ['words'] });
    await start([words('first'), user], { sandbox });
    await succeed('words', 'user');
    expect(bench.log('user-1-1.src.rpm.log')).toMatch(/^first$/m);
    words('second');
    await succeed('words', 'user');
    expect(bench.log('user-1-1.src.rpm.log')).toMatch(/^second$/m);
  });
});

describeEachSandbox('a test', (sandbox) => {
  test('that passes leaves no RPM and says so in the log, in the toolkit’s words', async () => {
    const sections = `%check\necho all well\n\n${installing('/usr/share/x', 'x')}`;
    await start([writePackage(dir, 'fine-1-1', sections)], { sandbox });
    const logPath = bench.at('logs/fine-1-1.src.rpm.test.log');
    expect(await bench.test('fine')).toEqual({ ok: true, builtFiles: [], check: 'passed', logPath });
    expect(bench.log('fine-1-1.src.rpm.test.log')).toMatch(/^====== CHECK DONE fine\. EXIT STATUS 0$/m);
    expect(bench.files('rpms')).toEqual([]);
  });

  test('that fails has the exit status of %check, and its log is kept', async () => {
    await start([writePackage(dir, 'wrong-1-1', checked('echo it is wrong; exit 42'))], { sandbox });
    const result = await bench.test('wrong');
    if (result.ok) throw new Error('it did not fail');
    expect(result.failure).toMatchObject({
      reason: 'check-failed',
      message: 'package test failed: %check ended with exit status 42',
    });
    expect(failureTail(result.failure)).toContain('it is wrong');
    expect(readdirSync(bench.at('logs')).sort()).toEqual([
      expect.stringMatching(/^wrong-1-1\.src\.rpm-FAILED_TEST-\d+\.log$/),
      'wrong-1-1.src.rpm.test.log',
    ]);
  });

  test('of a package without %check is told apart', async () => {
    await start([writePackage(dir, 'untested-1-1', shell('true'))], { sandbox });
    expect(await bench.test('untested')).toMatchObject({ ok: true, check: 'absent' });
  });

  test('that does not come to %check is a failure of the build, and may be tried again', async () => {
    const sections = `%build\n[ "$SPANWRIGHT_ATTEMPT" = 2 ]\n\n${checked('true')}`;
    await start([writePackage(dir, 'shaky-1-1', sections)], { sandbox });
    const first = await bench.test('shaky', { attempt: 1, attempts: 2 });
    expect(first).toMatchObject({ ok: false, failure: { reason: 'exit-non-zero' } });
    expect(first.logPath).toBe(bench.at('logs/shaky-1-1.src.rpm.test.attempt-1.log'));
    expect(await bench.test('shaky', { attempt: 2, attempts: 2 })).toMatchObject({ ok: true, check: 'passed' });
    expect(readFileSync(first.logPath as string, 'utf8')).toContain('attempt 1');
    expect(bench.log('shaky-1-1.src.rpm.test.log')).toContain('attempt 2');
  });

  test('of a package runs beside its build, of one SRPM', async () => {
    await start([writePackage(dir, 'both-1-1', `%check\ntrue\n\n${installing('/usr/share/x', 'x')}`)], { sandbox });
    const results = await Promise.all([bench.build('both'), bench.test('both')]);
    expect(results.map(({ ok }) => ok)).toEqual([true, true]);
    const packed = ['src.rpm.log', 'src.rpm.test.log'].filter((log) => /packs/.test(bench.log(`both-1-1.${log}`)));
    expect(packed).toHaveLength(1);
  });
});

describeWithBwrap('in the sandbox', () => {
  test('the machine cannot be written to, and nobody’s own files are seen', async () => {
    const script = `touch /usr/share/spanwright-was-here 2>&1 || echo usr is safe
touch /etc/spanwright-was-here 2>&1 || echo etc is safe
echo "$(ls /home /root 2>/dev/null | wc -l) files of people"
touch /tmp/mine /var/tmp/mine && echo may write to tmp`;
    await start([writePackage(dir, 'rude-1-1', shell(script))], { sandbox: 'bwrap' });
    await succeed('rude');
    const log = bench.log('rude-1-1.src.rpm.log');
    for (const line of ['usr is safe', 'etc is safe', '0 files of people', 'may write to tmp']) {
      expect(log.split('\n')).toContain(line);
    }
    expect(existsSync('/tmp/mine')).toBe(false);
  });

  test('a build has no network and a test has, unless it is said otherwise', async () => {
    const count = 'echo "$(sed 1,2d /proc/net/dev | grep -vc "lo:") networks"';
    const here = readFileSync('/proc/net/dev', 'utf8')
      .trim()
      .split('\n')
      .slice(2)
      .filter((line) => !/^\s*lo:/.test(line));
    await start([writePackage(dir, 'net-1-1', `%build\n${count}\n\n${checked(count)}`)], { sandbox: 'bwrap' });
    await succeed('net');
    expect(bench.log('net-1-1.src.rpm.log')).toMatch(/^0 networks$/m);
    expect(await bench.test('net')).toMatchObject({ ok: true });
    expect(bench.log('net-1-1.src.rpm.test.log')).toMatch(new RegExp(`^${here.length} networks$`, 'm'));
  });

  test('the same sources give the same bytes, wherever and whenever they lie', async () => {
    const bytes: Buffer[][] = [];
    for (const place of ['one', 'another place']) {
      const folder = join(dir, place);
      const sections = `%build\npwd >where\n\n%install\nmkdir -p %{buildroot}/usr/share/same\ncp where %{SOURCE0} %{buildroot}/usr/share/same\n\n%files\n/usr/share/same`;
      const same = writePackage(folder, 'same-1-1', sections, { sources: { text: 'text\n' } });
      const time = place === 'one' ? new Date('2026-02-03') : new Date('2026-03-04');
      for (const name of readdirSync(same.folder)) utimesSync(join(same.folder, name), time, time);
      await start([same], { sandbox: 'bwrap' }, join(folder, 'out'));
      await succeed('same');
      bytes.push([
        readFileSync(bench.at('rpms/noarch/same-1-1.noarch.rpm')),
        readFileSync(bench.at('srpms/same-1-1.src.rpm')),
      ]);
      if (place === 'one') await bench.stop();
    }
    expect(bytes[0]![0]!.equals(bytes[1]![0]!)).toBe(true);
    expect(bytes[0]![1]!.equals(bytes[1]![1]!)).toBe(true);
  });

  test('what it needs is laid over the machine’s files, also where a path leads through a link', async () => {
    const packages = [
      writePackage(dir, 'deep-1-1', installing('/lib64/spanwright-test/x', 'through a link')),
      writePackage(dir, 'new-1-1', installing('/spanwright-test-root/x', 'at a new place')),
      writePackage(
        dir,
        'user-1-1',
        shell(
          'cat /usr/lib64/spanwright-test/x /spanwright-test-root/x\ntest -e /lib64/ld-linux* || test -d /usr/include',
        ),
        { buildNeeds: ['deep', 'new'] },
      ),
    ];
    await start(packages, { sandbox: 'bwrap' });
    await succeed('deep', 'new', 'user');
    expect(bench.log('user-1-1.src.rpm.log')).toMatch(/^through a link\nat a new place$/m);
  });
});

/** Starts programs with another search path. */
class RunnersWithPath extends RunnerPool {
  constructor(private readonly path: string) {
    super();
  }

  override start(request: ProgramRequest): RunningProgram {
    return super.start({ ...request, env: { PATH: this.path, ...request.env } });
  }
}

describeWithRpmbuild('where no sandbox can be made', () => {
  function runnersWithoutBwrap(): RunnerPool {
    const bin = join(dir, 'bin');
    mkdirSync(bin);
    writeFileSync(join(bin, 'bwrap'), '#!/bin/sh\necho "bwrap: not for you" >&2\nexit 1\n');
    chmodSync(join(bin, 'bwrap'), 0o755);
    return new RunnersWithPath(`${bin}:${process.env.PATH}`);
  }

  test('packages are built without one, and it is said once and in each log', async () => {
    const packages = [writePackage(dir, 'a-1-1', shell('true')), writePackage(dir, 'b-1-1', shell('true'))];
    await start(packages, { runners: runnersWithoutBwrap() });
    await succeed('a', 'b');
    const why = 'no sandbox (bwrap: not for you): runs on this machine as it is, what it needs is found by variables';
    expect(bench.events).toEqual([
      { type: 'notice', time: expect.any(Number), level: 'warning', message: `packages are built with ${why}` },
    ]);
    for (const name of ['a', 'b']) expect(bench.log(`${name}-1-1.src.rpm.log`)).toContain(`spanwright: ${why}\n`);
  });

  test('a sandbox that was asked for is an error', async () => {
    await expect(start([], { sandbox: 'bwrap', runners: runnersWithoutBwrap() })).rejects.toThrow(
      'the sandbox bwrap does not work here: bwrap: not for you',
    );
  });
});

describeWithRpmbuild('an SRPM', () => {
  const sandbox = 'none';

  test('is packed again when its spec file or a source is newer, and not else', async () => {
    const data = () => writePackage(dir, 'data-1-1', shell('cat %{SOURCE0}'), { sources: { text: 'first\n' } });
    const { folder } = data();
    await start([data()], { sandbox });
    await succeed('data');
    const srpm = bench.at('srpms/data-1-1.src.rpm');
    const packedAt = statSync(srpm).mtimeMs;
    await succeed('data');
    expect(statSync(srpm).mtimeMs).toBe(packedAt);
    writeFileSync(join(folder, 'text'), 'second\n');
    utimesSync(join(folder, 'text'), new Date(packedAt + 1000), new Date(packedAt + 1000));
    await succeed('data');
    expect(statSync(srpm).mtimeMs).toBeGreaterThan(packedAt);
    expect(bench.log('data-1-1.src.rpm.log')).toMatch(/^second$/m);
  });

  test('is enough without its sources', async () => {
    const data = writePackage(dir, 'data-1-1', installing('/usr/share/x', 'x'));
    await start([data], { sandbox });
    await succeed('data');
    rmSync(bench.at('rpms/noarch'), { recursive: true });
    rmSync(data.folder, { recursive: true });
    await succeed('data');
    expect(bench.files('rpms')).toEqual(['data-1-1.noarch.rpm']);
  });

  test('that is nowhere, nor its sources, is an input that is missing', async () => {
    await start([{ nvr: 'lost-1-1', folder: join(dir, 'nowhere') }], { sandbox });
    const path = bench.at('srpms/lost-1-1.src.rpm');
    expect(await bench.build('lost')).toMatchObject({ ok: false, failure: { reason: 'input-missing', path } });
  });

  test('of another name than the graph says is an error that says what to do', async () => {
    const data = writePackage(dir, 'data-2-1', shell('true'));
    await start([{ ...data, nvr: 'data-1-1' }], { sandbox });
    const message = `${data.folder}/data.spec makes data-2-1.src.rpm, the graph says data-1-1.src.rpm: make the graph again from the spec files`;
    expect(await bench.build('data')).toMatchObject({ ok: false, failure: { reason: 'could-not-start', message } });
  });
});

describeWithRpmbuild('what a build needs', () => {
  test('and is not there is an input that is missing', async () => {
    const user = writePackage(dir, 'user-1-1', shell('true'), { buildNeeds: ['words'] });
    await start([writePackage(dir, 'words-1-1', shell('true')), user], { sandbox: 'none' });
    const path = bench.at('rpms/noarch/words-1-1.noarch.rpm');
    expect(await bench.build('user')).toMatchObject({ ok: false, failure: { reason: 'input-missing', path } });
  });

  test('and is no RPM is an error that names it', async () => {
    const user = writePackage(dir, 'user-1-1', shell('true'), { buildNeeds: ['words'] });
    await start([writePackage(dir, 'words-1-1', shell('true')), user], { sandbox: 'none' });
    const path = bench.at('rpms/noarch/words-1-1.noarch.rpm');
    mkdirSync(bench.at('rpms/noarch'), { recursive: true });
    writeFileSync(path, 'not an RPM');
    const message = `cannot unpack ${path}: argument is not an RPM package`;
    expect(await bench.build('user')).toMatchObject({ ok: false, failure: { reason: 'could-not-start', message } });
  });
});

describeWithRpmbuild('a run', () => {
  const sandbox = 'none';

  test('removes what a killed one has left, and nothing of one that runs', async () => {
    const [gone, alive, elsewhere] = [
      `.spanwright-${hostname()}-4194305-abcdef`,
      `.spanwright-${hostname()}-${process.ppid}-abcdef`,
      '.spanwright-another-machine-4194305-abcdef',
    ];
    for (const folder of ['rpms', 'work']) {
      for (const name of [gone, alive, elsewhere]) mkdirSync(join(dir, 'out', folder, name, 'x'), { recursive: true });
      chmodSync(join(dir, 'out', folder, gone), 0o500);
    }
    await start([], { sandbox });
    await bench.stop();
    expect(readdirSync(bench.at('rpms'))).toEqual([elsewhere, alive].sort());
    expect(readdirSync(bench.at('work'))).toEqual([elsewhere, alive].sort());
  });

  test('leaves an index of the RPMs where that is asked for', async () => {
    await start([writePackage(dir, 'data-1-1', shell('true'))], { sandbox, createRepo: 'always' });
    await succeed('data');
    // Without the program, that is an error.
    const hasProgram = process.env.PATH?.split(':').some((folder) => existsSync(join(folder, 'createrepo_c')));
    if (!hasProgram) return expect(bench.agent.stop()).rejects.toThrow('createrepo_c is not installed');
    await bench.agent.stop();
    expect(readdirSync(bench.at('rpms')).sort()).toEqual(['noarch', 'repodata']);
    expect(readFileSync(bench.at('rpms/repodata/repomd.xml'), 'utf8')).toContain('primary');
  });

  test('leaves the folders of builds where that is asked for', async () => {
    await start([writePackage(dir, 'broken-1-1', shell('echo partly >made; false'))], { sandbox, keepBuildDirs: true });
    expect((await bench.build('broken')).ok).toBe(false);
    await bench.stop();
    expect(bench.files('work')).toContain('made');
  });

  test('without rpmbuild is an error that says where it is from', async () => {
    const starting = start([], { runners: new RunnersWithPath(dir) });
    await expect(starting).rejects.toThrow('rpmbuild is not installed: it is in the package rpm (Debian) or rpm-build');
  });
});
