import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

const ROOT = resolve(__dirname, '..');
const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');

/** The README's commands, one by one. `npm ci` has been done by whoever runs this, and `npm test` is what runs it. */
const commands = [...readme.matchAll(/```bash\n(.*?)```/gs)]
  .flatMap(([, block]) => (block as string).trim().split('\n'))
  .map((command) => command.replace(/^npm ci && /, ''))
  .filter((command) => command !== 'npm test');

test('the README has commands', () => {
  expect(commands.length).toBeGreaterThanOrEqual(4);
  expect(readme).toContain('npm ci && npm start');
  expect(readme).toContain('npm ci && npm test');
});

describe('in order, on this checkout', () => {
  test.each(commands)(
    '%s',
    (command) => {
      // The commands are built already; to build them again would pull them from under the other tests.
      const [program, ...rest] = command.startsWith('npm start')
        ? startCommand()
        : command.replace(/^npx spanwright/, 'node dist/cli.js').split(' ');
      const { status, stderr } = spawnSync(program as string, rest, { cwd: ROOT, encoding: 'utf8' });
      expect({ status, stderr: status === 0 ? '' : stderr }).toEqual({ status: 0, stderr: '' });
    },
    120_000,
  );
});

function startCommand(): string[] {
  const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { scripts: { start: string } };
  expect(scripts.start).toMatch(/^npm run --silent build && node /);
  return scripts.start.replace('npm run --silent build && ', '').split(' ');
}

test('every link within the documents leads somewhere', () => {
  const documents = ['README.md', 'docs/architecture.md', 'docs/telemetry.md', 'examples/workspace/README.md'];
  const broken = documents.flatMap((document) => {
    const text = readFileSync(join(ROOT, document), 'utf8');
    return [...text.matchAll(/\]\(([^)#]+?)(#[^)]*)?\)/g)]
      .map(([, target]) => target as string)
      .filter((target) => !/^[a-z]+:/.test(target) && !existsSync(join(ROOT, dirname(document), target)))
      .map((target) => `${document}: ${target}`);
  });
  expect(broken).toEqual([]);
});

test('the example Nest application compiles against the package and builds its graph', () => {
  const dir = mkdtempSync(join(ROOT, 'examples', 'nest-app', '.test-'));
  try {
    const tsc = join(ROOT, 'node_modules', 'typescript', 'lib', 'tsc.js');
    const compiled = spawnSync(
      process.execPath,
      [tsc, '-p', 'examples/nest-app', '--noEmit', 'false', '--outDir', dir],
      { cwd: ROOT, encoding: 'utf8' },
    );
    expect(compiled.stdout).toBe('');
    const cwd = mkdtempSync(join(tmpdir(), 'spanwright-nest-'));
    const graph = join(ROOT, 'examples', 'nest-app', 'graph.json');
    const run = spawnSync(process.execPath, [join(dir, 'main.js'), graph], { cwd, encoding: 'utf8' });
    rmSync(cwd, { recursive: true, force: true });
    expect(run).toMatchObject({ status: 0, stdout: 'succeeded greet\nsucceeded shout\n', stderr: '' });
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}, 60_000);
