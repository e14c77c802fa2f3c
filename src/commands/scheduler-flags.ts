import type { CommandSpec, FlagSpec } from '../config/flag-spec';
import { VERSION_ORDERS } from '../graph/versions/versions';
import { SANDBOX_FLAG } from './package-run';
import { ORDER_FLAG, PREVIEW_FLAGS, TELEMETRY_FLAGS } from './shared-flags';
import { SIMULATION_FLAGS } from './simulation-flags';

const file = (name: string, help: string, required = false): FlagSpec => ({
  kind: 'existing-file',
  name,
  help,
  required,
  placeholder: 'FILE',
});
const dir = (name: string, help: string, required = false): FlagSpec => ({
  kind: 'existing-dir',
  name,
  help,
  required,
  placeholder: 'DIR',
});
const text = (name: string, help: string, required = false): FlagSpec => ({ kind: 'string', name, help, required });
const bool = (name: string, help: string): FlagSpec => ({ kind: 'bool', name, help });
const words = (name: string, help: string): FlagSpec => ({ kind: 'words', name, help, placeholder: 'LIST' });

const VERSION_ORDER_FLAG: FlagSpec = {
  kind: 'enum',
  name: 'version-order',
  values: VERSION_ORDERS,
  default: 'toolkit',
  help: 'By which rule versions are compared where names are looked up; where they differ, rpm tells.',
};

