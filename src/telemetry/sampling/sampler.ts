import {
  type Attributes,
  type Context,
  isSpanContextValid,
  type Link,
  type Span,
  type SpanContext,
  type SpanKind,
  TraceFlags,
  trace,
} from '@opentelemetry/api';
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  ParentBasedSampler,
  type Sampler,
  SamplingDecision,
  type SamplingResult,
  TraceIdRatioBasedSampler,
} from '@opentelemetry/sdk-trace-base';
import type { SamplingConfig } from '../../config/telemetry-config';
import { unreachable } from '../../util/unreachable';
import { isDecisionDeferred } from './deferred-decision';
import { isLeftOut } from './left-out';
import { type Ruling, samplingRules } from './sampling-rules';

/**
 * Makes the sampler that a config describes. Where it has neither rules nor anything to keep, that is one of OpenTelemetry's own.
 *
 * A rule fits a span by the name that it starts with; the first one that fits counts.
 *
 * - On the first span of a trace, the rule's ratio stands in place of the sampler's. It may be higher or lower.
 * - Below a sampled parent, here or in another service, it thins: the span is left out, and all that is below it, unless the ratio
 *   takes its trace. A ratio is a share of all traces: half of the traces that a sampler of 0.1 takes anyway is all of them.
 * - Below a parent that was left out it brings nothing back. A caller elsewhere is such a parent for the `parentbased_*` samplers;
 *   the others do not look at callers.
 * - With ratio 0 the span is gone: not even an error keeps it.
 *
 * With `keepErrors` or `keepSlowerThanMs`, a span that is the first in this process and is not sampled is recorded all the same, and
 * so is what is below it, until a {@link TailBuffer} decides. What a rule takes out of the middle of a trace is not recorded.
 *
 * @example
 * // One trace in ten, all orders, no health checks, and every error.
 * createSampler({
 *   sampler: 'parentbased_traceidratio',
 *   ratio: 0.1,
 *   rules: [{ span: 'http.POST /orders*', ratio: 1 }, { span: 'http.GET /health*', ratio: 0 }],
 *   keepErrors: true,
 * });
 */
export function createSampler(config: SamplingConfig): Sampler {
  const standard = standardSampler(config);
  return config.rules.length > 0 || needsTail(config) ? new SpanNameSampler(config, standard) : standard;
}

/**
 * Whether spans may come to be recorded without being sampled, so that a {@link TailBuffer} has to decide about them.
 */
export function needsTail({ keepErrors, keepSlowerThanMs }: SamplingConfig): boolean {
  return keepErrors || keepSlowerThanMs !== undefined;
}

/**
 * Whether a parent of this process that {@link isLeftOut} always means that its children are left out. Then the sampler need not
 * be asked about them.
 */
export function unsampledParentIsFinal(config: SamplingConfig): boolean {
  return config.rules.length > 0 || needsTail(config) || heedsCallers(config) || config.sampler === 'always_off';
}

/** Whether a sampled parent of this process always means that its children are sampled. */
export function sampledParentIsFinal({ rules }: SamplingConfig): boolean {
  return rules.every(({ ratio }) => ratio === 1);
}

/** Whether no trace ever begins in this process: only what a caller wants recorded is. */
export function rootsAreNeverSampled(config: SamplingConfig): boolean {
  const { sampler, ratio, rules } = config;
  const never = sampler.endsWith('always_off') || (sampler.endsWith('traceidratio') && ratio === 0);
  return never && !needsTail(config) && rules.every((rule) => rule.ratio === 0);
}

function heedsCallers({ sampler }: SamplingConfig): boolean {
  return sampler.startsWith('parentbased_');
}

function standardSampler(config: SamplingConfig): Sampler {
  const { sampler, ratio } = config;
  switch (sampler) {
    case 'always_on':
      return new AlwaysOnSampler();
    case 'always_off':
      return new AlwaysOffSampler();
    case 'traceidratio':
      return new TraceIdRatioBasedSampler(ratio);
    case 'parentbased_always_on':
      return parentBased(new AlwaysOnSampler());
    case 'parentbased_always_off':
      return parentBased(new AlwaysOffSampler());
    case 'parentbased_traceidratio':
      return parentBased(new TraceIdRatioBasedSampler(ratio));
    default:
      return unreachable(sampler);
  }
}

