import { reachable, subgraph, withExtraLayers, withGoal } from '../../src/graph/goals';
import { type Graph, GraphBuilder } from '../../src/graph/graph';
import { NodeState, NodeType } from '../../src/graph/node';
import { nodeText } from '../../src/graph/node-text';
import { PackageLookup, specNameOf } from '../../src/graph/package-lookup';
import {
  compareVersions,
  intervalOf,
  parseVersion,
  showInterval,
  type VersionedName,
} from '../../src/graph/versions/versions';
import { SAMPLE, toolkitSampleGraph } from '../support/graphs';

/*
 * What is known of the toolkit's versions, its lookup table and its goals, one test for each fact: the sample graph that its own tests work on,
 * and its pairs of versions.
 */

const s = SAMPLE;
const graph = toolkitSampleGraph();
const lookup = new PackageLookup(graph);
const wish = (name: string, condition = '', version = '', sCondition = '', sVersion = ''): VersionedName => ({
  name,
  condition,
  version,
  sCondition,
  sVersion,
});
const runOf = (...wanted: Parameters<typeof wish>) => lookup.bestMatch(wish(...wanted))?.run;
const compare = (a: string, b: string) => Math.sign(compareVersions(parseVersion(a), parseVersion(b)));
const nodes = (type: NodeType) => graph.types.filter((other) => other === type).length;

describe('the sample graph', () => {
  test('has 14 nodes and 12 edges', () => expect([graph.size, graph.edgeCount]).toEqual([14, 12]));
  test('has 4 run, 4 build and 6 remote nodes', () =>
    expect([nodes(NodeType.LocalRun), nodes(NodeType.LocalBuild), nodes(NodeType.RemoteRun)]).toEqual([4, 4, 6]));
  test('has 9 nodes below A', () => expect(reachable(graph, s.ARun)).toHaveLength(9));
  test('has 5 nodes below C 3-4', () => expect(reachable(graph, s.C34Run)).toHaveLength(5));
  test('finds each version of each package exactly', () => {
    for (let node = 0; node < graph.size; node++) {
      const { name, version = '', condition = '', sVersion = '', sCondition = '' } = graph.record(node);
      const { run, build } = lookup.exactMatch(wish(name as string, condition, version, sCondition, sVersion)) ?? {};
      expect([run, build]).toContain(node);
    }
  });
});

describe('the lookup finds', () => {
  test('C 3-4 for C', () => expect(runOf('C')).toBe(s.C34Run));
  test('C 3-4 for C > 3-3', () => expect(runOf('C', '>', '3-3')).toBe(s.C34Run));
  test('C 3-3 for C < 3-4', () => expect(runOf('C', '<', '3-4')).toBe(s.C33Run));
  test('D <= 2 for D = 1', () => expect(runOf('D', '=', '1')).toBe(s.DUpTo2));
  test('nothing for D = 2.1', () => expect(runOf('D', '=', '2.1')).toBeUndefined());
  test('D <= 2 for D >= 1, < 3', () => expect(runOf('D', '>=', '1', '<', '3')).toBe(s.DUpTo2));
  test('D = 3 for D >= 2, <= 3', () => expect(runOf('D', '>=', '2', '<=', '3')).toBe(s.DIs3));
  test('an error for D < 3, > 3', () => expect(() => runOf('D', '<', '3', '>', '3')).toThrow('overlap'));
  test('A where only a second condition is given, = 1', () => expect(runOf('A', '', '', '=', '1')).toBe(s.ARun));
  test('nothing where only a second condition is given, = 2', () =>
    expect(runOf('A', '', '', '=', '2')).toBeUndefined());
});

describe('goals and sub-graphs', () => {
  test('no layer around C 3-3 is C', () => expect(withExtraLayers(graph, [s.C33Run], 0)).toEqual([s.C33Run]));
  test('one layer around C 3-3 is C and B', () =>
    expect(withExtraLayers(graph, [s.C33Run], 1)).toEqual([s.BRun, s.C33Run]));
  test('two layers around C 3-3 are C, B and A', () =>
    expect(withExtraLayers(graph, [s.C33Run], 2)).toEqual([s.ARun, s.BRun, s.C33Run]));
  test('fewer than no layers are none', () => expect(withExtraLayers(graph, [s.C33Run], -1)).toEqual([s.C33Run]));
  test('below B are B, C 3-3, D <= 2 and D = 3', () =>
    expect(reachable(graph, s.BRun)).toEqual([s.BRun, s.C33Run, s.BBuild, s.C33Build, s.DUpTo2, s.DIs3]));
  test('the sub-graph of B has 6 nodes and 5 edges', () => {
    const part = subgraph(graph, reachable(graph, s.BRun)).graph;
    expect([part.size, part.edgeCount]).toEqual([6, 5]);
  });
  test('two goals cannot have one name', () =>
    expect(() => withGoal(withGoal(graph, 'test', []).graph, 'test', [])).toThrow(
      "can't have two goal nodes named test",
    ));
});

/** A graph of one package, of one type, with one or two conditions; and what is said of it. */
function refusal(
  type: NodeType,
  condition: string,
  version: string,
  sCondition = '',
  sVersion = '',
): string | undefined {
  const builder = new GraphBuilder();
  builder.addNode({ type, state: NodeState.Meta, name: 'p', condition, version, sCondition, sVersion });
  return new PackageLookup(builder.build()).leftOut[0]?.why;
}

