import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const root = resolve(__dirname, '..');
const DOCUMENT = readFileSync(join(root, 'docs/toolkit-differences.md'), 'utf8');
const ROWS = DOCUMENT.split('\n').filter((line) => /^\| \d+ \|/.test(line));

test('every weak point of the toolkit has its line, in order', () => {
  expect(ROWS.map((row) => Number(row.split('|')[1]))).toEqual(Array.from({ length: 29 }, (_, i) => i + 1));
});

test('each line says what became of it', () => {
  for (const row of ROWS) expect(row).toMatch(/Fixed|fixed|Kept|Not applicable/);
});

test('what is fixed names a test', () => {
  for (const row of ROWS.filter((line) => /Fixed|fixed/.test(line))) expect(row).toMatch(/`test\/[\w./-]+\.test\.ts`/);
});

describe('the tests that are named', () => {
  const named = [...DOCUMENT.matchAll(/`(test\/[\w./-]+\.test\.ts)`(?: "([^"]+)")?/g)].map(
    ([, file, title]) => [file as string, title] as const,
  );

  test('are there', () => {
    expect(named.length).toBeGreaterThan(25);
    expect(named.filter(([file]) => !existsSync(join(root, file)))).toEqual([]);
  });

  test.each(named.filter(([, title]) => title !== undefined))('%s has "%s"', (file, title) => {
    expect(readFileSync(join(root, file), 'utf8').replaceAll("\\'", "'")).toContain(title);
  });
});

test('the decisions that are named are there', () => {
  const decisions = [...DOCUMENT.matchAll(/\((decisions\/[\w-]+\.md)\)/g)].map(([, path]) => path as string);
  expect(decisions.filter((path) => !existsSync(join(root, 'docs', path)))).toEqual([]);
});
