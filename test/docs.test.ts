import { spawn, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { readOtlpFile } from './support/otlp-collector';

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
  const documents = [
    'README.md',
    'docs/architecture.md',
    'docs/telemetry.md',
    'docs/telemetry-module.md',
    'docs/license-check.md',
    'docs/packages.md',
    'docs/toolkit-differences.md',
    'docs/packages.md',
    'examples/rpm/README.md',
    'examples/workspace/README.md',
  ];
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

describe('the example Nest application with telemetry', () => {
  const example = join(ROOT, 'examples', 'nest-telemetry');
  let dir: string;

  beforeAll(() => {
    dir = mkdtempSync(join(example, '.test-'));
    compile('-p', example, '--outDir', dir);
  });

  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  function compile(...args: string[]): void {
    const tsc = join(ROOT, 'node_modules', 'typescript', 'lib', 'tsc.js');
    expect(spawnSync(process.execPath, [tsc, ...args], { cwd: ROOT, encoding: 'utf8' }).stdout).toBe('');
  }

  test('prints what the README shows', () => {
    const run = spawnSync(process.execPath, [join(dir, 'main.js'), '--demo'], { cwd: dir, encoding: 'utf8', env: ENV });
    expect(run).toMatchObject({ status: 0, stderr: '' });
    expect(readme).toContain(`\`\`\`\n${run.stdout}\`\`\``);
  }, 60_000);

  test('serves until it is stopped, and leaves spans in its file', async () => {
    const server = spawn(process.execPath, [join(dir, 'main.js')], { cwd: dir, env: { ...ENV, PORT: '0' } });
    const ended = new Promise((done) => server.once('close', done));
    try {
      let url: string | undefined;
      for await (const line of createInterface(server.stdout)) {
        url = /^listening at (\S+)$/.exec(line)?.[1];
        if (url !== undefined) break;
      }
      expect(await (await fetch(`${url}/orders/none`)).json()).toMatchObject({ statusCode: 404 });
      const metrics = await (await fetch(`${url}/metrics`)).text();
      expect(metrics).toMatch(/^http_requests_total\{.*http_route="\/orders\/:id",http_status_code="404".*\} 1$/m);
      expect(await (await fetch(`${url}/health/telemetry`)).json()).toMatchObject({ status: 'healthy' });
    } finally {
      server.kill('SIGTERM');
      await ended;
    }
    const found = readOtlpFile(join(dir, 'spans.otlp.jsonl')).filter(
      ({ attributes }) => attributes['order.id'] === 'none',
    );
    expect(found.map(({ name }) => name)).toEqual(['OrderService.find']);
  }, 60_000);

  test('and the code in the documents compile', () => {
    const samples = ['README.md', 'docs/telemetry-module.md'].flatMap((document) =>
      [...readFileSync(join(ROOT, document), 'utf8').matchAll(/```ts\n(.*?)```/gs)].map(([, code]) => code as string),
    );
    expect(samples.length).toBeGreaterThanOrEqual(6);
    const sources = mkdtempSync(join(example, '.test-'));
    try {
      cpSync(join(example, 'orders.service.ts'), join(sources, 'orders.service.ts'));
      const files = samples.map((code, at) => {
        writeFileSync(join(sources, `sample-${at}.ts`), code);
        return `sample-${at}.ts`;
      });
      const config = join(sources, 'tsconfig.json');
      writeFileSync(
        config,
        JSON.stringify({ extends: '../tsconfig.json', compilerOptions: { noEmit: true, rootDir: '.' }, files }),
      );
      compile('-p', config);
    } finally {
      rmSync(sources, { recursive: true, force: true });
    }
  }, 60_000);
});

/** Nothing of our own surroundings decides about the example's telemetry. */
const ENV = { PATH: process.env.PATH };