function parentBased(root: Sampler): Sampler {
  return new ParentBasedSampler({ root, remoteParentNotSampled: new DeferredDecisionSampler(root) });
}

/** For callers that did not sample: no, unless they left it to us. */
class DeferredDecisionSampler implements Sampler {
  constructor(private readonly root: Sampler) {}

  shouldSample(context: Context, ...rest: Rest): SamplingResult {
    const caller = trace.getSpanContext(context);
    return caller && isDecisionDeferred(caller) ? this.root.shouldSample(context, ...rest) : NOT_RECORD;
  }

  toString(): string {
    return `DeferredDecision{root=${this.root.toString()}}`;
  }
}

type Rest = [traceId: string, name: string, kind: SpanKind, attributes: Attributes, links: Link[]];

const NOT_RECORD: SamplingResult = Object.freeze({ decision: SamplingDecision.NOT_RECORD });
const RECORD: SamplingResult = Object.freeze({ decision: SamplingDecision.RECORD });
const RECORD_AND_SAMPLED: SamplingResult = Object.freeze({ decision: SamplingDecision.RECORD_AND_SAMPLED });

/** Rules by name, and recording what may be kept later, around a standard sampler. */
class SpanNameSampler implements Sampler {
  private readonly ruleFor: (name: string) => Ruling | undefined;
  private readonly heedsCallers: boolean;
  /** What becomes of a first span that is not sampled. */
  private readonly otherwise: SamplingResult;

  constructor(
    private readonly config: SamplingConfig,
    private readonly standard: Sampler,
  ) {
    this.ruleFor = samplingRules(config.rules);
    this.heedsCallers = heedsCallers(config);
    this.otherwise = needsTail(config) ? RECORD : NOT_RECORD;
  }

  shouldSample(context: Context, ...rest: Rest): SamplingResult {
    const [traceId, name] = rest;
    const parent = trace.getSpan(context);
    const caller = parent?.spanContext();
    const rule = this.ruleFor(name);
    if (!parent || !caller || !isSpanContextValid(caller)) return this.first(rule, undefined, context, rest);
    return caller.isRemote ? this.first(rule, caller, context, rest) : this.child(rule, parent, traceId);
  }

  toString(): string {
    const names = this.config.rules.map(({ span, ratio }) => `${span}=${ratio}`).join(', ');
    return `SpanName{${this.standard.toString()}, rules=[${names}], otherwise=${SamplingDecision[this.otherwise.decision]}}`;
  }

  /** The first span in this process. */
  private first(
    rule: Ruling | undefined,
    caller: SpanContext | undefined,
    context: Context,
    rest: Rest,
  ): SamplingResult {
    if (rule?.never) return NOT_RECORD;
    const taken = rule && !this.isRefused(caller) ? rule.takes(rest[0]) : undefined;
    if (taken) return RECORD_AND_SAMPLED;
    if (taken === false) return this.otherwise;
    const decided = this.standard.shouldSample(context, ...rest);
    return decided.decision === SamplingDecision.NOT_RECORD ? this.otherwise : decided;
  }

  /** Whether the caller has already said no, and is to be heard. */
  private isRefused(caller: SpanContext | undefined): boolean {
    if (!caller || !this.heedsCallers) return false;
    return (caller.traceFlags & TraceFlags.SAMPLED) === 0 && !isDecisionDeferred(caller);
  }

  /** A span below another of this process goes where that one goes, or is left out by a rule. */
  private child(rule: Ruling | undefined, parent: Span, traceId: string): SamplingResult {
    if (isLeftOut(parent) || (rule && !rule.takes(traceId))) return NOT_RECORD;
    return parent.spanContext().traceFlags & TraceFlags.SAMPLED ? RECORD_AND_SAMPLED : RECORD;
  }
}
