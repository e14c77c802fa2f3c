import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import type { Graph } from '../../graph/graph';
import { type NodeId, NodeState, NodeType } from '../../graph/node';
import { readRpmContent } from '../../rpm/rpm-content';
import type { BuildResult } from '../agent';
import { directDependencies } from '../job-dependencies';
import type { JobTable } from '../job-table';
import { CommandContent, outputsOf, workingDirectory } from './command-content';
import { ExpectedRpms } from './expected-rpms';
import { FileIdentities, type ShortIdentity, shortDigest } from './file-identities';
import { filesUnder } from './files-under';
import { differences, FAILED, type Fingerprint, isFailed, SECTIONS, sectionOf } from './fingerprint';
import type { FingerprintStore } from './fingerprint-store';
import type { Content, MadeFrom } from './job-content';
import { InstalledRpms, PackageContent } from './package-content';
import { ignoredDecision, missingReason } from './reasons';
import type { Decision, RebuildRule } from './rebuild-rule';

export interface ContentOptions {
  /** What is known of earlier runs. The rule writes to it; nobody closes it. */
  readonly store: FingerprintStore;
  /**
   * What every package is built with, by the words that a reason calls it: `the macro file rpmmacros.txt`, `the dist tag`. Default: nothing.
   * Leave out what does not change the result, such as the number of processors.
   */
  readonly settings?: Readonly<Record<string, string>>;
  /** Files that every package is built with, by the same kind of words, each by its path. Default: none. */
  readonly settingFiles?: Readonly<Record<string, string>>;
  /** Never reuse what is on disk. What is built is kept in mind for the next run all the same. Default: false. */
  readonly noCache?: boolean;
  /** Nodes (build or test) that the user wants rebuilt, or rerun. */
  readonly rebuild?: ReadonlySet<NodeId>;
  /** Nodes (build or test) that the user wants left alone. What is missing is built all the same. */
  readonly ignore?: ReadonlySet<NodeId>;
  /** Nothing is really built: keep nothing in mind, and take what would be built for changed. Default: false. */
  readonly dryRun?: boolean;
  /** Tells what a file holds without hashing it. Default: an RPM by its header, see {@link readRpmContent}. */
  readonly shortIdentity?: ShortIdentity;
}

/**
 * Builds what has changed in content: where a job's makings (its spec and sources, the RPMs it is built with, macros, settings; or a command,
 * its inputs and what it needs) are not those that it was last made from, or its outputs are not those that it made.
 *
 * A dependency that is built again and comes out the same ends the matter: what needs it is reused.
 *
 *     prepare: look at files ─► decide: what is it made from? ─► same as in the store: reused
 *                                         └─► anything else ─► built ─► jobDone: look at its outputs ─► store
 */
export class ContentRule implements RebuildRule {
  private readonly rpms: ExpectedRpms;
  private readonly identities: FileIdentities;
  private installed: InstalledRpms;
  private readonly makings = new Map<number, MadeFrom>();
  /** By job: what it is made from, as far as that could be told. */
  private readonly made = new Map<number, Fingerprint>();
  /** Jobs that may be kept in mind once they have ended well. */
  private readonly tellable = new Set<number>();
  private readonly built = new Set<number>();
  private readonly written = new Set<string>();
  /** By path of an RPM that this run builds: what it was before. */
  private readonly before = new Map<string, string | undefined>();
  /** RPMs that this run has built, and that are not what they were before. */
  private readonly renewed = new Set<string>();
  private commandHasRun = false;
  private settings: Content = { made: {}, problems: [] };

  constructor(
    private graph: Graph,
    private readonly jobs: JobTable,
    private readonly options: ContentOptions,
  ) {
    this.rpms = new ExpectedRpms(graph);
    this.identities = new FileIdentities(options.store, options.shortIdentity ?? rpmIdentity);
    this.installed = new InstalledRpms(graph);
    for (let job = 0; job < jobs.count; job++)
      for (const path of outputsOf(graph, jobs.firstNodeOf(job))) this.written.add(path);
  }

  async prepare(): Promise<void> {
    await this.identities.learn(Object.values(this.options.settingFiles ?? {}));
    this.settings = this.lookAtSettings();
    for (let job = 0; job < this.jobs.count; job++) await this.identities.learn(this.makingsOf(job).paths());
    if (!this.options.dryRun) this.options.store.flush();
  }

  adopt(graph: Graph): void {
    this.graph = graph;
    this.rpms.adopt(graph);
    this.installed = new InstalledRpms(graph);
    this.makings.clear();
  }

