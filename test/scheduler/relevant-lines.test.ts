import { spawnSync } from 'node:child_process';
import { appendFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readLogWindow } from '../../src/scheduler/output/log-window';
import { readRelevantLines, relevantLines } from '../../src/scheduler/output/relevant-lines';
import { withTempDir } from '../support/command';

const LOGS = join(__dirname, 'logs');
const logOf = (name: string) => readFileSync(join(LOGS, `${name}.log`), 'utf8').split('\n');
const of = (name: string) => relevantLines(logOf(name));
const numbered = (count: number, what = 'step') => Array.from({ length: count }, (_, i) => `${what} ${i + 1}`);

/** What real tools printed when they failed, and the line of it that tells most. */
const TELLING: Readonly<Record<string, string>> = {
  cargo: 'error[E0425]: cannot find value `y` in this scope --> src/main.rs:3:20',
  cmake:
    'CMake Error at CMakeLists.txt:3 (find_package): By not providing "FindNonesuch.cmake" in CMAKE_MODULE_PATH this project has',
  configure:
    "configure: error: Package requirements (zlib >= 1.2) were not met: Package 'zlib', required by 'virtual:world', not found",
  ctest: '2/2 Test #2: bad ..............................***Failed    0.00 sec',
  'go-build': 'cmd/tool/main.go:12:2: undefined: runServer',
  'go-test': '--- FAIL: TestParse (0.00s)',
  'ld-missing-library': '/usr/bin/ld: cannot find -lnowhere: No such file or directory',
  'ld-undefined': "main.c:(.text+0x5): undefined reference to `gone'",
  'make-gcc': 'broken.c:4:20: error: ‘undeclared_thing’ undeclared (first use in this function)',
  meson: 'meson.build:27:10: ERROR: Dependency "glib-2.0" not found, tried pkgconfig and cmake',
  ninja: '/builddir/ninja/bad.c:1:21: error: ‘nope’ undeclared (first use in this function)',
  patch: 'Hunk #1 FAILED at 1.',
  prove: "#   Failed test 'adds'",
  pytest: 'FAILED test_sample.py::test_adds - assert -1 == 3',
  'python-traceback': "ModuleNotFoundError: No module named 'nonesuch_module'",
  'python-unittest': 'FAIL: test_a (__main__.T.test_a)',
  'rpmbuild-dependencies': 'error: Failed build dependencies: nonesuch-devel >= 3 is needed by demo-1.0-1.x86_64',
  'rpmbuild-make': "x.c:1:22: error: 'oops' undeclared (first use in this function)",
  'rpmbuild-shell': '/var/tmp/rpm-tmp.pxX9uL: 31: no-such-tool: not found',
  'rpmbuild-unpackaged': 'error: Installed (but unpackaged) file(s) found: /usr/share/demo/extra',
  'worker-make': 'x.c:1:22: error: ‘oops‘ undeclared (first use in this function)',
  'worker-tdnf': 'No package missing-devel available.',
};

test.each(Object.entries(TELLING))('of the output of %s one line tells most', (name, telling) => {
  expect(of(name).telling).toBe(telling);
});

test('every log of the folder is looked at', () => {
  expect(readdirSync(LOGS).sort()).toEqual(
    Object.keys(TELLING)
      .map((name) => `${name}.log`)
      .sort(),
  );
});

test('of a build by rpmbuild: the command, the error with its context, the target and how rpmbuild ended', () => {
  expect(of('rpmbuild-make').lines).toEqual([
    'gcc -c x.c',
    "x.c: In function 'f':",
    "x.c:1:22: error: 'oops' undeclared (first use in this function)",
    '    1 | int f(void) { return oops; }',
    '      |                      ^~~~',
    'x.c:1:22: note: each undeclared identifier is reported only once for each function it appears in',
    'make: *** [Makefile:3: x.o] Error 1',
    expect.stringMatching(/^error: Bad exit status from \/var\/tmp\/rpm-tmp\.\w+ \(%build\)$/),
  ]);
});

