import type { CommandSpec } from '../config/flag-spec';
import { SANDBOX_FLAG } from './package-run';
import { ORDER_FLAG, PREVIEW_FLAGS, TELEMETRY_FLAGS } from './shared-flags';
import { SIMULATION_FLAGS } from './simulation-flags';
import { SPEC_FLAGS } from './spec-flags';

/** The flags of `spanwright build`. */
export const BUILD_SPEC: CommandSpec = {
  name: 'spanwright build',
  summary:
    'Builds a graph: runs the commands of its nodes, or builds its packages, each after what it needs, the longest chains first.',
  arguments: ['graph', '[node...]'],
  flags: [
    { kind: 'int', name: 'workers', default: 0, help: 'How many builds run at a time; 0 for one per processor.' },
    {
      kind: 'enum',
      name: 'build-agent',
      values: ['command-agent', 'rpmbuild-agent', 'test-agent'],
      help:
        'What builds: command-agent runs the commands, rpmbuild-agent builds packages, test-agent simulates. Default: command-agent ' +
        'where the graph has commands, rpmbuild-agent for a folder of spec files.',
    },
    {
      kind: 'int',
      name: 'build-attempts',
      default: 1,
      help: 'How many times to try a build, where its node does not say.',
    },
    {
      kind: 'int',
      name: 'check-attempts',
      default: 1,
      help: 'How many times to try a test, where its node does not say.',
    },
    {
      kind: 'duration',
      name: 'timeout',
      placeholder: 'DURATION',
      help: 'Time for one build, all attempts together. Default: none.',
    },
    {
      kind: 'duration',
      name: 'grace',
      default: '5s',
      placeholder: 'DURATION',
      help: 'Time from asking a command to end (TERM) to killing it.',
    },
    {
      kind: 'enum',
      name: 'rebuild-rule',
      values: ['always', 'content', 'freshness'],
      help:
        'What is built again: everything, what has changed in content, or (packages) what is not on disk or needs what was rebuilt. ' +
        'Default: content for packages, else always.',
    },
    { kind: 'bool', name: 'no-cache', help: 'Build everything, whatever is there.' },
    { kind: 'bool', name: 'fail-on-test-failure', help: 'Count a failed test as a failure. Default for commands.' },
    { kind: 'bool', name: 'stop-on-failure', help: 'Start nothing more after the first failure.' },
    ORDER_FLAG,
    ...PREVIEW_FLAGS,
    { kind: 'bool', name: 'json', help: 'Print each event as one line of JSON on stdout.' },
    { kind: 'bool', name: 'quiet', help: 'Print only what went wrong.' },
    {
      kind: 'enum',
      name: 'color',
      values: ['always', 'auto', 'never'],
      default: 'auto',
      help: 'Colours; NO_COLOR is heeded.',
    },
    {
      kind: 'string',
      name: 'output',
      placeholder: 'FILE',
      help: "Path for the graph as the build leaves it (.json or the toolkit's DOT, also .gz).",
    },
    {
      kind: 'string',
      name: 'output-build-state-csv-file',
      placeholder: 'FILE',
      help: "Path for a CSV in the toolkit's form.",
    },
    { kind: 'string', name: 'results-csv', placeholder: 'FILE', help: "Path for a copy of the run's results.csv." },
    { kind: 'string', name: 'results-json', placeholder: 'FILE', help: "Path for a copy of the run's results.json." },
    {
      kind: 'string',
      name: 'rpm-dir',
      default: '.spanwright/rpms',
      placeholder: 'DIR',
      help: 'Packages: folder of RPMs, with a folder for each architecture.',
    },
    {
      kind: 'string',
      name: 'srpm-dir',
      default: '.spanwright/srpms',
      placeholder: 'DIR',
      help: 'Packages: folder of source RPMs, which are packed of spec files.',
    },
    SANDBOX_FLAG,
    { kind: 'string', name: 'max-cpu', placeholder: 'N', help: 'Packages: processors for one build. Default: all.' },
    { kind: 'bool', name: 'no-cleanup', help: 'Packages: leave the folders of builds, to be looked at.' },
    ...SPEC_FLAGS.map((flag) => ({ ...flag, help: `Spec files: ${lowerFirst(flag.help)}` })),
    ...TELEMETRY_FLAGS,
    ...SIMULATION_FLAGS,
  ],
  notes: [
    "The graph is a file (JSON or the toolkit's DOT), or a folder of spec files, which are read by rpmspec and built by rpmbuild.",
    'Nodes (packages, specs) named after the graph are built with what they need; without any, everything is. For spec files, what this',
    'machine has counts as there unless --no-host-provides.',
    'Telemetry is on unless --no-enable-telemetry or OTEL_SDK_DISABLED=true.',
    'Exit codes: 0 all built; 1 something failed or was blocked, or bad input; 130 or 143 stopped by SIGINT or SIGTERM.',
  ],
};

function lowerFirst(text: string): string {
  return /^[A-Z][a-z]/.test(text) ? `${text.charAt(0).toLowerCase()}${text.slice(1)}` : text;
}