  decide(job: number): Decision {
    const { options, jobs, graph } = this;
    const members = jobs.nodesOf(job);
    const makings = this.makingsOf(job);
    const missing = makings.outputs.filter((path) => !this.isThere(path));
    const { reason, build } = this.judge(job, makings, missing);
    const delta = members.some((member) => graph.states[member] === NodeState.Delta);
    const files = jobs.isTest(job) ? [] : makings.outputs;
    const decision: Decision = build ? { build, reason } : { build, how: delta ? 'delta' : 'cached', reason, files };
    const isIgnored = members.some((member) => options.ignore?.has(member));
    const result = isIgnored ? ignoredDecision(decision, files, missing.length > 0) : decision;
    if (result.build) this.willBuild(job, makings);
    return result;
  }

  nodeDone(): void {}

  async jobDone(job: number, result: BuildResult): Promise<void> {
    const { options, jobs, graph } = this;
    if (options.dryRun) return;
    if (!result.ok) {
      // A build that failed left no RPMs to reuse; a failed test would pass for one that had nothing to do.
      if (jobs.isTest(job)) options.store.put(this.keyOf(job), FAILED);
      return options.store.flushSoon();
    }
    const node = jobs.firstNodeOf(job);
    this.rpms.lookAgain(node);
    if (graph.command(node)) this.commandHasRun = true;
    const makings = this.makingsOf(job);
    const writes = makings.writes();
    this.identities.forget(writes);
    await this.identities.learn(writes);
    if (makings instanceof PackageContent) {
      for (const path of makings.outputs) if (this.knownIdOf(path) !== this.before.get(path)) this.renewed.add(path);
    }
    const made = this.made.get(job);
    if (!made || !this.tellable.has(job)) return;
    const outputs = this.outputsNow(makings);
    if (outputs === undefined) return;
    const srpm = makings instanceof PackageContent ? makings.srpm() : undefined;
    options.store.put(this.keyOf(job), { ...made, srpm, outputs });
    options.store.flush();
  }

  private judge(job: number, makings: MadeFrom, missing: readonly string[]): { build: boolean; reason: string } {
    const { options, jobs, graph } = this;
    const isTest = jobs.isTest(job);
    const build = (reason: string) => ({ build: true, reason });
    const content = makings.look();
    const made = { ...content.made, ...this.settings.made };
    this.made.set(job, made);
    const problem = [...content.problems, ...this.settings.problems][0];
    const untellable = makings instanceof CommandContent ? makings.untellable : undefined;
    if (!problem && !untellable) this.tellable.add(job);
    if (jobs.nodesOf(job).some((member) => options.rebuild?.has(member)))
      return build(`the user wants it ${isTest ? 'rerun' : 'rebuilt'}`);
    if (isTest && this.packageIsBuilt(job)) return build('its package has been rebuilt');
    if (missing.length > 0) return build(this.missing(makings, missing));
    if (options.noCache) return build('the cache is off');
    if (problem) return build(`nobody can tell whether it changed: ${problem}`);
    if (untellable) return build(untellable);
    const before = options.store.fingerprintOf(this.keyOf(job));
    if (!before) return this.judgeUnknown(job, makings, made);
    if (isFailed(before)) return build('it failed when it was last run');
    const changes = differences(before, { ...made, outputs: this.outputsNow(makings) });
    if (changes.length > 0) return build(inOneSentence(changes));
    const isCommand = graph.command(jobs.firstNodeOf(job)) !== undefined;
    return {
      build: false,
      reason: isTest
        ? 'nothing that it is made from has changed since it passed'
        : `${isCommand ? 'its outputs are there' : `all of its ${makings.outputs.length} RPMs are on disk`}, and nothing that it is made from has changed`,
    };
  }

  /**
   * A package whose RPMs are there is taken as built from what is there: their names carry the version, and to build a whole distribution
   * because a rule was switched on helps nobody. Where its spec or a source is newer, or what it needs has only now become what it is,
   * that cannot be.
   */
  private judgeUnknown(job: number, makings: MadeFrom, made: Fingerprint): { build: boolean; reason: string } {
    // RPMs that are there say nothing of tests.
    if (!(makings instanceof PackageContent) || this.jobs.isTest(job))
      return { build: true, reason: 'nothing is known of an earlier run of it' };
    const newer = makings.newerSource();
    const renewed = makings.neededOf(this.renewed);
    if (newer || renewed) {
      const why = newer
        ? `${basename(newer)} is newer than they are`
        : `${basename(renewed as string)}, which it needs, was built in this run`;
      return { build: true, reason: `nothing is known of how its RPMs were built, and ${why}` };
    }
    if (!this.options.dryRun) {
      this.options.store.put(this.keyOf(job), { ...made, outputs: this.outputsNow(makings) });
      this.options.store.flushSoon();
    }
    return { build: false, reason: 'its RPMs are there: they are taken as built from what is there now' };
  }

