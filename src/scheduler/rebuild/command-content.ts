import { statSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import type { Graph } from '../../graph/graph';
import { type CommandSpec, type NodeId, NodeType } from '../../graph/node';
import { type FileIdentities, shortDigest } from './file-identities';
import { filesUnder } from './files-under';
import { type Fingerprint, sectionOf } from './fingerprint';
import type { Content, MadeFrom } from './job-content';

/** What a command and those it needs share. */
export interface CommandContext {
  readonly graph: Graph;
  readonly identities: FileIdentities;
  /** All files and folders that commands of the graph write: those are no inputs merely because they lie in a folder that is one. */
  readonly written: ReadonlySet<string>;
  /** What stands for each job that the command needs. */
  needs(): readonly (readonly [name: string, content: string])[];
  /** Whether any command has run, so that files may have changed since they were looked at. */
  hasRun(): boolean;
}

/** What a command is made from: itself, its inputs, and the outputs of those that it needs. */
export class CommandContent implements MadeFrom {
  readonly outputs: readonly string[];
  private readonly spec: CommandSpec;
  private readonly cwd: string;
  private readonly isTest: boolean;

  constructor(
    private readonly context: CommandContext,
    node: NodeId,
  ) {
    const { graph } = context;
    this.spec = graph.command(node) ?? {};
    this.isTest = graph.types[node] === NodeType.Test;
    this.cwd = workingDirectory(graph, this.spec);
    this.outputs = outputsOf(graph, node);
  }

  /** Why nobody can tell whether it must run, where that is so. */
  get untellable(): string | undefined {
    if (this.outputs.length === 0 && !this.isTest) return 'it names no outputs, so it always runs';
    if (this.spec.inputs === undefined) {
      return 'it names no inputs, so nobody can tell whether they changed ("inputs": [] says that it has none)';
    }
    return undefined;
  }

  paths(): string[] {
    return [...this.inputs().files.map(([path]) => path), ...this.filesOf(this.outputs)];
  }

  writes(): string[] {
    return [...this.outputs, ...this.filesOf(this.outputs)];
  }

  look(): Content {
    const { command, shell, env = {} } = this.spec;
    const { files, links, problems } = this.inputs();
    const inputs = files.map(([path, name]): [string, string] => {
      const { identities } = this.context;
      const identity = this.context.hasRun() ? identities.lookNow(path) : identities.of(path);
      if ('id' in identity) return [name, identity.id];
      if (!identity.isMissing) problems.push(`${path}: ${identity.problem}`);
      return [name, 'missing'];
    });
    const made: Fingerprint = {
      command: sectionOf([
        ['command', shortDigest(JSON.stringify(command ?? ['/bin/sh', '-c', shell]))],
        ['folder', this.cwd],
        // By digest: variables hold secrets.
        ...Object.entries(env).map(([name, value]) => [`variable ${name}`, shortDigest(value)] as const),
      ]),
      inputs: sectionOf([...inputs, ...links]),
      needs: sectionOf(this.context.needs()),
    };
    return { made, problems };
  }

  /** Files by path and by the name that the graph gives them. */
  private inputs() {
    const files: [path: string, name: string][] = [];
    const links: [name: string, target: string][] = [];
    const problems: string[] = [];
    for (const input of this.spec.inputs ?? []) {
      const path = resolve(this.cwd, input);
      if (!isFolder(path)) {
        files.push([path, input]);
        continue;
      }
      const found = filesUnder(path);
      if (found.problem) problems.push(found.problem);
      const named = (below: string) => join(input, relative(path, below));
      for (const below of found.files) if (!this.isWritten(below, path)) files.push([below, named(below)]);
      for (const [link, target] of found.links) links.push([named(link), `-> ${target}`]);
    }
    return { files, links, problems };
  }

  private isWritten(path: string, folder: string): boolean {
    for (let at = path; at.length > folder.length; at = resolve(at, '..'))
      if (this.context.written.has(at)) return true;
    return false;
  }

  private filesOf(paths: readonly string[]): string[] {
    return paths.flatMap((path) => (isFolder(path) ? filesUnder(path).files : [path]));
  }
}

export function workingDirectory(graph: Graph, { cwd = '.' }: CommandSpec): string {
  return resolve(graph.info.baseDir ?? '.', cwd);
}

/** Absolute paths of a command's outputs. */
export function outputsOf(graph: Graph, node: NodeId): string[] {
  const spec = graph.command(node);
  return (spec?.outputs ?? []).map((path) => resolve(workingDirectory(graph, spec ?? {}), path));
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    // Whoever reads it will say what is wrong with it.
    return false;
  }
}
