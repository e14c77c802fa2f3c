import type { FlagSpec } from '../config/flag-spec';

/** Flags that both commands have, under the same names. */
export const TELEMETRY_FLAGS: readonly FlagSpec[] = [
  {
    kind: 'bool',
    name: 'enable-telemetry',
    help: 'Record a trace of the build, in a folder below --runs-dir and, with an endpoint, at a collector.',
  },
  {
    kind: 'string',
    name: 'otlp-endpoint',
    placeholder: 'URL',
    help: 'OTLP collector that spans are sent to, such as http://localhost:4317; switches telemetry on.',
  },
  {
    kind: 'string',
    name: 'runs-dir',
    default: '.spanwright/runs',
    placeholder: 'DIR',
    help: 'Where runs leave their folders.',
  },
];

export const ORDER_FLAG: FlagSpec = {
  kind: 'enum',
  name: 'order',
  values: ['critical-path', 'fifo'],
  default: 'critical-path',
  help: 'Which of the ready builds comes first; fifo is there to be compared with.',
};

export const PREVIEW_FLAGS: readonly FlagSpec[] = [
  { kind: 'bool', name: 'dry-run', help: 'Build nothing; print what would be built, in which order, and why.' },
  { kind: 'bool', name: 'explain', help: 'Say for each build why it is built, or not.' },
];
