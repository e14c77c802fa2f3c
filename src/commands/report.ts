import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { CommandSpec } from '../config/flag-spec';
import { type ColorChoice, useColor } from '../config/terminal';
import { perfettoTrace } from '../report/perfetto';
import { resultsCsv, resultsJson } from '../report/results';
import { RunView } from '../report/run-view';
import { textSummary } from '../report/text-summary';
import type { BuildEvent } from '../scheduler/events';
import { latestRun, listRuns } from '../scheduler/run-directory';
import { describeSystemError, UserError } from '../util/user-error';
import type { Command } from './command';

const SPEC: CommandSpec = {
  name: 'spanwright report',
  summary:
    'Tells what came of a run, from its journal: the newest run, or the one named. A run that was killed is told as far as it got.',
  arguments: ['[run]'],
  flags: [
    {
      kind: 'enum',
      name: 'format',
      values: ['text', 'json', 'csv', 'perfetto'],
      default: 'text',
      help: 'Text for people; JSON or CSV with every job; a trace for Perfetto.',
    },
    { kind: 'bool', name: 'list', help: 'List the runs that there are.' },
    {
      kind: 'string',
      name: 'runs-dir',
      default: '.spanwright/runs',
      placeholder: 'DIR',
      help: 'Where the folders of runs are.',
    },
    {
      kind: 'enum',
      name: 'color',
      values: ['always', 'auto', 'never'],
      default: 'auto',
      help: 'Colours; NO_COLOR is heeded.',
    },
  ],
  notes: ['A run is named by its id, by its folder, or by the path of its events.ndjson.'],
};

/** `spanwright report`. */
export const REPORT_COMMAND: Command = {
  spec: SPEC,
  run: (flags, io) => {
    const runsDir = flags.string('runs-dir');
    if (flags.bool('list')) {
      for (const run of listRuns(runsDir)) io.stdout.write(`${run}\n`);
      return 0;
    }
    const view = readJournal(journalPath(runsDir, flags.positional[0]));
    const color = useColor(flags.string('color') as ColorChoice, io.stdout);
    const formats: Record<string, () => string> = {
      text: () =>
        `${[`Run ${view.run?.runId} of ${view.run?.graph || 'a graph'}, ${view.run?.agent}`, ...textSummary(view, color)].join('\n')}\n`,
      json: () => resultsJson(view),
      csv: () => resultsCsv(view),
      perfetto: () => perfettoTrace(view),
    };
    io.stdout.write((formats[flags.string('format')] as () => string)());
    return 0;
  },
};

function journalPath(runsDir: string, named: string | undefined): string {
  if (named === undefined) {
    // A run that failed on its graph has a trace but no journal.
    const latest = [...listRuns(runsDir), latestRun(runsDir)].findLast((run) =>
      existsSync(join(runsDir, run, 'events.ndjson')),
    );
    if (latest === undefined) throw new UserError(`there are no runs in ${runsDir}; see --runs-dir`);
    return join(runsDir, latest, 'events.ndjson');
  }
  for (const path of [named, join(runsDir, named)]) {
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat?.isDirectory()) return join(path, 'events.ndjson');
    if (stat) return path;
  }
  throw new UserError(`there is no run ${named} in ${runsDir}; --list shows what there is`);
}

/** A last line that was cut off, as a killed run leaves it, is passed over. */
function readJournal(path: string): RunView {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new UserError(`cannot read the journal: ${describeSystemError(error)}`, { file: path });
  }
  const view = new RunView();
  const lines = text.split('\n');
  lines.forEach((line, i) => {
    if (line === '') return;
    let event: BuildEvent;
    try {
      event = JSON.parse(line) as BuildEvent;
    } catch {
      if (i === lines.length - 1) return;
      throw new UserError('this line of the journal is damaged', { file: path, line: i + 1 });
    }
    try {
      view.apply(event);
    } catch {
      throw new UserError('this line of the journal does not follow from those before it', { file: path, line: i + 1 });
    }
  });
  if (!view.run)
    throw new UserError(
      'the journal has no beginning; this is not one of ours, or the run was killed before it began',
      { file: path },
    );
  return view;
}
