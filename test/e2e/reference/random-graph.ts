import { type Graph, GraphBuilder, type NodeRecord } from '../../../src/graph/graph';
import { NodeState, NodeType } from '../../../src/graph/node';
import type { Dice } from './dice';
import type { KnownSpec } from './random-flags';

export interface RandomSpec extends KnownSpec {
  readonly srpm: string;
  readonly rpms: readonly string[];
}

const NOWHERE = { srpmPath: '<NO_SRPM_PATH>', specPath: '<NO_SPEC_PATH>', sourceRepo: '<NO_SOURCE_REPO>' };
const VERSION = '1.0-1';

/**
 * A toolkit graph of a few specs with sub-packages, tests, packages from elsewhere, names that only a build reveals, PreBuilt and PureMeta
 * nodes and deltas. A spec needs earlier ones only, and names that earlier ones provide, so that no circle closes.
 */
export class RandomGraph {
  readonly graph: Graph;
  readonly specs: RandomSpec[] = [];
  /** By RPM: what it turns out to provide. */
  readonly provided = new Map<string, string[]>();
  private readonly builder = new GraphBuilder();
  private readonly records: NodeRecord[] = [];
  /** What the goal needs. */
  private readonly members: number[] = [];
  /** What later specs can need: packages, and what comes from elsewhere. */
  private readonly packages: number[] = [];
  private readonly remotes: number[];
  private readonly findsNames: boolean;
  private readonly testsNeedTheirOwn: boolean;

  constructor(private readonly dice: Dice) {
    this.findsNames = dice.is(0.4);
    this.testsNeedTheirOwn = dice.is(0.3);
    this.remotes = [
      this.remote('far', NodeState.Cached),
      this.remote('away', NodeState.Cached, { condition: '>=', version: '2' }),
      ...(dice.is(0.15) ? [this.remote('lost', NodeState.Unresolved)] : []),
      ...(dice.is(0.6) ? [this.remote('pkgconfig(far)', NodeState.Cached)] : []),
      ...(dice.is(0.1) ? [this.remote('/bin/lost', NodeState.Unresolved)] : []),
    ];
    const count = 3 + dice.below(10);
    for (let i = 0; i < count; i++) this.addSpec(`s${i}`);
    const goal = this.add({ type: NodeType.Goal, state: NodeState.Meta, goalName: 'ALL', ...NOWHERE });
    for (const member of this.members) this.builder.addDependency(goal, member);
    this.graph = this.builder.build();
  }

  private add(record: NodeRecord, needs: readonly number[] = []): number {
    const node = this.builder.addNode(record);
    this.records[node] = record;
    for (const need of needs) this.builder.addDependency(node, need);
    return node;
  }

  private remote(name: string, state: NodeState, more: Partial<NodeRecord> = {}): number {
    const implicit = /\(.*\)|^\//.test(name);
    const rpmPath = state === NodeState.Cached ? `/cache/${name}.rpm` : '<NO_RPM_PATH>';
    const node = this.add({ type: NodeType.RemoteRun, state, name, implicit, rpmPath, ...NOWHERE, ...more });
    this.members.push(node);
    return node;
  }

  private addSpec(name: string): void {
    const { dice } = this;
    const folder = dice.is(0.1) ? '/cache' : '/rpms';
    const hasTest = dice.is(0.5);
    const packages = [name, ...['devel', 'libs'].filter(() => dice.is(0.4)).map((sub) => `${name}-${sub}`)];
    const spec = {
      name,
      packages,
      hasTest,
      srpm: `/srpms/${name}-${VERSION}.src.rpm`,
      rpms: packages.map((of) => `${folder}/${of}-${VERSION}.rpm`),
    };
    this.specs.push(spec);
    const runs = this.addPackages(spec, folder === '/cache');
    if (dice.is(0.15)) this.packages.push(this.add({ type: NodeType.PureMeta, state: NodeState.Meta }, runs));
    if (!this.findsNames || !dice.is(0.3)) return;
    const revealed = `pkgconfig(${name})`;
    this.remotes.push(this.remote(revealed, dice.is(0.7) ? NodeState.Cached : NodeState.Unresolved));
    this.provided.set(dice.one(spec.rpms), [`${revealed} = 1.0`]);
  }

  /** All builds of an SRPM need the same, and so do all of its tests, as in the toolkit's graphs. */
  private addPackages(spec: RandomSpec, isDelta: boolean): number[] {
    const { dice, remotes } = this;
    const earlier = [...this.packages];
    const needs = [...dice.some(earlier, 3), ...dice.some(remotes, 1), ...this.standIns(earlier)];
    const testNeeds = [...dice.some(earlier, 2), ...dice.some(remotes, 1)];
    const runs: number[] = [];
    for (const [i, name] of spec.packages.entries()) {
      const record = {
        name,
        version: VERSION,
        condition: '=',
        srpmPath: spec.srpm,
        rpmPath: spec.rpms[i] as string,
        specPath: `/specs/${spec.name}.spec`,
        sourceRepo: '<LOCAL_REPO>',
      };
      const stateOf = (usual: NodeState) => (isDelta ? NodeState.Delta : usual);
      const build = this.add({ ...record, type: NodeType.LocalBuild, state: stateOf(NodeState.Build) }, needs);
      const requires = [build, ...dice.some(earlier, 2), ...dice.some([...runs, ...remotes], 1)];
      const run = this.add({ ...record, type: NodeType.LocalRun, state: stateOf(NodeState.Meta) }, requires);
      runs.push(run);
      this.packages.push(run);
      this.members.push(run);
      if (!spec.hasTest) continue;
      const test = { ...record, rpmPath: '<NO_RPM_PATH>', type: NodeType.Test, state: NodeState.Build };
      const own = this.testsNeedTheirOwn ? [runs[0] as number] : [];
      this.members.push(this.add(test, [build, ...testNeeds, ...own]));
    }
    return runs;
  }

  /** Now and then a package's RPM of an earlier run stands in for the package. */
  private standIns(of: readonly number[]): number[] {
    if (!this.dice.is(0.2)) return [];
    return this.dice.some(of, 1).flatMap((node) => {
      const record = this.records[node] as NodeRecord;
      if (record.type !== NodeType.LocalRun) return [];
      return [this.add({ ...record, type: NodeType.PreBuilt, state: NodeState.UpToDate })];
    });
  }
}
