import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import type { FlagValues } from '../../config/flags';
import { encode, formatOf, type GraphFormat, writeGraph } from '../../graph/formats/read-graph';
import type { Graph } from '../../graph/graph';
import { type PackageRecord, versionText } from '../../graph/grapher/package-record';
import { readPackageRecords } from '../../graph/grapher/read-records';
import type { NodeId } from '../../graph/node';
import { versionedNameOf } from '../../graph/node-text';
import {
  type PackageGraph,
  type PackageGraphNotice,
  type PackageGraphOptions,
  packageGraph,
  packageGraphNoticeText,
} from '../../rpm/package-graph';
import type { RunTool } from '../../rpm/run-tool';
import { specFilesIn } from '../../rpm/spec-files';
import { recordsFromSpecs } from '../../rpm/spec-records';
import { RunnerPool } from '../../scheduler/runner/runner-pool';
import { runToolWith } from '../../scheduler/runner/runner-tool';
import { describeSystemError, UserError } from '../../util/user-error';
import type { Command, CommandIo } from '../command';
import { packageGraphOptions, SPEC_FLAGS, specRecordsOptions } from '../spec-flags';
import { count, printable } from './show';

export const GRAPH_FROM_SPECS_COMMAND: Command = {
  spec: {
    name: 'spanwright graph from-specs',
    summary: 'Makes a graph of packages from spec files.',
    arguments: ['input...'],
    flags: [
      {
        kind: 'string',
        name: 'output',
        placeholder: 'FILE',
        required: true,
        help: 'File to write the graph to, gzipped if it ends in .gz; - is stdout.',
      },
      {
        kind: 'enum',
        name: 'to',
        values: ['toolkit-dot', 'json'],
        help: "The format. Default: JSON where the file's name ends in .json or .json.gz, else the toolkit's DOT.",
      },
      {
        kind: 'string',
        name: 'rpm-dir',
        placeholder: 'DIR',
        help: "Folder that RPMs are built into, with a folder for each architecture. Default: rpm's %{_rpmdir}.",
      },
      {
        kind: 'string',
        name: 'srpm-dir',
        placeholder: 'DIR',
        help: "Folder that source RPMs are in. Default: rpm's %{_srcrpmdir}.",
      },
      { kind: 'string', name: 'arch', help: "Architecture to build for. Default: this machine's." },
      ...SPEC_FLAGS,
      {
        kind: 'bool',
        name: 'resolve-cycles',
        help: 'Resolve circles of dependencies. Default; --no-resolve-cycles leaves them in.',
      },
      {
        kind: 'words',
        name: 'assume-on-disk',
        placeholder: "'RPM...'",
        help: 'Paths of RPMs to regard as on disk, with *, when circles are resolved. RPMs that are on disk need not be named.',
      },
    ],
    notes: [
      "An input is a spec file, a folder with spec files in it or below it, or the toolkit's specs.json, also gzipped. Spec files are",
      'read by rpmspec. Where specs.json says that an RPM belongs to the toolchain, it is regarded as on disk.',
      '',
      'What nobody provides is left unresolved, and what needs it is blocked in a build. A name with parentheses or a path may still turn',
      'out to be provided by a package once that is built: pkgconfig(zlib), /usr/bin/tool. All else must be assumed, or come from this',
      "machine. Where its packages are not RPMs (Debian), give --host-provides, and build with rpmbuild's --nodeps.",
      '',
      'examples:',
      '  spanwright graph from-specs SPECS --output graph.json --rpm-dir RPMS --srpm-dir SRPMS --host-provides',
      "  spanwright graph from-specs specs.json --output graph.dot --assume-on-disk '/build/toolchain_rpms/*'",
    ],
  },
  async run(flags, io) {
    const runners = new RunnerPool();
    try {
      return await fromSpecs(flags, io, runToolWith(runners));
    } finally {
      runners.stop();
    }
  },
};

async function fromSpecs(flags: FlagValues, io: CommandIo, runTool: RunTool): Promise<number> {
  const { records, notices } = await readInputs(flags, runTool);
  const made = await packageGraph(records, graphOptions(flags), runTool);
  const output = flags.string('output');
  const to = (flags.optionalString('to') as GraphFormat | undefined) ?? formatOf(output);
  if (output === '-') for (const chunk of encode(made.graph, to)) io.stdout.write(chunk);
  else writeGraph(made.graph, output, to);
  for (const notice of [...notices, ...made.notices]) io.stderr.write(`note: ${packageGraphNoticeText(notice)}\n`);
  io.stderr.write(summary(made, records, output));
  return 0;
}

interface Inputs {
  readonly records: readonly PackageRecord[];
  readonly notices: readonly PackageGraphNotice[];
}

async function readInputs(flags: FlagValues, runTool: RunTool): Promise<Inputs> {
  const lists: PackageRecord[][] = [];
  const specs = new Set<string>();
  for (const input of flags.positional) {
    if (isFolder(input)) for (const spec of specFilesIn(input)) specs.add(resolve(spec));
    else if (input.endsWith('.spec')) specs.add(resolve(input));
    else lists.push(readPackageRecords(input));
  }
  if (specs.size === 0) return { records: lists.flat(), notices: [] };
  const read = await recordsFromSpecs([...specs], specRecordsOptions(flags), runTool);
  return { records: [...lists.flat(), ...read.records], notices: read.notices };
}

function isFolder(input: string): boolean {
  try {
    return statSync(input).isDirectory();
  } catch (error) {
    throw new UserError(`cannot read this input: ${describeSystemError(error)}`, { file: input });
  }
}

function graphOptions(flags: FlagValues): PackageGraphOptions {
  return {
    ...packageGraphOptions(flags),
    resolveCycles: !flags.given.has('resolve-cycles') || flags.bool('resolve-cycles'),
    onDisk: flags.words('assume-on-disk'),
  };
}

function summary(made: PackageGraph, records: readonly PackageRecord[], output: string): string {
  const { graph, unresolved, assumed, resolvedCycles } = made;
  const specs = new Set(records.map(({ SpecPath }) => SpecPath)).size;
  const rpms = new Set(records.map(({ RpmPath }) => RpmPath)).size;
  const implicit = unresolved.filter((node) => graph.isImplicit(node));
  const explicit = unresolved.filter((node) => !graph.isImplicit(node));
  const lines = [
    `${printable(output)}: ${count(graph.size, 'node')}, ${count(graph.edgeCount, 'edge')}; ${count(specs, 'spec')}, ${count(rpms, 'RPM')}`,
  ];
  if (resolvedCycles > 0) lines.push(`circles of dependencies resolved: ${resolvedCycles}`);
  if (assumed.length > 0) lines.push(`regarded as there: ${names(graph, assumed)}`);
  if (implicit.length > 0) lines.push(`known only once packages are built: ${names(graph, implicit)}`);
  if (explicit.length > 0) lines.push(`provided by nobody: ${names(graph, explicit)}`);
  return `${lines.join('\n')}\n`;
}

const MOST_NAMES = 10;

function names(graph: Graph, nodes: readonly NodeId[]): string {
  const all = [...new Set(nodes.map((node) => printable(wishText(graph, node))))];
  const more = all.length > MOST_NAMES ? ` and ${all.length - MOST_NAMES} more` : '';
  return `${all.slice(0, MOST_NAMES).join(', ')}${more}`;
}

function wishText(graph: Graph, node: NodeId): string {
  const { name, version, condition, sVersion, sCondition } = versionedNameOf(graph, node);
  return versionText({
    Name: name,
    Version: version,
    Condition: condition,
    SVersion: sVersion,
    SCondition: sCondition,
  });
}
