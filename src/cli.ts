#!/usr/bin/env node
import type { Command } from './commands/command';
import { runCommand } from './commands/run-command';

/** One entry a command. What a command needs is loaded when it is wanted. */
const COMMANDS: readonly { readonly name: string; readonly summary: string; readonly load: () => Command }[] = [
  {
    name: 'build',
    summary: 'Build a graph.',
    load: () => (require('./commands/build') as typeof import('./commands/build')).BUILD_COMMAND,
  },
  {
    name: 'graph stats',
    summary: 'Count what is in a graph, and measure its depth and width.',
    load: () => graphCommand('stats'),
  },
  { name: 'graph cycles', summary: 'Find circles of dependencies.', load: () => graphCommand('cycles') },
  { name: 'graph path', summary: 'Show how one node needs another.', load: () => graphCommand('path') },
  { name: 'graph why', summary: 'Show who needs a node, and why.', load: () => graphCommand('why') },
  {
    name: 'graph convert',
    summary: 'Write a graph, or a part of it, in another format.',
    load: () => graphCommand('convert'),
  },
  {
    name: 'graph from-specs',
    summary: 'Make a graph of packages from spec files.',
    load: () => graphCommand('from-specs'),
  },
  {
    name: 'license-check',
    summary: 'Check the licence files of RPMs.',
    load: () =>
      (require('./commands/license-check') as typeof import('./commands/license-check')).LICENSE_CHECK_COMMAND,
  },
  {
    name: 'report',
    summary: 'Tell what came of a run.',
    load: () => (require('./commands/report') as typeof import('./commands/report')).REPORT_COMMAND,
  },
];

function graphCommand(name: string): Command {
  const { GRAPH_COMMANDS } = require('./commands/graph') as typeof import('./commands/graph');
  const command = GRAPH_COMMANDS.find(({ spec }) => spec.name === `spanwright graph ${name}`);
  if (!command) throw new Error(`Internal error: expected a command graph ${name}, found none`);
  return command;
}

function usage(commands = COMMANDS): string {
  const width = Math.max(...commands.map(({ name }) => name.length));
  return [
    'usage: spanwright <command> [<arguments>]',
    '',
    'The build scheduler whose every decision is a span.',
    '',
    'Commands:',
    ...commands.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`),
    '',
    '`spanwright <command> --help` tells all about one. `scheduler --help` tells about the drop-in for the Azure Linux toolkit.',
    '',
  ].join('\n');
}

function main(argv: readonly string[]): Promise<void> | undefined {
  const [first, second] = argv;
  if (first === '--version') {
    process.stdout.write(`${(require('./util/version') as typeof import('./util/version')).VERSION}\n`);
    return;
  }
  if (first === undefined || first === '--help' || first === '-h' || first === 'help') {
    (first === undefined ? process.stderr : process.stdout).write(usage());
    process.exitCode = first === undefined ? 1 : 0;
    return;
  }
  const group = COMMANDS.filter(({ name }) => name.startsWith(`${first} `));
  if (group.length > 0 && (second === undefined || second === '--help' || second === '-h')) {
    (second === undefined ? process.stderr : process.stdout).write(usage(group));
    process.exitCode = second === undefined ? 1 : 0;
    return;
  }
  const entry = COMMANDS.find(({ name }) => name === first || name === `${first} ${second}`);
  if (!entry) {
    const named = group.length > 0 ? `${first} ${second}` : first;
    process.stderr.write(`spanwright: error: unknown command '${named}', try --help\n`);
    process.exitCode = 1;
    return;
  }
  const command = entry.load();
  return runCommand('spanwright', command.spec, argv.slice(entry.name.split(' ').length), () => command);
}

void main(process.argv.slice(2));
