import { JobTable } from '../../src/scheduler/job-table';
import { graphOf } from '../support/graphs';
import { packagesOf } from './package-graph';

test('each command is a job of its own, numbered by its node, and what runs nothing is none', () => {
  const graph = graphOf('app -> meta:all; meta:all -> lib; test:app -> app');
  const jobs = JobTable.of(graph);
  expect(jobs.count).toBe(3);
  expect(Array.from({ length: graph.size }, (_, node) => jobs.jobOf(node))).toEqual([0, -1, 1, 2]);
  expect([0, 1, 2].map((job) => jobs.isTest(job))).toEqual([false, false, true]);
});

test('all build nodes of an SRPM are one job, and all its test nodes another', () => {
  const { graph, at } = packagesOf('app; lib; app/devel; test:app; test:app/devel; app/doc');
  const jobs = JobTable.of(graph);
  const build = jobs.jobOf(at('build:app'));
  const check = jobs.jobOf(at('test:app'));
  expect(jobs.count).toBe(3);
  expect([...jobs.nodesOf(build)]).toEqual([at('build:app'), at('build:app/devel'), at('build:app/doc')]);
  expect([...jobs.nodesOf(check)]).toEqual([at('test:app'), at('test:app/devel')]);
  expect(jobs.isTest(build)).toBe(false);
  expect(jobs.isTest(check)).toBe(true);
  expect(jobs.firstNodeOf(build)).toBe(at('build:app'));
  expect([...jobs.nodeCounts()].sort()).toEqual([1, 2, 3]);
});

test('jobs are numbered by their first node', () => {
  const { graph, at } = packagesOf('b; a; b/x');
  const jobs = JobTable.of(graph);
  expect([at('build:b'), at('build:a'), at('build:b/x')].map((node) => jobs.jobOf(node))).toEqual([0, 1, 0]);
});

test('nodes that are left out belong to no job, also where their SRPM has one', () => {
  const { graph, at } = packagesOf('app; app/devel; lib');
  const included = new Uint8Array(graph.size).fill(1);
  included[at('build:app')] = 0;
  included[at('build:lib')] = 0;
  const jobs = JobTable.of(graph, included);
  expect(jobs.count).toBe(1);
  expect(jobs.jobOf(at('build:app'))).toBe(-1);
  expect([...jobs.nodesOf(0)]).toEqual([at('build:app/devel')]);
});

test("the counts are the caller's own", () => {
  const jobs = JobTable.of(graphOf('a; b'));
  jobs.nodeCounts().fill(9);
  expect([...jobs.nodeCounts()]).toEqual([1, 1]);
});
