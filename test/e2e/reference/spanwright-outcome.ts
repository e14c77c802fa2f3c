import { prepareBuildGoal } from '../../../src/graph/build-goal';
import type { Graph } from '../../../src/graph/graph';
import { RunView } from '../../../src/report/run-view';
import { stateCsv } from '../../../src/report/state-csv';
import { classify } from '../../../src/report/toolkit-summary';
import { parseProvides } from '../../../src/rpm/provides';
import type { BuildAgent } from '../../../src/scheduler/agent';
import type { BuildEvent } from '../../../src/scheduler/events';
import { FreshnessRule } from '../../../src/scheduler/rebuild/freshness';
import { Scheduler } from '../../../src/scheduler/scheduler';
import { UserError } from '../../../src/util/user-error';
import { normalized } from '../../support/toolkit-run';
import { startedTooEarly } from './legal-order';
import type { ModelFlags, ModelOutcome, ModelWorld } from './toolkit-model';

export interface SpanwrightOutcome extends ModelOutcome {
  readonly startedTooEarly: readonly string[];
}

const words = (text = '') => text.split(/\s+/).filter(Boolean);

/** What our scheduler makes of the same graph, flags and world as the model: put together as the command does it, in this process. */
export async function spanwrightOutcome(
  graph: Graph,
  flags: ModelFlags,
  world: ModelWorld,
): Promise<SpanwrightOutcome> {
  const { noCache = false, optimizeWithCachedImplicit = false, extraLayers = 0, image, stopOnFailure } = flags;
  try {
    const lists = {
      packages: words(flags.packages),
      rebuildPackages: words(flags.rebuild),
      ignoredPackages: words(flags.ignored),
      tests: words(flags.tests),
      rerunTests: words(flags.rerunTests),
      ignoredTests: words(flags.ignoredTests),
      imagePackages: (image ?? []).map(({ name, version = '', condition = '', sVersion = '', sCondition = '' }) => ({
        name,
        version,
        condition,
        sVersion,
        sCondition,
      })),
    };
    const cachedImplicitWillDo = optimizeWithCachedImplicit && !noCache;
    const goal = prepareBuildGoal(graph, lists, { extraLayers, cachedImplicitWillDo });
    const view = new RunView();
    const events: BuildEvent[] = [];
    const { provides = () => [] } = world;
    const scheduler: Scheduler = new Scheduler({
      graph: goal.graph,
      goal: goal.goal,
      agent: agentOf(world),
      workers: 2,
      runId: 'conformance',
      rebuild: (of, jobs) =>
        new FreshnessRule(of, jobs, {
          maxCascadingRebuilds: flags.maxCascadingRebuilds,
          noCache,
          exists: world.isOnDisk,
          ...goal.lists,
        }),
      listeners: [(event) => view.apply(event), (event) => events.push(event)],
      stopOnFailure,
      failOnTestFailure: false,
      holdCachedImplicit: true,
      dynamicDependencies: {
        requested: goal.requested,
        isOnDisk: world.isOnDisk,
        ask: async (rpms, isWanted) =>
          new Map(
            rpms.map((rpm) => [rpm, parseProvides(provides(rpm).join('\n')).filter(({ name }) => isWanted(name))]),
          ),
      },
    });
    const outcome = await scheduler.run();
    const classes = classify(view);
    return {
      rows: normalized(stateCsv(outcome.graph, scheduler.jobs, view)),
      startedTooEarly: startedTooEarly(outcome.graph, scheduler.jobs, events),
      exitCode: outcome.status === 'succeeded' ? 0 : 1,
      pruned: goal.pruned,
      cutUnderWay: view.pruned,
      counts: {
        prebuilt: classes.prebuilt.length,
        delta: classes.prebuiltDelta.length,
        skippedTests: classes.skippedTests.length,
        built: classes.built.length,
        passedTests: classes.passedTests.length,
        unresolved: view.end?.unresolved.length ?? 0,
        blocked: classes.blocked.length,
        blockedTests: classes.blockedTests.length,
        failed: classes.failed.length,
        failedTests: classes.failedTests.length,
      },
    };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return {
      rows: [],
      exitCode: 1,
      pruned: false,
      cutUnderWay: false,
      counts: NO_COUNTS,
      startedTooEarly: [],
      listError: error.message,
    };
  }
}

const NO_COUNTS = {
  prebuilt: 0,
  delta: 0,
  skippedTests: 0,
  built: 0,
  passedTests: 0,
  unresolved: 0,
  blocked: 0,
  blockedTests: 0,
  failed: 0,
  failedTests: 0,
};

function agentOf({ fails, failsTest, failsCheck, namesRpms }: ModelWorld): BuildAgent {
  return {
    name: 'model-agent',
    async build({ graph, node, kind, label }) {
      const isTest = kind === 'test';
      // So that a test is still at it when its build has ended.
      if (isTest) await new Promise((resolve) => setImmediate(resolve));
      if (fails?.has(label) || (isTest && failsTest?.has(label)))
        return { ok: false, failure: { reason: 'exit-non-zero', exitCode: 1 } };
      if (isTest && failsCheck?.has(label))
        return { ok: false, failure: { reason: 'check-failed', message: 'CHECK DONE x. EXIT STATUS 1' } };
      return { ok: true, builtFiles: namesRpms && !isTest ? rpmsOf(graph, graph.srpmPath(node)) : [] };
    },
  };
}

function rpmsOf(graph: Graph, srpm: string): string[] {
  const rpms = new Set<string>();
  for (let node = 0; node < graph.size; node++) if (graph.srpmPath(node) === srpm) rpms.add(graph.rpmPath(node));
  rpms.delete('');
  return [...rpms];
}
