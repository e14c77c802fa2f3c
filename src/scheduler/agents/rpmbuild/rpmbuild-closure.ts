import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Graph } from '../../../graph/graph';
import { type NodeId, NodeType } from '../../../graph/node';
import type { RunTool } from '../../../rpm/run-tool';
import { inParallel } from '../../../util/in-parallel';
import { InstallList } from '../../job-dependencies';

/** What an RPM says of itself, by names alone. */
interface RpmNames {
  readonly requires: readonly string[];
  /** Files too. */
  readonly provides: readonly string[];
}

const FORMAT = '[R%{REQUIRENAME}\\n][P%{PROVIDENAME}\\n][P%{FILENAMES}\\n]';
const QUERIES_AT_A_TIME = 4;

/**
 * Which RPMs must be there to build a package: those that the graph says, and those that these require without any spec file
 * saying so: a program needs `libx.so.1()(64bit)`, which rpm finds out when it packs it. The toolkit's worker leaves this to
 * tdnf, which takes any RPM of that name that happens to lie there.
 *
 * Here it is what the RPM was built with: what it links to was there for its own build. So the answer does not depend on what
 * else has been built by then. What no such RPM provides is left to this machine.
 */
export class RpmClosure {
  private view: GraphView | undefined;
  private readonly names = new Map<string, Promise<RpmNames>>();

  constructor(private readonly runTool: RunTool) {}

  async of(graph: Graph, node: NodeId): Promise<string[]> {
    // A run's graph may be replaced by one that knows more.
    if (this.view?.graph !== graph) this.view = new GraphView(graph);
    const { view } = this;
    const own = view.srpmsRpms(node);
    const chosen = new Set(view.installList(node));
    const provided = new Set<string>();
    for (let added = [...chosen]; added.length > 0; ) {
      const named = await this.namesOf(added);
      for (const { provides } of named) for (const name of provides) provided.add(name);
      const found = new Set<string>();
      for (const [index, { requires }] of named.entries()) {
        const missing = new Set(requires.filter((name) => !provided.has(name) && !name.startsWith('rpmlib(')));
        if (missing.size === 0) continue;
        const candidates = view.builtWith(added[index] as string).filter((rpm) => !chosen.has(rpm) && !own.has(rpm));
        for (const [at, { provides }] of (await this.namesOf(candidates)).entries()) {
          if (provides.some((name) => missing.has(name))) found.add(candidates[at] as string);
        }
      }
      added = [...found].sort();
      for (const rpm of added) chosen.add(rpm);
    }
    return [...chosen].sort();
  }

  private namesOf(rpms: readonly string[]): Promise<RpmNames[]> {
    return inParallel(rpms, QUERIES_AT_A_TIME, (rpm) => {
      const stat = statSync(rpm, { throwIfNoEntry: false });
      if (!stat) return Promise.resolve({ requires: [], provides: [] });
      // Built again meanwhile, it is another file.
      const key = [rpm, stat.ino, stat.size, stat.mtimeMs].join('\0');
      let names = this.names.get(key);
      if (!names) {
        names = this.query(rpm);
        this.names.set(key, names);
      }
      return names;
    });
  }

  /** An RPM that cannot be read requires nothing: whoever unpacks it says what is wrong with it. */
  private async query(rpm: string): Promise<RpmNames> {
    const { stdout } = await this.runTool(['rpm', '-qp', '--nosignature', '--qf', FORMAT, rpm]);
    const lines = stdout.split('\n');
    const after = (mark: string) => lines.filter((line) => line.startsWith(mark)).map((line) => line.slice(1));
    return { requires: after('R'), provides: after('P') };
  }
}

/** What one graph says of RPMs, looked up when first asked for. Paths are absolute. */
class GraphView {
  private readonly list: InstallList;
  private readonly builds = new Map<string, NodeId>();
  private readonly rpms = new Map<string, Set<string>>();
  private readonly lists = new Map<string, readonly string[]>();

  constructor(readonly graph: Graph) {
    this.list = new InstallList(graph);
    for (let node = 0; node < graph.size; node++) {
      if (graph.types[node] !== NodeType.LocalBuild || graph.rpmPath(node) === '') continue;
      const rpm = resolve(graph.rpmPath(node));
      if (!this.builds.has(rpm)) this.builds.set(rpm, node);
      const srpm = graph.srpmPath(node);
      const rpms = this.rpms.get(srpm) ?? new Set();
      this.rpms.set(srpm, rpms.add(rpm));
    }
  }

  installList(node: NodeId): string[] {
    return this.list.of(node).map((path) => resolve(path));
  }

  /** RPMs of the node's own SRPM: of an earlier build, they are nothing to build it with. */
  srpmsRpms(node: NodeId): ReadonlySet<string> {
    return this.rpms.get(this.graph.srpmPath(node)) ?? new Set();
  }

  /** RPMs that were there when this one was built; none where it comes from elsewhere. */
  builtWith(rpm: string): readonly string[] {
    let list = this.lists.get(rpm);
    if (!list) {
      const build = this.builds.get(rpm);
      list = build === undefined ? [] : this.installList(build);
      this.lists.set(rpm, list);
    }
    return list;
  }
}
