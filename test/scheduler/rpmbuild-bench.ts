import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { NodeId } from '../../src/graph/node';
import type { BuildContext, BuildRequest, BuildResult } from '../../src/scheduler/agent';
import { RpmbuildAgent, type RpmbuildAgentOptions } from '../../src/scheduler/agents/rpmbuild/rpmbuild';
import type { BuildEvent } from '../../src/scheduler/events';
import type { JobKind } from '../../src/scheduler/job-kind';
import { RunnerPool } from '../../src/scheduler/runner/runner-pool';
import { SystemClock } from '../../src/util/clock';
import { graphOfPackages, type PackagesGraph, type TestPackage } from './rpmbuild-graph';

const works = (program: string, ...args: string[]) => spawnSync(program, args).status === 0;

export const HAS_RPMBUILD = works('rpmbuild', '--version') && works('rpm2archive', '--usage');
const namespace = process.getuid?.() === 0 ? [] : ['--unshare-user', '--uid', '0', '--gid', '0'];
const overlay = ['mount', '-t', 'overlay', 'overlay', '-o', 'lowerdir=/usr/lib:/usr/share', '/usr'];
export const HAS_BWRAP =
  HAS_RPMBUILD && works('bwrap', '--dev-bind', '/', '/', ...namespace, '--cap-add', 'CAP_SYS_ADMIN', ...overlay);

/** A `describe` for tests that build RPMs; where that cannot be done, they are skipped, and it is said so. */
export function describeWithRpmbuild(title: string, tests: () => void): void {
  if (HAS_RPMBUILD) describe(title, tests);
  else test.skip(`${title} (skipped: rpmbuild or rpm2archive is not here)`, () => {});
}

/** A `describe` for tests of the sandbox; where there can be none, they are skipped, and it is said so. */
export function describeWithBwrap(title: string, tests: () => void): void {
  if (HAS_BWRAP) describe(title, tests);
  else test.skip(`${title} (skipped: bwrap cannot make a sandbox here)`, () => {});
}

/** The same tests with each sandbox that works here; the other is named as skipped. */
export function describeEachSandbox(title: string, tests: (sandbox: 'bwrap' | 'none') => void): void {
  for (const sandbox of ['bwrap', 'none'] as const) {
    const describeHere = sandbox === 'bwrap' ? describeWithBwrap : describeWithRpmbuild;
    describeHere(`${title}, sandbox ${sandbox}`, () => tests(sandbox));
  }
}

export interface JobOptions {
  readonly attempt?: number;
  readonly attempts?: number;
  readonly signal?: AbortSignal;
  readonly env?: Readonly<Record<string, string>>;
}

/** An agent, some packages, and folders for what comes of them, all below one folder. */
export class Bench {
  readonly events: BuildEvent[] = [];
  readonly runners: RunnerPool;
  readonly agent: RpmbuildAgent;
  readonly packages: PackagesGraph;
  private job = 0;

  constructor(
    readonly dir: string,
    packages: readonly TestPackage[],
    options: Partial<RpmbuildAgentOptions> = {},
  ) {
    this.packages = graphOfPackages(packages, { rpms: this.at('rpms'), srpms: this.at('srpms') });
    this.runners = options.runners ?? new RunnerPool();
    this.agent = new RpmbuildAgent({
      rpmDir: this.at('rpms'),
      logsDir: this.at('logs'),
      workDir: this.at('work'),
      createRepo: 'never',
      ...options,
      runners: this.runners,
    });
  }

  at(...names: string[]): string {
    return join(this.dir, ...names);
  }

  build(name: string, options: JobOptions = {}): Promise<BuildResult> {
    return this.run('build', this.packages.build(name), name, options);
  }

  test(name: string, options: JobOptions = {}): Promise<BuildResult> {
    return this.run('test', this.packages.test(name), name, options);
  }

  /** Ends the agent and all that it has started. */
  async stop(): Promise<void> {
    await this.agent.stop();
    this.runners.stop();
  }

  /** Text of a log, empty where there is none. */
  log(name: string): string {
    try {
      return readFileSync(this.at('logs', name), 'utf8');
    } catch {
      return '';
    }
  }

  /** Names of all files below a folder, sorted; those of folders not. */
  files(folder: string): string[] {
    const entries = readdirSync(this.at(folder), { recursive: true, withFileTypes: true });
    return entries
      .filter((entry) => !entry.isDirectory())
      .map((entry) => entry.name)
      .sort();
  }

  private run(kind: JobKind, node: NodeId, label: string, options: JobOptions): Promise<BuildResult> {
    const { attempt = 1, attempts = 1, signal = new AbortController().signal, env = {} } = options;
    const request: BuildRequest = {
      job: this.job++,
      kind,
      graph: this.packages.graph,
      node,
      label,
      attempt,
      attempts,
      worker: 1,
      deadline: undefined,
      dependsOn: [],
    };
    const context: BuildContext = {
      clock: new SystemClock(),
      signal,
      env,
      emit: (event) => this.events.push(event),
    };
    return this.agent.build(request, context);
  }
}

/** Sections that install one file. */
export function installing(path: string, text: string): string {
  return `%install
mkdir -p "$(dirname %{buildroot}${path})"
echo '${text}' >%{buildroot}${path}
chmod 755 %{buildroot}${path}

%files
${path}`;
}

/** Writes a package whose spec file has these sections, and returns it. */
export function writePackage(
  dir: string,
  nvr: string,
  sections: string,
  rest: Partial<TestPackage> & { readonly preamble?: string; readonly sources?: Readonly<Record<string, string>> } = {},
): TestPackage {
  const { preamble = 'BuildArch: noarch', sources = {}, ...fields } = rest;
  const [, name, version, release] = /^(.+)-([^-]+)-([^-]+)$/.exec(nvr) as unknown as string[];
  const folder = join(dir, name as string);
  mkdirSync(folder, { recursive: true });
  const list = Object.entries(sources).map(([file, text], index) => {
    writeFileSync(join(folder, file), text);
    return `Source${index}: ${file}`;
  });
  const spec = `Name: ${name}
Version: ${version}
Release: ${release}
Summary: A package of a test
License: MIT
${preamble}
${list.join('\n')}

%description
A package of a test.

${sections}

%changelog
* Mon Jan 05 2026 Spanwright <spanwright@example.org> - ${version}-${release}
- A test
`;
  writeFileSync(join(folder, `${name}.spec`), spec);
  return { nvr, folder, arch: 'noarch', ...fields };
}

/** What `rpm -qp` says of an RPM, by lines. */
export function queryRpm(path: string, ...query: string[]): string[] {
  const { stdout, stderr, status } = spawnSync('rpm', ['-qp', ...query, path], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`rpm -qp ${query.join(' ')} ${path}: ${stderr}`);
  return stdout.split('\n').filter((line) => line !== '');
}
