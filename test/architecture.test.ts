import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

const SRC = resolve(__dirname, '../src');

/** Which folders of src/ a folder may import. */
const WALLS: Readonly<Record<string, readonly string[]>> = {
  util: [],
  config: ['util', 'telemetry/telemetry'],
  graph: ['util'],
  telemetry: ['config', 'util'],
  health: ['telemetry', 'util'],
  rpm: ['graph', 'util'],
  license: ['graph', 'rpm', 'util'],
  scheduler: ['graph', 'license', 'rpm', 'telemetry', 'util'],
  report: [
    'graph',
    'license/findings',
    'scheduler/agent',
    'scheduler/job-kind',
    'scheduler/events',
    'scheduler/failure',
    'scheduler/job-table',
    'util',
  ],
  commands: ['config', 'graph', 'license', 'report', 'rpm', 'scheduler', 'telemetry', 'util'],
};

const NEST_SUFFIXES = /\.(module|options|service|controller|interceptor|guard|filter|decorator|explorer|health)\.ts$/;

interface Import {
  readonly file: string;
  readonly from: string;
}

function sourceFiles(folder = SRC): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return sourceFiles(path);
    return path.endsWith('.ts') ? [path] : [];
  });
}

function importsOf(path: string): Import[] {
  const text = readFileSync(path, 'utf8');
  const file = relative(SRC, path);
  const pattern = /(?:from|import|require\(|import\()\s*'([^']+)'/g;
  return [...text.matchAll(pattern)].map(([, from]) => ({ file, from: from as string }));
}

const imports = sourceFiles().flatMap(importsOf);

/** Path below src/ of an import of ours, without extension. */
function target({ file, from }: Import): string {
  return relative(SRC, resolve(SRC, dirname(file), from));
}

test('the source has imports for these rules to look at', () => {
  expect(imports.length).toBeGreaterThan(100);
});

test('a folder imports only what its wall lets through', () => {
  const breaches = imports.filter((entry) => {
    const folder = entry.file.split('/')[0] as string;
    const allowed = WALLS[folder];
    if (!entry.from.startsWith('.') || !entry.file.includes('/') || !allowed) return false;
    const to = target(entry);
    if (to.startsWith('..')) return !to.endsWith('.schema.json');
    return ![folder, ...allowed].some((wall) => to === wall || to.startsWith(`${wall}/`));
  });
  expect(breaches).toEqual([]);
});

test('every folder has a wall', () => {
  const folders = readdirSync(SRC, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  expect(folders.map(({ name }) => name).sort()).toEqual(Object.keys(WALLS).sort());
});

test('Nest is imported only by files whose suffix says so, and by those at the root', () => {
  const breaches = imports.filter(
    ({ file, from }) => from.startsWith('@nestjs/') && file.includes('/') && !NEST_SUFFIXES.test(file),
  );
  expect(breaches).toEqual([]);
});

test('OpenTelemetry is imported only by telemetry/ and by files whose suffix says so', () => {
  const breaches = imports.filter(
    ({ file, from }) =>
      from.startsWith('@opentelemetry/') && !file.startsWith('telemetry/') && !/\.(telemetry|module)\.ts$/.test(file),
  );
  expect(breaches).toEqual([]);
});

test('an import names the file that has the thing, not a folder or an index', () => {
  const breaches = imports.filter((entry) => entry.from.startsWith('.') && /(^|\/)(index)?$/.test(target(entry)));
  expect(breaches).toEqual([]);
  const indexes = sourceFiles()
    .map((path) => relative(SRC, path))
    .filter((file) => /(^|\/)index\.ts$/.test(file));
  expect(indexes).toEqual(['index.ts']);
});

test('only config/ reads the environment, and the runners, who hand it on', () => {
  const readers = sourceFiles()
    .filter((path) => /process\.env\b/.test(readFileSync(path, 'utf8')))
    .map((path) => relative(SRC, path));
  expect(readers.filter((file) => !file.startsWith('config/'))).toEqual([
    'scheduler/runner/run-program.ts',
    'scheduler/runner/runner.ts',
  ]);
});