test('what rpmbuild finds fault with itself is told without a command, once', () => {
  expect(of('rpmbuild-unpackaged').lines).toEqual([
    'error: Installed (but unpackaged) file(s) found:',
    '   /usr/share/demo/extra',
  ]);
});

test("the wrapping of the worker's log is taken off, and its own last word is kept", () => {
  const { lines } = of('worker-make');
  expect(lines.slice(0, 2)).toEqual(['gcc -c x.c', 'x.c: In function ‘f‘:']);
  expect(lines.at(-1)).toBe(
    "Failed to build SRPM '/srpms/demo-1.0-1.src.rpm'. For details see log file: /logs/demo.log. Error: exit status 1",
  );
  expect(lines.join('\n')).not.toMatch(/level=|msg=/);
});

test('of the commands of a parallel build the one is shown that had the error', () => {
  expect(of('make-gcc').lines[0]).toBe('cc -O2 -Wall -Werror=format-security   -c -o broken.o broken.c');
  expect(of('ninja').lines[0]).toMatch(/^\/usr\/bin\/cc .* -c \/builddir\/ninja\/bad\.c$/);
});

test('a command of a shell script that failed without a word is shown', () => {
  const output = ['Executing(%build): /bin/sh -e /var/tmp/rpm-tmp.x', '+ cd demo', '+ ./quiet --now'];
  const end = ['error: Bad exit status from /var/tmp/rpm-tmp.x (%build)', '', 'RPM build errors:'];
  const again = ['    Bad exit status from /var/tmp/rpm-tmp.x (%build)'];
  const { lines, telling } = relevantLines([...output, ...end, ...again]);
  expect(lines).toContain('+ ./quiet --now');
  expect(lines.filter((line) => line.includes('Bad exit status'))).toHaveLength(1);
  expect(telling).toBe('error: Bad exit status from /var/tmp/rpm-tmp.x (%build)');
});

test('the block of RPM build errors is there where it tells more than the line above it', () => {
  const output = ['error: Bad exit status from /x (%install)', '', 'RPM build errors:'];
  const block = ['    Bad exit status from /x (%install)', '    File not found: /buildroot/usr/bin/demo'];
  expect(relevantLines([...output, ...block]).lines).toEqual([output[0], 'RPM build errors:', block[1]]);
});

test('lines between are counted, a single one is shown, blank ones are not', () => {
  const error = (n: number) => `f${n}.c:1:1: error: number ${n}`;
  const { lines } = relevantLines([error(1), ...numbered(214), '', error(2), 'between', error(3), '', '', error(4)]);
  expect(lines).toEqual([error(1), '… 214 lines …', error(2), 'between', error(3), error(4)]);
});

test('long numbers of lines are easy to read', () => {
  const { lines } = relevantLines(['a.c:1: error: first', ...numbered(12_345), 'b.c:1: error: last']);
  expect(lines).toEqual(['a.c:1: error: first', '… 12,345 lines …', 'b.c:1: error: last']);
});

test('the same error is told once', () => {
  const { lines } = relevantLines(['x.c:1: error: no', ...numbered(9), 'x.c:1: error: no', 'x.c:1: error: no']);
  expect(lines).toEqual(['x.c:1: error: no']);
});

test('errors in sections that ended well are not to blame', () => {
  const { lines, telling } = relevantLines([
    'Executing(%prep): /bin/sh -e /var/tmp/rpm-tmp.a',
    'configure: error: harmless here',
    'Executing(%build): /bin/sh -e /var/tmp/rpm-tmp.b',
    'x.c:1:1: error: the real one',
    'error: Bad exit status from /var/tmp/rpm-tmp.b (%build)',
  ]);
  expect(telling).toBe('x.c:1:1: error: the real one');
  expect(lines.join('\n')).not.toContain('harmless');
});

