import { GraphBuilder } from '../../src/graph/graph';
import { NodeState, NodeType } from '../../src/graph/node';
import { directDependencies, InstallList } from '../../src/scheduler/job-dependencies';
import { JobTable } from '../../src/scheduler/job-table';
import { graphOf, nodeOf } from '../support/graphs';
import { packagesOf } from './package-graph';

describe('the jobs that a job needs directly', () => {
  function directOf(notation: string, name: string): string[] {
    const { graph, at } = packagesOf(notation);
    const jobs = JobTable.of(graph);
    return directDependencies(graph, jobs, jobs.jobOf(at(name))).map(
      (job) => (jobs.isTest(job) ? 'test:' : '') + graph.label(jobs.firstNodeOf(job)),
    );
  }

  test('are the builds of the packages it needs, not what these need to be built or installed', () => {
    expect(directOf('app -> lib; lib -> core; lib => data', 'build:app')).toEqual(['lib.src.rpm']);
  });

  test('are found behind collections, however deep', () => {
    expect(directOf('app -> meta:a; meta:a -> meta:b lib; meta:b -> core', 'build:app').sort()).toEqual([
      'core.src.rpm',
      'lib.src.rpm',
    ]);
  });

  test('are those of all nodes of its SRPM, each once and the job itself not', () => {
    expect(directOf('app -> lib; app/devel -> lib core; app/doc -> app', 'build:app').sort()).toEqual([
      'core.src.rpm',
      'lib.src.rpm',
    ]);
  });

  test('of a test include its build', () => {
    expect(directOf('test:app -> tool', 'test:app').sort()).toEqual(['app.src.rpm', 'tool.src.rpm']);
  });

  test('are none where it needs only packages from elsewhere', () => {
    expect(directOf('app -> remote:x prebuilt:y', 'build:app')).toEqual([]);
  });

  test('are the commands it names, in graphs of commands, by ascending number', () => {
    const graph = graphOf('a; b; app -> b a meta:m; meta:m -> a');
    const jobs = JobTable.of(graph);
    expect(directDependencies(graph, jobs, jobs.jobOf(nodeOf(graph, 'app')))).toEqual([0, 1]);
  });

  test('may be 200,000', () => {
    const builder = new GraphBuilder();
    builder.addPlainNodes(200_001, NodeType.LocalBuild, NodeState.Build);
    for (let node = 0; node < 200_000; node++) builder.addDependency(200_000, node);
    const graph = builder.build();
    expect(directDependencies(graph, JobTable.of(graph), 200_000)).toHaveLength(200_000);
  });
});

describe('what is installed before a build', () => {
  function installedFor(notation: string, ...names: string[]): string[][] {
    const { graph, at } = packagesOf(notation);
    const list = new InstallList(graph);
    return names.map((name) => list.of(at(name)));
  }

  test('is what it needs and what that needs to be installed, but nothing that is only needed to build it', () => {
    expect(installedFor('app -> lib; lib => data remote:glibc; data => tzdata; lib -> compiler', 'build:app')).toEqual([
      ['/cache/glibc.rpm', '/rpms/data.rpm', '/rpms/lib.rpm', '/rpms/tzdata.rpm'],
    ]);
  });

  test('leaves out its own RPM and nodes without one, and takes prebuilt ones', () => {
    expect(installedFor('app -> lib lost:qt meta:m; lib => app; meta:m -> prebuilt:gcc', 'build:app')).toEqual([
      ['/cache/gcc.rpm', '/rpms/lib.rpm'],
    ]);
  });

  test('of a test is what the test needs, without the package it tests', () => {
    expect(installedFor('app -> lib; test:app -> pytest', 'test:app')).toEqual([['/rpms/pytest.rpm']]);
  });

  test('is worked out anew for each node, and circles of installed packages do no harm', () => {
    expect(installedFor('app -> a; tool -> b; a => b; b => a', 'build:app', 'build:tool', 'build:app')).toEqual([
      ['/rpms/a.rpm', '/rpms/b.rpm'],
      ['/rpms/a.rpm', '/rpms/b.rpm'],
      ['/rpms/a.rpm', '/rpms/b.rpm'],
    ]);
  });
});
