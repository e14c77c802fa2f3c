import { basename } from 'node:path';
import type { Graph } from '../../../src/graph/graph';
import { NodeType } from '../../../src/graph/node';
import { specNameOf } from '../../../src/graph/package-lookup';
import { Dice } from './dice';
import { randomFlags } from './random-flags';
import { RandomGraph, type RandomSpec } from './random-graph';
import type { ModelFlags, ModelWorld } from './toolkit-model';

export interface RandomCase {
  readonly graph: Graph;
  readonly flags: ModelFlags;
  readonly world: ModelWorld;
}

/** A small graph, flags, what is on disk, and what fails: all of it follows from the seed. */
export function randomCase(seed: number): RandomCase {
  const dice = new Dice(seed);
  const { graph, specs, provided } = new RandomGraph(dice);
  const flags = randomFlags(dice, specs);
  const namesRpms = dice.is(0.5);
  const provides = provided.size === 0 ? undefined : (rpm: string) => provided.get(rpm) ?? [];
  return { graph, flags, world: { ...randomWorld(dice, specs), namesRpms, provides } };
}

/** The same with a graph that is given. */
export function randomCaseOf(graph: Graph, seed: number): RandomCase {
  const dice = new Dice(seed);
  const specs = specsOf(graph);
  return { graph, flags: randomFlags(dice, specs), world: randomWorld(dice, specs) };
}

function randomWorld(dice: Dice, specs: readonly RandomSpec[]): ModelWorld {
  const rpms = specs.flatMap((spec) => spec.rpms);
  const srpms = specs.map(({ srpm }) => basename(srpm));
  const missing = new Set(dice.is(0.3) ? rpms : dice.is(0.7) ? dice.some(rpms, 3) : []);
  const failing = (probability: number) => new Set(dice.is(probability) ? dice.some(srpms, 2) : []);
  return {
    isOnDisk: (rpm) => !missing.has(rpm),
    fails: failing(0.4),
    failsTest: failing(0.2),
    failsCheck: failing(0.2),
  };
}

function specsOf(graph: Graph): RandomSpec[] {
  const specs = new Map<string, { name: string; srpm: string; packages: string[]; rpms: string[]; hasTest: boolean }>();
  for (let node = 0; node < graph.size; node++) {
    if (!graph.isWork(node)) continue;
    const [name, srpm] = [specNameOf(graph, node), graph.srpmPath(node)];
    const spec = specs.get(name) ?? { name, srpm, packages: [], rpms: [], hasTest: false };
    specs.set(name, spec);
    if (graph.type(node) === NodeType.Test) spec.hasTest = true;
    else {
      spec.packages.push(graph.field(node, 'name'));
      spec.rpms.push(graph.rpmPath(node));
    }
  }
  return [...specs.values()];
}