test.each([
  'checking for error_at_line... yes',
  'fatal: not a git repository (or any of the parent directories): .git',
  '0 errors generated.',
  '# ERROR: 0',
  'x.c:1:1: warning: error is not used',
  'test_error_handling (tests.T) ... ok',
  'not ok 3 - known # TODO later',
  'make: [Makefile:3: clean] Error 1 (ignored)',
  'gcc -Werror -c error.c',
  'PASS: failing-test.sh',
])('%s is no error', (line) => {
  expect(relevantLines([line, 'more', 'y.c:2:2: error: real']).telling).toBe('y.c:2:2: error: real');
  expect(relevantLines([line, 'more']).telling).toBeUndefined();
});

test('of many errors the one is told that kept the target from being made', () => {
  const { telling } = relevantLines([
    'other.c:7:1: error: on its way too',
    'cc -c broken.c',
    'broken.c:4:1: error: the one',
    'make: *** [Makefile:2: broken.o] Error 1',
  ]);
  expect(telling).toBe('broken.c:4:1: error: the one');
});

test('where nothing speaks of an error the last lines are taken', () => {
  const { lines, telling } = relevantLines(numbered(100));
  expect(lines).toEqual(numbered(100).slice(-15));
  expect(telling).toBeUndefined();
});

test('colours, control characters and what a progress bar has overwritten are left out', () => {
  const { lines } = relevantLines([
    '\u001b[1mx.c:1:1: \u001b[31merror: \u001b[0mred',
    '10%\r50%\r100% error: late\u0007\r',
  ]);
  expect(lines).toEqual(['x.c:1:1: error: red', '100% error: late?']);
});

test("lines that Go has quoted are as they were, the worker's short form too", () => {
  const { lines } = relevantLines([
    'time="x" level=debug msg="a.c:1:1: error: \\"q\\" \\\\ \\u00fc\\tend"',
    'time="x" level=debug msg=bare',
    'ERRO[0012][pkgworker] it is over',
  ]);
  expect(lines).toEqual(['a.c:1:1: error: "q" \\ ü\tend', 'bare', 'it is over']);
});

test('a line of any length is cut', () => {
  const { lines, telling } = relevantLines([`x.c:1:1: error: ${'y'.repeat(1 << 20)}`]);
  expect([lines[0]?.length, telling?.length]).toEqual([300, 200]);
});

test('there are never more lines than asked for, whatever the output', () => {
  const outputs = [...Object.keys(TELLING).map(logOf), numbered(5000, 'x.c:1: error: number'), numbered(9), [], ['']];
  for (const output of outputs) {
    for (const max of [1, 2, 5, 30]) expect(relevantLines(output, { max }).lines.length).toBeLessThanOrEqual(max);
  }
});

test('every line that is shown is one of the output, in its order', () => {
  for (const name of Object.keys(TELLING).filter((other) => !other.startsWith('worker-'))) {
    const output = logOf(name);
    let at = 0;
    for (const line of of(name).lines.filter((text) => !text.startsWith('… '))) {
      at = output.findIndex((text, i) => i >= at && text.trimEnd() === line) + 1;
      expect({ name, line, found: at > 0 }).toEqual({ name, line, found: true });
    }
  }
});

