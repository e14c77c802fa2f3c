import type { InstrumentedKind } from '../telemetry.options';
import type { Class } from './class-origins';

/*
 * Nest and its packages write down what a class or a method is as metadata. Their keys are read as they are, so that none of the packages need be there.
 */

type Reflection = { hasMetadata?(key: string, target: object): boolean };

const CLASS_METADATA: readonly (readonly [string, InstrumentedKind])[] = [
  ['websockets:is_gateway', 'gateways'],
  ['graphql:resolver_name', 'resolvers'],
];

const METHOD_METADATA: readonly (readonly [string, InstrumentedKind])[] = [
  ['SCHEDULER_TYPE', 'crons'],
  ['EVENT_LISTENER_METADATA', 'events'],
  ['bullmq:worker_events_metadata', 'queues'],
  ['bullmq:queue_events_metadata', 'queues'],
  ['microservices:handler_type', 'messages'],
];

const PROCESSOR = 'bullmq:processor_metadata';

/** Methods that make an enhancer one; they count also when a library's class has them. */
const ENHANCING: ReadonlySet<PropertyKey> = new Set(['canActivate', 'transform', 'intercept', 'catch']);

/** Called by Nest once in an application's life, not for its work. */
const LIFECYCLE: ReadonlySet<PropertyKey> = new Set([
  'onModuleInit',
  'onModuleDestroy',
  'onApplicationBootstrap',
  'onApplicationShutdown',
  'beforeApplicationShutdown',
  'afterInit',
  'configure',
]);

export function kindOfClass(type: Class): InstrumentedKind | undefined {
  return CLASS_METADATA.find(([key]) => has(key, type))?.[1];
}

export function kindOfMethod(type: Class, key: PropertyKey, method: object): InstrumentedKind | undefined {
  if (isJobProcessor(type, key)) return 'queues';
  return METHOD_METADATA.find(([metadata]) => has(metadata, method))?.[1];
}

/** Whether this is what BullMQ calls with each job. */
export function isJobProcessor(type: Class, key: PropertyKey): boolean {
  return key === 'process' && has(PROCESSOR, type);
}

export function isEnhancing(key: PropertyKey): boolean {
  return ENHANCING.has(key);
}

export function isLifecycle(key: PropertyKey): boolean {
  return LIFECYCLE.has(key);
}

/** The value of `nest.kind`. */
export function shownKind(kind: InstrumentedKind): string {
  return kind.slice(0, -1);
}

function has(key: string, target: object): boolean {
  return (Reflect as Reflection).hasMetadata?.(key, target) === true;
}
