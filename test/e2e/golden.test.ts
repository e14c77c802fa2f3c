import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { makeTempDir, removeTempDir } from '../support/command';
import { describeWithSharedData, sharedData } from '../support/graphs';
import { normalized, placeRpms, shellWorker, stateRows, ToolkitRun } from '../support/toolkit-run';

let dir: string;
beforeEach(() => {
  dir = makeTempDir();
});
afterEach(() => removeTempDir(dir));

const golden = (name: string) =>
  readFileSync(sharedData(`golden/${name}.state.csv`), 'utf8')
    .split('\n')
    .filter(Boolean)
    .sort();
const cachedGraph = () => sharedData('azurelinux-3.0-core-cached.dot');

describeWithSharedData("the toolkit's own classifications", () => {
  test('of the core graph, with its remote nodes unresolved', async () => {
    const run = new ToolkitRun(dir, sharedData('azurelinux-3.0-core.dot'));
    const { code, stderr } = await run.run();
    expect(normalized(run.csv())).toEqual(golden('core'));
    expect(code).toBe(1);
    expect(stderr).toContain('Number of unresolved dependencies:     65\n');
    expect(stderr).toContain('Number of blocked SRPMs:               51\n');
    expect(stderr).toContain('Number of blocked SRPMs tests:         46\n');
  });

  test('of the core graph with everything cached and nothing on disk', async () => {
    const run = new ToolkitRun(dir, cachedGraph());
    const { code, stderr } = await run.run();
    expect(normalized(run.csv())).toEqual(golden('core-cached'));
    expect(code).toBe(0);
    expect(stderr).toContain('Number of built SRPMs:                 105\n');
    expect(stderr).toContain('Number of passed SRPMs tests:          82\n');
  });

  test('when zlib fails', async () => {
    const run = new ToolkitRun(dir, cachedGraph());
    const { code, stderr } = await run.run({}, { env: { FAIL: 'zlib-1.3.2-1.azl3.src.rpm' } });
    expect(normalized(run.csv())).toEqual(golden('core-cached-zlib-fails'));
    expect(code).toBe(1);
    expect(stderr).toContain('Number of built SRPMs:                 79\n');
    expect(stderr).toContain('Number of failed SRPMs:                1\n');
    expect(stderr).toContain('Number of blocked SRPMs:               25\n');
    expect(stderr).toContain('Number of passed SRPMs tests:          54\n');
    expect(stderr).toContain('Number of failed SRPMs tests:          1\n');
    expect(stderr).toContain('Number of blocked SRPMs tests:         27\n');
  });

  test('when every RPM is on disk', async () => {
    const run = new ToolkitRun(dir, placeRpms(cachedGraph(), dir));
    const { code, stderr } = await run.run();
    expect(normalized(run.csv())).toEqual(golden('core-cached-all-rpms-present'));
    expect(code).toBe(0);
    expect(stderr).toContain('Number of prebuilt SRPMs:              105\n');
    expect(stderr).toContain('Number of skipped SRPMs tests:         82\n');
  });

  test('when zlib is rebuilt and that carries on by one layer', async () => {
    const run = new ToolkitRun(dir, placeRpms(cachedGraph(), dir));
    const { code, stderr } = await run.run({ 'rebuild-packages': 'zlib', 'max-cascading-rebuilds': '1' });
    expect(normalized(run.csv())).toEqual(golden('core-cached-rebuild-zlib-cascade-1'));
    expect(code).toBe(0);
    expect(stderr).toContain('Number of built SRPMs:                 5\n');
    expect(stderr).toContain('Number of prebuilt SRPMs:              100\n');
  });
});

describe('the example graph that the package carries', () => {
  const example = resolve(__dirname, '../../examples/azurelinux-core.dot.gz');
  const worker = () =>
    shellWorker(
      dir,
      'echo "CHECK DONE x. EXIT STATUS 0" > "$log"; for f in $FAIL; do [ "$f" = "$srpm" ] && exit 1; done; exit 0',
    );
  const counts = (csv: string) => {
    const of: Record<string, number> = {};
    for (const { state, isTest } of stateRows(csv)) {
      const key = `${isTest ? 'test' : 'build'} ${state}`;
      of[key] = (of[key] ?? 0) + 1;
    }
    return of;
  };
  const cases: [string, string, number, Record<string, number>][] = [
    ['is built to its end', '', 0, { 'build Built': 105, 'test Built': 82 }],
    [
      'is built as far as it goes when zlib fails',
      'zlib-1.3.2-1.azl3.src.rpm',
      1,
      { 'build Built': 79, 'build Failed': 26, 'test Built': 54, 'test Failed': 28 },
    ],
  ];
  test.each(cases)('%s', async (_, fail, exitCode, expected) => {
    const run = new ToolkitRun(dir, example, worker());
    const { code } = await run.run({}, { env: { FAIL: fail } });
    expect(counts(run.csv())).toEqual(expected);
    expect(code).toBe(exitCode);
  });

  test('is left alone when all of its RPMs are on disk', async () => {
    const run = new ToolkitRun(dir, placeRpms(example, dir), worker());
    const { code } = await run.run();
    expect(counts(run.csv())).toEqual({ 'build PreBuilt': 105 });
    expect(code).toBe(0);
  });
});