  private willBuild(job: number, makings: MadeFrom): void {
    this.built.add(job);
    if (makings instanceof PackageContent)
      for (const path of makings.outputs) this.before.set(path, this.knownIdOf(path));
    if (!this.options.dryRun) return;
    for (const path of makings.writes()) this.identities.assumeChanged(path);
    for (const path of makings.outputs) {
      this.identities.assumeChanged(path);
      this.renewed.add(path);
    }
  }

  private packageIsBuilt(job: number): boolean {
    const { graph, jobs } = this;
    for (const member of jobs.nodesOf(job)) {
      for (const need of graph.dependenciesOf(member)) {
        if (graph.types[need] !== NodeType.LocalBuild || graph.srpmPath(need) === '') continue;
        if (graph.srpmPath(need) === graph.srpmPath(member) && this.built.has(jobs.jobOf(need))) return true;
      }
    }
    return false;
  }

  private missing(makings: MadeFrom, missing: readonly string[]): string {
    if (makings instanceof PackageContent) return missingReason(makings.outputs, missing);
    const more = missing.length > 1 ? ` (and ${missing.length - 1} more)` : '';
    return `its output ${basename(missing[0] as string)} is not there${more}`;
  }

  private isThere(path: string): boolean {
    return existsSync(path);
  }

  /** Undefined where one of them is not there, or cannot be read. */
  private outputsNow(makings: MadeFrom): string | undefined {
    const lines: [string, string][] = [];
    for (const output of makings.outputs) {
      const identity = this.identities.of(output);
      const folder = 'problem' in identity && !identity.isMissing ? filesUnder(output) : undefined;
      if (folder && !folder.problem) {
        const content = folder.files.map((path) => [path, this.idOf(path)] as const);
        lines.push([output, shortDigest(sectionOf([...content, ...folder.links]))]);
      } else if ('id' in identity) {
        lines.push([output, identity.id]);
      } else {
        return undefined;
      }
    }
    return sectionOf(lines);
  }

  private knownIdOf(path: string): string | undefined {
    const identity = this.identities.of(path);
    return 'id' in identity ? identity.id : undefined;
  }

  private idOf(path: string): string {
    const identity = this.identities.of(path);
    return 'id' in identity ? identity.id : identity.problem;
  }

  private makingsOf(job: number): MadeFrom {
    let makings = this.makings.get(job);
    if (!makings) {
      makings = this.newMakings(job);
      this.makings.set(job, makings);
    }
    return makings;
  }

  private newMakings(job: number): MadeFrom {
    const { graph, jobs, identities, written } = this;
    const node = jobs.firstNodeOf(job);
    if (!graph.command(node) && graph.srpmPath(node) !== '') {
      const outputs = jobs.isTest(job) ? [] : this.rpms.of(node);
      return new PackageContent(graph, node, identities, this.installed, outputs);
    }
    const context = { graph, identities, written, needs: () => this.needsOf(job), hasRun: () => this.commandHasRun };
    return new CommandContent(context, node);
  }

  /** What a command needs counts by what that made; where it names no outputs, by what it was made from. */
  private needsOf(job: number): [name: string, content: string][] {
    return directDependencies(this.graph, this.jobs, job).map((need) => {
      const name = this.graph.label(this.jobs.firstNodeOf(need));
      const makings = this.makingsOf(need);
      const outputs = makings.outputs.length === 0 ? undefined : (this.outputsNow(makings) ?? 'missing');
      return [name, shortDigest(outputs ?? SECTIONS.map((section) => this.made.get(need)?.[section] ?? '').join('\0'))];
    });
  }

  private lookAtSettings(): Content {
    const problems: string[] = [];
    const lines: [string, string][] = Object.entries(this.options.settings ?? {}).map(([name, value]) => [
      name,
      shortDigest(value),
    ]);
    for (const [name, path] of Object.entries(this.options.settingFiles ?? {})) {
      const identity = this.identities.of(path);
      if ('id' in identity) lines.push([name, identity.id]);
      else problems.push(`${path}: ${identity.problem}`);
    }
    return { made: { settings: sectionOf(lines) }, problems };
  }

  private keyOf(job: number): string {
    const { graph, jobs } = this;
    const node = jobs.firstNodeOf(job);
    const kind = jobs.isTest(job) ? 'test' : 'build';
    const spec = graph.command(node);
    if (!spec && graph.srpmPath(node) !== '') return `${kind} ${graph.srpmPath(node)}`;
    return `${kind} ${graph.label(node)} in ${workingDirectory(graph, spec ?? {})}`;
  }
}

function inOneSentence([first, ...others]: readonly string[]): string {
  return others.length === 0 ? (first as string) : `${first} (and ${others.length} more)`;
}

function rpmIdentity(path: string) {
  if (!path.endsWith('.rpm')) return undefined;
  const content = readRpmContent(path);
  return content && { id: content.id, sources: content.sources && sectionOf(content.sources) };
}
