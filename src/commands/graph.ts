import type { Command } from './command';
import { GRAPH_CONVERT_COMMAND } from './graph/convert';
import { GRAPH_CYCLES_COMMAND } from './graph/cycles';
import { GRAPH_FROM_SPECS_COMMAND } from './graph/from-specs';
import { GRAPH_PATH_COMMAND } from './graph/path';
import { GRAPH_STATS_COMMAND } from './graph/stats';
import { GRAPH_WHY_COMMAND } from './graph/why';

/** The commands that make or look at a graph and build nothing. */
export const GRAPH_COMMANDS: readonly Command[] = [
  GRAPH_STATS_COMMAND,
  GRAPH_CYCLES_COMMAND,
  GRAPH_PATH_COMMAND,
  GRAPH_WHY_COMMAND,
  GRAPH_CONVERT_COMMAND,
  GRAPH_FROM_SPECS_COMMAND,
];