/** The toolkit scheduler's flags, and after them our own. */
export const SCHEDULER_SPEC: CommandSpec = {
  name: 'scheduler',
  summary:
    'Builds a package graph of the Azure Linux toolkit: a drop-in for its scheduler, with a trace of every decision.',
  flags: [
    file('input', 'Path of the DOT graph to build; may be gzipped.', true),
    text('output', 'Path for the graph as the build leaves it.', true),
    text('output-build-state-csv-file', 'Path for the CSV of what became of each package.', true),
    text('work-dir', 'Folder for the build chroots.', true),
    file('worker-tar', 'Tarball of the worker chroot.', true),
    file('repo-file', 'Repository file copied into each chroot.', true),
    dir('rpm-dir', 'Folder of the RPMs that are built, which later builds install from.', true),
    dir('toolchain-rpms-dir', 'Folder of the toolchain RPMs.', true),
    text('srpm-dir', 'Folder for SRPMs.', true),
    dir('cache-dir', 'Folder of RPMs fetched before the build.', true),
    dir('build-logs-dir', 'Folder for one log per package.', true),
    text('dist-tag', 'Distribution tag of the built packages.', true),
    text('distro-release-version', 'Release version of the distribution.', true),
    text('distro-build-number', 'Build number of the distribution.', true),
    {
      kind: 'enum',
      name: 'build-agent',
      values: ['test-agent', 'chroot-agent', 'rpmbuild-agent'],
      help: 'What builds: chroot-agent starts the worker program, rpmbuild-agent builds by rpmbuild, test-agent simulates.',
      required: true,
    },
    text('build-agent-program', 'Path of the worker program, for chroot-agent.'),
    { kind: 'int', name: 'workers', default: 0, help: 'How many builds run at a time; 0 for one per processor.' },
    { kind: 'int', name: 'build-attempts', default: 1, help: 'How many times to try a build.' },
    { kind: 'int', name: 'check-attempts', default: 1, help: 'How many times to try a test.' },
    {
      kind: 'int',
      name: 'extra-layers',
      default: 0,
      help: 'How many layers of packages that depend on the listed ones to build too.',
    },
    {
      kind: 'uint64',
      name: 'max-cascading-rebuilds',
      default: Number.POSITIVE_INFINITY,
      help: 'How many layers of dependents a rebuild carries to; 0 for none.',
    },
    bool('no-cache', 'Build everything, whatever is on disk.'),
    bool('no-cleanup', 'Leave the build chroots on disk.'),
    bool('stop-on-failure', 'Start nothing more after the first failure.'),
    bool(
      'optimize-with-cached-implicit',
      'Let cached packages stand for implicit names when the graph is cut down at the start.',
    ),
    bool('allow-toolchain-rebuilds', 'Do not treat rebuilt toolchain packages as conflicts.'),
    file('toolchain-manifest', 'List of the toolchain RPM file names.'),
    text('image-config-file', 'Image configuration whose packages are to be built, and tested, too.'),
    dir('base-dir', 'Base folder of relative paths in the image configuration. Default: its own.'),
    words('packages', 'Packages or specs to build; all if empty.'),
    words('rebuild-packages', 'Packages or specs to build even if their RPMs are there.'),
    words('ignored-packages', 'Packages or specs to leave alone.'),
    words('tests', 'Packages or specs to test; all if empty.'),
    words('rerun-tests', 'Packages or specs to test even if nothing changed.'),
    words('ignored-tests', 'Packages or specs not to test.'),
    file('rpmmacros-file', 'Handed to the worker program.'),
    file('versions-macro-file', 'Handed to the worker program.'),
    bool('use-ccache', 'Handed to the worker program.'),
    text('ccache-dir', 'Handed to the worker program.'),
    text('ccache-config', 'Handed to the worker program.'),
    text('max-cpu', 'Handed to the worker program: processors for one build.'),
    { kind: 'duration', name: 'timeout', default: '99h', help: 'Time for one package, all attempts together.' },
    {
      kind: 'enum',
      name: 'license-check-mode',
      values: ['none', 'warn', 'pedantic', 'fatal'],
      default: 'fatal',
      help: 'How strictly licence files of built packages are checked.',
    },
    file('license-check-name-file', 'What licence files are called.'),
    file('license-check-exception-file', 'Files that the licence check leaves out.'),
    text('license-results-file', 'Path for the licence findings as JSON.'),
    text('license-summary-file', 'Path for the licence findings as text.'),
    {
      kind: 'enum',
      name: 'log-level',
      values: ['panic', 'fatal', 'error', 'warn', 'info', 'debug', 'trace'],
      default: 'info',
      help: 'What reaches stderr.',
    },
    text('log-file', 'Path for a log with everything from debug on.'),
    {
      kind: 'enum',
      name: 'log-color',
      values: ['always', 'auto', 'never'],
      default: 'auto',
      help: 'Colours on stderr.',
    },
    bool('enable-cpu-prof', 'Write a CPU profile, as V8 makes it, to --cpu-prof-file.'),
    text('cpu-prof-file', 'Path for the CPU profile; name it .cpuprofile.'),
    bool('enable-mem-prof', 'Write a sampling heap profile, as V8 makes it, to --mem-prof-file.'),
    text('mem-prof-file', 'Path for the memory profile; name it .heapprofile.'),
    bool('enable-trace', "Write Node's trace events to --trace-file."),
    text('trace-file', 'Path for the trace events, as JSON.'),
    text('timestamp-file', 'Path for the time that each step took, a JSON object a line.'),

    {
      kind: 'enum',
      name: 'rebuild-rule',
      values: ['freshness', 'content'],
      default: 'freshness',
      help: "What is built again: freshness is the toolkit's rule, content also notices what changed without a new version.",
    },
    bool('fail-on-test-failure', 'Count a failed package test as a failure of the build.'),
    SANDBOX_FLAG,
    ...TELEMETRY_FLAGS,
    ...SIMULATION_FLAGS,
    ORDER_FLAG,
    VERSION_ORDER_FLAG,
    ...PREVIEW_FLAGS,
  ],
  notes: [
    'Exit codes: 0 all built (package tests may have failed); 1 anything else.',
    'Environment: OTEL_EXPORTER_OTLP_ENDPOINT switches telemetry on, OTEL_SDK_DISABLED=true off; TRACEPARENT, TRACESTATE and BAGGAGE',
    'are taken up and handed on to each worker program. NO_COLOR is heeded.',
  ],
};
