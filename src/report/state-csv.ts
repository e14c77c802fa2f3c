import type { Graph } from '../graph/graph';
import { NodeType } from '../graph/node';
import type { JobKind } from '../scheduler/job-kind';
import type { JobTable } from '../scheduler/job-table';
import { compareTexts, type JobView, type RunView } from './run-view';
import { classify, hasFailed, isUnfinished } from './toolkit-summary';

/**
 * The toolkit's build-state CSV: `Package,State,Blocker,IsTest`. `Failed` stands for failed and for blocked alike; the blockers
 * are the packages needed directly that failed (`-FAIL`) or were never built (`-UNBUILT`). Rows and blockers are sorted.
 */
export function stateCsv(graph: Graph, jobs: JobTable, view: RunView): string {
  const classes = classify(view);
  const blockers = new Blockers(graph, jobs, view);
  const rows: string[] = [];
  const add = (list: readonly JobView[], state: string) => {
    for (const job of list) {
      const by = state === 'Failed' ? blockers.of(job) : '';
      rows.push([csvField(job.label), state, csvField(by), job.kind === 'test' ? '1' : '0'].join(','));
    }
  };
  add(classes.built, 'Built');
  add(classes.passedTests, 'Built');
  add(classes.prebuilt, 'PreBuilt');
  add(classes.prebuiltDelta, 'PreBuiltDelta');
  add(classes.failed, 'Failed');
  add(classes.blocked, 'Failed');
  add(classes.failedTests, 'Failed');
  add(classes.blockedTests, 'Failed');
  return `Package,State,Blocker,IsTest\n${rows
    .sort(compareTexts)
    .map((row) => `${row}\n`)
    .join('')}`;
}

class Blockers {
  private readonly byKind: Record<JobKind, Map<string, JobView>> = { build: new Map(), test: new Map() };

  constructor(
    private readonly graph: Graph,
    private readonly jobs: JobTable,
    view: RunView,
  ) {
    for (const job of view.jobs.values()) this.byKind[job.kind].set(job.label, job);
  }

  /**
   * Each token ends with a space, as in the toolkit's file. Tests are blamed on the tests, and builds on the builds, of the
   * packages that are needed. A test is among its own blockers when it could not even start with its build, or
   * needs what its build would have installed.
   */
  of(job: JobView): string {
    const { graph } = this;
    const tokens = new Set<string>();
    for (const node of this.jobs.nodesOf(job.job)) {
      for (const dependency of graph.dependenciesOf(node)) {
        const label = srpmLabel(graph, dependency);
        // A test lets go of its build as soon as that can start, of what the build installs it does not.
        const isOwnBuild = label === job.label && graph.types[dependency] === NodeType.LocalBuild;
        if (isOwnBuild && this.byKind.build.get(label)?.status !== 'blocked') continue;
        const blocker = this.byKind[job.kind].get(label);
        if (blocker && hasFailed(blocker)) tokens.add(`${label}-FAIL `);
        else if (blocker && isUnfinished(blocker)) tokens.add(`${label}-UNBUILT `);
      }
    }
    return [...tokens].sort(compareTexts).join('');
  }
}

function srpmLabel(graph: Graph, node: number): string {
  const srpm = graph.srpmPath(node);
  return srpm === '' ? graph.label(node) : srpm.slice(srpm.lastIndexOf('/') + 1);
}

/** A CSV field, quoted where it must be. */
export function csvField(text: string): string {
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