describe('a file', () => {
  test('that is not there or empty tells nothing', () =>
    withTempDir(async (dir) => {
      writeFileSync(join(dir, 'empty.log'), '');
      expect(await readRelevantLines(join(dir, 'none.log'))).toBeUndefined();
      expect(await readRelevantLines(join(dir, 'empty.log'))).toBeUndefined();
      expect(await readRelevantLines(dir)).toBeUndefined();
    }));

  test('is read whole where it is not huge', () =>
    withTempDir(async (dir) => {
      const path = join(dir, 'a.log');
      writeFileSync(path, logOf('pytest').join('\n'));
      expect(await readRelevantLines(path)).toEqual(of('pytest'));
    }));

  test('of huge size is read at its two ends, and what is left out is told', () =>
    withTempDir(async (dir) => {
      const path = join(dir, 'huge.log');
      writeFileSync(path, 'first.c:1:1: error: at the start\n');
      const flood = `${'compiling something or other, line after line\n'.repeat(25_000)}`;
      for (let i = 0; i < 10; i++) appendFileSync(path, flood);
      appendFileSync(path, 'last.c:1:1: error: at the end\n');
      expect(await readRelevantLines(path)).toEqual({
        lines: ['first.c:1:1: error: at the start', '… 7.0 MB …', 'last.c:1:1: error: at the end'],
        telling: 'last.c:1:1: error: at the end',
      });
    }));

  test('of huge size costs no more memory than its two ends', () =>
    withTempDir(async (dir) => {
      const path = join(dir, 'huge.log');
      writeFileSync(path, Array.from({ length: 1000 }, (_, i) => `line ${i}\n`).join(''));
      const window = await readLogWindow(path, 100, 200);
      expect(window?.lines.join('\n').length).toBeLessThanOrEqual(300);
      expect(window?.lines[0]).toBe('line 0');
      expect(window?.lines.at(-1)).toBe('line 999');
      // Neither part ends or begins within a line.
      for (const line of window?.lines ?? []) expect(line).toMatch(/^line \d+$/);
      expect(window?.lines[window.left?.before ?? 0]).toMatch(/^line 9\d\d$/);
    }));

  test('that is one line without an end is cut too', () =>
    withTempDir(async (dir) => {
      const path = join(dir, 'line.log');
      writeFileSync(path, 'y'.repeat(1000));
      expect((await readLogWindow(path, 100, 200))?.lines.map((line) => line.length)).toEqual([100, 200]);
    }));
});

describe('real tools', () => {
  const has = (program: string) => spawnSync(program, ['--version']).status === 0;
  const testWith = (...programs: string[]) => (programs.every(has) ? test : test.skip);

  testWith('make', 'cc')('what make and the compiler say of an error is found in a build that goes on beside it', () =>
    withTempDir(async (dir) => {
      const names = numbered(40, 'part').map((name) => name.replace(' ', ''));
      for (const name of names) writeFileSync(join(dir, `${name}.c`), `int ${name}(void) { return 0; }\n`);
      writeFileSync(join(dir, 'part7.c'), 'int part7(void) { return nonesuch; }\n');
      writeFileSync(join(dir, 'Makefile'), `app: ${names.map((name) => `${name}.o`).join(' ')}\n\t$(CC) -o $@ $^\n`);
      const { stdout } = spawnSync('sh', ['-c', 'make -j2 -k 2>&1'], { cwd: dir, encoding: 'utf8' });
      const { lines, telling } = relevantLines(stdout.split('\n'));
      expect(telling).toMatch(/^part7\.c:1:\d+: error: .nonesuch. undeclared/);
      expect(lines[0]).toMatch(/^cc .*-c -o part7\.o part7\.c$/);
      expect(lines).toContainEqual(expect.stringMatching(/^make: \*\*\* \[.*part7\.o\] Error 1$/));
      expect(lines.length).toBeLessThan(15);
    }),
  );

  testWith('rpmbuild')('what rpmbuild says of a script that fails is found', () =>
    withTempDir(async (dir) => {
      mkdirSync(join(dir, 'top'));
      const spec = `Name: demo
Version: 1
Release: 1
Summary: demo
License: MIT
%description
demo
%build
for i in $(seq 1 50); do echo "step $i"; done
test -e /nowhere/at/all || { echo "demo: the compass is missing: not found" >&2; exit 3; }
%files
`;
      writeFileSync(join(dir, 'demo.spec'), spec);
      const command = `rpmbuild --define "_topdir ${dir}/top" -bb demo.spec 2>&1`;
      const { stdout } = spawnSync('sh', ['-c', command], { cwd: dir, encoding: 'utf8' });
      const { lines, telling } = relevantLines(stdout.split('\n'));
      expect(telling).toBe('demo: the compass is missing: not found');
      expect(lines).toContainEqual(expect.stringMatching(/^error: Bad exit status from .* \(%build\)$/));
      expect(lines).toContainEqual(expect.stringMatching(/^\+ /));
      expect(lines.length).toBeLessThan(12);
    }),
  );
});
