import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Graph, GraphBuilder } from '../../src/graph/graph';
import { NodeType } from '../../src/graph/node';
import type { BuildAgent } from '../../src/scheduler/agent';
import type { Failure } from '../../src/scheduler/failure';
import { type ContentOptions, ContentRule } from '../../src/scheduler/rebuild/content';
import { FingerprintStore } from '../../src/scheduler/rebuild/fingerprint-store';
import { Scheduler } from '../../src/scheduler/scheduler';
import { settled } from '../support/scripted-agent';
import { packagesOf } from './package-graph';

export interface Asked extends Omit<ContentOptions, 'store' | 'rebuild' | 'ignore'> {
  readonly rebuild?: readonly string[];
  readonly ignore?: readonly string[];
  /** Jobs that fail. */
  readonly failing?: readonly string[];
}

/** Runs a graph under the content rule, on real files: each run opens the store anew, as each process does. */
export async function runUnderRule(graph: Graph, storePath: string, build: BuildAgent['build'], asked: Asked = {}) {
  const { rebuild = [], ignore = [], failing = [], ...options } = asked;
  const problems: string[] = [];
  const built: string[] = [];
  const lines: string[] = [];
  const reasons: Record<string, string> = {};
  const nodesNamed = (names: readonly string[]) =>
    new Set(
      Array.from({ length: graph.size }, (_, node) => node).filter((node) => {
        const isTest = graph.types[node] === NodeType.Test;
        return graph.isWork(node) && names.includes(`${isTest ? 'test:' : ''}${nameOf(graph.label(node))}`);
      }),
    );
  const name = (kind: string, label: string) =>
    `${kind === 'test' && !label.startsWith('test:') ? 'test:' : ''}${nameOf(label)}`;
  const scheduler = new Scheduler({
    graph,
    workers: 1,
    runId: 'x',
    // The rule hears of tests that failed without harm, too.
    failOnTestFailure: false,
    agent: {
      name: 'test',
      build: async (request, context) => {
        built.push(name(request.kind, request.label));
        if (failing.includes(nameOf(request.label))) {
          const failure: Failure =
            request.kind === 'test' ? { reason: 'check-failed', message: 'it failed' } : { reason: 'simulated' };
          return { ok: false, failure };
        }
        return build(request, context);
      },
    },
    rebuild: (g, jobs) =>
      new ContentRule(g, jobs, {
        ...options,
        rebuild: nodesNamed(rebuild),
        ignore: nodesNamed(ignore),
        store: FingerprintStore.open(storePath, (problem) => problems.push(problem)),
      }),
    listeners: [
      (event) => {
        if (event.type !== 'job-queued' && event.type !== 'job-skipped') return;
        const job = name(event.kind, event.label);
        lines.push(`${job} ${event.type === 'job-queued' ? 'built' : event.how}`);
        reasons[job] = event.reason;
      },
    ],
  });
  await scheduler.run();
  await settled();
  return { lines: lines.sort(), reasons, problems, built };
}

const nameOf = (label: string) => label.replace('.src.rpm', '');

/**
 * A tree of packages below a folder, with a spec and sources each. A build reads them, and makes RPMs that hold the text of the spec's
 * `makes` line; so a spec can change and its RPMs come out the same. The SRPM is packed by the build where `packs` is true.
 */
export class PackageTree {
  readonly graph: Graph;
  readonly store: string;

  constructor(
    readonly dir: string,
    notation: string,
    private readonly packs = true,
  ) {
    const { graph } = packagesOf(notation);
    const builder = new GraphBuilder(graph.info);
    const below = (path: string | undefined) => (path?.startsWith('/') ? join(dir, path) : path);
    for (let node = 0; node < graph.size; node++) {
      const record = graph.record(node);
      const srpm = /\/srpms\/(.*)\.src\.rpm/.exec(record.srpmPath ?? '')?.[1];
      builder.addNode({
        ...record,
        rpmPath: below(record.rpmPath),
        srpmPath: below(record.srpmPath),
        specPath: srpm && join(dir, `specs/${srpm}/${srpm}.spec`),
        sourceDir: srpm && join(dir, `specs/${srpm}`),
      });
    }
    for (let node = 0; node < graph.size; node++)
      for (const need of graph.dependenciesOf(node)) builder.addDependency(node, need);
    this.graph = builder.build();
    this.store = join(dir, 'state/fingerprints.ndjson');
    for (let node = 0; node < this.graph.size; node++) {
      const { specPath, rpmPath, srpmPath, type } = this.graph.record(node);
      if (type === NodeType.LocalBuild && specPath && !existsSync(specPath))
        this.write(specPath, `makes ${specPath}\n`);
      if (type === NodeType.LocalBuild && srpmPath && !packs) this.write(srpmPath, 'packed');
      if ((type === NodeType.RemoteRun || type === NodeType.PreBuilt) && rpmPath) this.write(rpmPath, 'from elsewhere');
    }
  }

  path(name: string): string {
    return join(this.dir, name);
  }

  write(path: string, content: string): void {
    const absolute = path.startsWith('/') ? path : this.path(path);
    mkdirSync(dirname(absolute), { recursive: true });
    writeFileSync(absolute, content);
  }

  run(asked: Asked = {}) {
    const { graph } = this;
    return runUnderRule(
      graph,
      this.store,
      async ({ node, kind }) => {
        if (kind === 'test') return { ok: true, builtFiles: [] };
        const srpm = graph.srpmPath(node);
        const spec = readFileSync(graph.field(node, 'specPath'), 'utf8');
        if (this.packs) this.write(srpm, `${spec}, packed`);
        const builtFiles: string[] = [];
        for (let other = 0; other < graph.size; other++) {
          if (graph.srpmPath(other) !== srpm || graph.types[other] !== NodeType.LocalRun) continue;
          this.write(graph.rpmPath(other), `${graph.rpmPath(other)} of ${/^makes .*/m.exec(spec)?.[0]}`);
          builtFiles.push(graph.rpmPath(other));
        }
        return { ok: true, builtFiles };
      },
      asked,
    );
  }
}