describe('the versions that a local package may have', () => {
  test.each(['<', '<=', '>'])('not those with %s', (condition) => {
    for (const type of [NodeType.LocalRun, NodeType.LocalBuild, NodeType.Test]) {
      expect(refusal(type, condition, '1')).toContain('is a run node and');
    }
  });
  test('an unknown condition is an error', () => expect(() => refusal(NodeType.LocalRun, '????', '1')).toThrow('????'));
  test.each(['>=', '=', ''])("those with '%s'", (condition) =>
    expect(refusal(NodeType.LocalRun, condition, '1')).toBeUndefined(),
  );
  test('any', () => expect(refusal(NodeType.LocalRun, '', '')).toBeUndefined());
  test('not those with two conditions', () =>
    expect(refusal(NodeType.LocalRun, '>=', '1', '<', '2')).toContain("can't have double conditionals"));
  test('a remote package may have any', () => {
    for (const [condition, ...second] of [['<'], ['<='], ['>'], ['>=', '<', '2']]) {
      expect(refusal(NodeType.RemoteRun, condition as string, '1', ...second)).toBeUndefined();
    }
  });
});

describe('names of nodes', () => {
  const text = (node: number, of: Graph = graph) => nodeText(of, node);
  test('of a run node', () =>
    expect(text(s.ARun)).toBe("A(1,):<ID:0 Type:Run State:Meta Rpm:A.rpm> from 'A.src.rpm' in 'test_repo'"));
  test('of a remote node', () =>
    expect(text(s.DBelow1)).toBe(
      "D(<1,):<ID:8 Type:Remote State:Unresolved Rpm:url://D.rpm> from 'url://D.src.rpm' in 'test_repo'",
    ));
  test('of a remote node with two conditions', () =>
    expect(text(s.DBetween6And7)).toContain('D(>6,<7):<ID:13 Type:Remote State:Unresolved'));
  test('of a goal', () =>
    expect(text(14, withGoal(graph, 'goal', []).graph)).toBe(
      "goal():<ID:14 Type:Goal State:Meta Rpm:<NO_RPM_PATH>> from '<NO_SRPM_PATH>' in '<NO_SOURCE_REPO>'",
    ));
  test('a goal has the identifier that is known', () =>
    expect(withGoal(graph, 'test', []).graph.friendlyName(14)).toBe('test'));
  test('the spec of a package is the base name of its spec file', () =>
    expect(specNameOf(graph, s.C33Build)).toBe('C'));
});

describe('pairs of versions', () => {
  test('2:1.2.1 > 4.2.2.1', () => expect(compare('2:1.2.1', '4.2.2.1')).toBe(1));
  test('1.2.3 = 0:1.2.3', () => expect(compare('1.2.3', '0:1.2.3')).toBe(0));
  test('1.2.3 > 1.2', () => expect(compare('1.2.3', '1.2')).toBe(1));
  test('1.4 > 1.3.0', () => expect(compare('1.4', '1.3.0')).toBe(1));
  test('1.2.3-3 = 1.2.3', () => expect(compare('1.2.3-3', '1.2.3')).toBe(0));
  test('1.2.3-3 > 1.2.3-2', () => expect(compare('1.2.3-3', '1.2.3-2')).toBe(1));
  test('-3 > -2', () => expect(compare('-3', '-2')).toBe(1));
  test('1.2.3-2.2 > 1.2.3-2', () => expect(compare('1.2.3-2.2', '1.2.3-2')).toBe(1));
  test("'1.' > ''", () => expect(compare('1.', '')).toBe(1));
  test("garbage = ''", () => expect(compare('!?.$', '')).toBe(0));
  test('MIN < 1', () => expect(compareVersions('MIN', parseVersion('1'))).toBeLessThan(0));
  test('1 < MAX', () => expect(compareVersions(parseVersion('1'), 'MAX')).toBeLessThan(0));
});

describe('intervals are printed as', () => {
  const shown = (...wanted: Parameters<typeof wish>) => showInterval(intervalOf(wish(...wanted)));
  test('[1,1] for 1', () => expect(shown('p', '', '1')).toBe('[1,1]'));
  test('(1,MAX_VER] for > 1', () => expect(shown('p', '>', '1')).toBe('(1,MAX_VER]'));
  test('[1,MAX_VER] for >= 1', () => expect(shown('p', '>=', '1')).toBe('[1,MAX_VER]'));
  test('(1,2) for > 1, < 2', () => expect(shown('p', '>', '1', '<', '2')).toBe('(1,2)'));
  test('[MIN_VER,1) for < 1', () => expect(shown('p', '<', '1')).toBe('[MIN_VER,1)'));
  test('[MIN_VER,MAX_VER] for any', () => expect(shown('p')).toBe('[MIN_VER,MAX_VER]'));
});

describe('where the toolkit’s order is not rpm’s', () => {
  const rpm = (a: string, b: string) => Math.sign(compareVersions(parseVersion(a, 'rpm'), parseVersion(b, 'rpm')));
  test.each<[string, string, number, number]>([
    ['1.0~rc1', '1.0', 1, -1],
    ['1.0^git1', '1.0.1', 1, -1],
    ['1.a', '1.9', 1, -1],
    ['1.rc', '1.5', 1, -1],
    ['1.A', '1.B', 0, -1],
    ['20240101123045', '20230101123045', 0, 1],
  ])('%s and %s', (a, b, toolkit, byRpm) => expect([compare(a, b), rpm(a, b)]).toEqual([toolkit, byRpm]));
});
