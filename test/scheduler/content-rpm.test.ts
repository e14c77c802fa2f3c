import { spawnSync } from 'node:child_process';
import { appendFileSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { GraphBuilder } from '../../src/graph/graph';
import { NodeState, NodeType } from '../../src/graph/node';
import { makeTempDir, removeTempDir } from '../support/command';
import { HAS_RPMBUILD } from '../support/rpm';
import { runUnderRule } from './content-run';

const withRpmbuild = HAS_RPMBUILD ? describe : describe.skip;

let dir: string;
beforeEach(() => {
  dir = makeTempDir();
});
afterEach(() => removeTempDir(dir));

const spec = (name: string) => `Name: ${name}
Version: 1.0
Release: 1
Summary: s
License: MIT
BuildArch: noarch
Source0: ${name}.txt
%description
d
%install
mkdir -p %{buildroot}/usr/share/${name}
cp %{SOURCE0} %{buildroot}/usr/share/${name}/
%files
/usr/share/${name}
`;

function tree() {
  const builder = new GraphBuilder();
  const runs = new Map<string, number>();
  for (const name of ['lib', 'app']) {
    const folder = join(dir, 'specs', name);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `${name}.spec`), spec(name));
    writeFileSync(join(folder, `${name}.txt`), `${name}\n`);
    writeFileSync(join(folder, 'README'), 'not packed');
    const record = {
      name,
      version: '1.0-1',
      srpmPath: join(dir, `srpms/${name}-1.0-1.src.rpm`),
      rpmPath: join(dir, `rpms/${name}-1.0-1.noarch.rpm`),
      specPath: join(folder, `${name}.spec`),
      sourceDir: folder,
    };
    const build = builder.addNode({ type: NodeType.LocalBuild, state: NodeState.Build, ...record });
    const run = builder.addNode({ type: NodeType.LocalRun, state: NodeState.Meta, ...record });
    builder.addDependency(run, build);
    if (name === 'app') builder.addDependency(build, runs.get('lib') as number);
    runs.set(name, run);
  }
  const graph = builder.build();
  let builds = 0;
  for (const name of ['rpms', 'srpms']) mkdirSync(join(dir, name));
  return () =>
    runUnderRule(graph, join(dir, 'fingerprints.ndjson'), async ({ node }) => {
      const top = join(dir, `top${builds++}`);
      // Each build at another time, as builds are.
      const at = String(1_700_000_000 + builds * 1000);
      const folder = graph.field(node, 'sourceDir');
      const defines = { _topdir: top, _sourcedir: folder, use_source_date_epoch_as_buildtime: '1' };
      const flags = Object.entries(defines).flatMap(([key, value]) => ['--define', `${key} ${value}`]);
      const { status, stderr } = spawnSync('rpmbuild', ['-ba', graph.field(node, 'specPath'), ...flags], {
        env: { ...process.env, SOURCE_DATE_EPOCH: at },
        encoding: 'utf8',
      });
      if (status !== 0) throw new Error(stderr);
      for (const [from, to] of [
        ['RPMS/noarch', graph.rpmPath(node)],
        ['SRPMS', graph.srpmPath(node)],
      ] as const) {
        renameSync(join(top, from, readdirSync(join(top, from))[0] as string), to);
      }
      return { ok: true, builtFiles: [graph.rpmPath(node)] };
    });
}

const names = (lines: readonly string[]) => lines.map((line) => line.replaceAll('-1.0-1', ''));

withRpmbuild('real RPMs, whose SRPMs the build packs', () => {
  test('are built once, then again where their spec changes, and what needs them where they come out otherwise', async () => {
    const run = tree();
    expect(names((await run()).lines)).toEqual(['app built', 'lib built']);
    expect(names((await run()).lines)).toEqual(['app cached', 'lib cached']);

    // Built anew, at another time, and the same for all that need it.
    appendFileSync(join(dir, 'specs/lib/lib.spec'), '# a remark\n');
    const remark = await run();
    expect(names(remark.lines)).toEqual(['app cached', 'lib built']);
    expect(remark.reasons['lib-1.0-1']).toBe('its spec changed');

    writeFileSync(join(dir, 'specs/lib/lib.txt'), 'another\n');
    const source = await run();
    expect(names(source.lines)).toEqual(['app built', 'lib built']);
    expect(source.reasons['lib-1.0-1']).toBe('its source lib.txt changed');
    expect(source.reasons['app-1.0-1']).toBe('lib-1.0-1.noarch.rpm, which it needs, changed');
    expect(names((await run()).lines)).toEqual(['app cached', 'lib cached']);
  });

  test('are not built for a file beside the spec that their SRPM does not hold, nor for an SRPM that went', async () => {
    const run = tree();
    await run();
    writeFileSync(join(dir, 'specs/lib/README'), 'still not packed');
    expect(names((await run()).lines)).toEqual(['app cached', 'lib cached']);
    rmSync(join(dir, 'srpms/lib-1.0-1.src.rpm'));
    writeFileSync(join(dir, 'specs/lib/README'), 'not packed');
    expect(names((await run()).lines)).toEqual(['app cached', 'lib cached']);
  });

  test('are built again where the SRPM was packed anew from something else', async () => {
    const run = tree();
    await run();
    const other = join(dir, 'other');
    mkdirSync(other);
    writeFileSync(join(other, 'lib.spec'), spec('lib'));
    writeFileSync(join(other, 'lib.txt'), 'downloaded anew\n');
    const flags = ['--define', `_topdir ${other}`, '--define', `_sourcedir ${other}`];
    spawnSync('rpmbuild', ['-bs', join(other, 'lib.spec'), ...flags]);
    renameSync(join(other, 'SRPMS/lib-1.0-1.src.rpm'), join(dir, 'srpms/lib-1.0-1.src.rpm'));
    expect((await run()).reasons['lib-1.0-1']).toBe('its source lib.txt changed');
  });
});
