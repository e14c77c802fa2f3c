import { types } from 'node:util';
import { Inject, Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import {
  type InstrumentedKind,
  TELEMETRY_OPTIONS,
  TELEMETRY_RUNTIME,
  type TelemetryModuleOptions,
} from '../telemetry.options';
import type { TelemetryRuntime } from '../telemetry-runtime';
import { ApplicationClasses } from './application-classes';
import { instrumentClass } from './class-instrumentation';
import { type Class, extendedBy, hasGivenName } from './class-origins';
import { InstrumentRegistry } from './instrument-registry';
import { isEnhancing, kindOfClass, shownKind } from './nest-kinds';
import { Selection } from './selection';

type NestModule = ModulesContainer extends Map<string, infer Module> ? Module : never;
type Wrapper = NestModule['providers'] extends Map<unknown, infer Each> ? Each : never;

const ENHANCERS: Readonly<Record<string, InstrumentedKind>> = {
  guard: 'guards',
  pipe: 'pipes',
  interceptor: 'interceptors',
  filter: 'filters',
};

/**
 * Finds the application's classes in Nest's container, and has their methods traced, on the prototypes.
 *
 * It does so when it is made: the container is complete by then, and routes, gateways, schedules and listeners are read from the instances only later. What factories make is
 * there when modules are initialised, and is traced where it is asked for by name.
 */
@Injectable()
export class InstrumentExplorer implements OnModuleInit, OnApplicationShutdown {
  /** The switches of what is traced. */
  readonly registry = new InstrumentRegistry();
  private readonly selection: Selection | undefined;
  private readonly application: ApplicationClasses;
  private readonly instrumented = new Set<Class>();

  constructor(
    private readonly modules: ModulesContainer,
    @Inject(TELEMETRY_OPTIONS) { instrument = false }: TelemetryModuleOptions,
    @Inject(TELEMETRY_RUNTIME) private readonly runtime: TelemetryRuntime,
  ) {
    // Nest's own core module is the first; the next is the root.
    const [core, root = core] = [...modules.values()].map(({ metatype }) => metatype as Class);
    this.application = new ApplicationClasses(root as Class, ModulesContainer);
    if (instrument === false || runtime.tracing === undefined) return;
    this.selection = new Selection(instrument === true ? {} : instrument);
    const found = this.find();
    this.tellOf(this.application.learn([...found.keys()]));
    // What inherits comes first: its methods are named for it, and what it inherits from is not traced yet.
    const ordered = [...found].sort(([one], [other]) => extendedBy(other).length - extendedBy(one).length);
    for (const [type, kind] of ordered) this.instrument(type, kind);
  }

  onModuleInit(): void {
    const { selection } = this;
    if (selection === undefined) return;
    const made = new Set<Class>();
    for (const { providers } of this.modules.values()) {
      for (const wrapper of providers.values()) {
        const type = wrapper.isNotMetatype && !wrapper.isAlias ? classOf(wrapper.instance) : undefined;
        if (type !== undefined && selection.names(type.name)) made.add(type);
      }
    }
    if (made.size > 0) this.application.learn([...made]);
    for (const type of made) this.instrument(type, kindOfClass(type) ?? 'providers');
  }

  onApplicationShutdown(): void {
    this.registry.close();
  }

  private instrument(type: Class, kind: InstrumentedKind): void {
    const { name, prototype } = type;
    const { application, selection } = this;
    if (selection === undefined || this.instrumented.has(type) || isPartOfTelemetry(type)) return;
    const isWanted =
      (application.has(prototype) && selection.wants(name)) || (selection.names(name) && application.mayBeTraced(type));
    if (!isWanted) return;
    this.instrumented.add(type);
    const switches = instrumentClass(type, {
      kind,
      wants: (key, owner, kindOfMethod) =>
        selection.wantsMethod(name, String(key), kindOfMethod) &&
        (owner === prototype || isEnhancing(key) || application.has(owner)),
    });
    if (switches.size > 0) this.registry.add(name, shownKind(kind), switches);
  }

  private tellOf(unknown: readonly Class[]): void {
    const names = unknown.map(({ name }) => name).filter((name) => !this.selection?.names(name));
    if (names.length === 0) return;
    const shown = names.length > 5 ? `${names.slice(0, 5).join(', ')} and ${names.length - 5} more` : names.join(', ');
    this.runtime.tell(
      `instrument: whether these classes are the application's or a library's cannot be told, so only those that "include" names are traced: ${shown}`,
    );
  }

  /** The classes that Nest makes instances of, and what they are to it. */
  private find(): Map<Class, InstrumentedKind> {
    const found = new Map<Class, InstrumentedKind>();
    const see = (wrapper: Wrapper, isForeign: boolean, otherwise?: InstrumentedKind) => {
      const type = classIn(wrapper);
      if (!isClass(type) || !hasGivenName(type) || (isForeign && !this.selection?.names(type.name))) return;
      const kind = ENHANCERS[wrapper.subtype ?? ''] ?? otherwise;
      // An enhancer may also be a provider like any other.
      if (kind !== undefined || !found.has(type)) found.set(type, kind ?? kindOfClass(type) ?? 'providers');
    };
    const all = [...this.modules.values()];
    const foreign = this.application.foreign(all.map(({ metatype }) => metatype as Class));
    for (const { metatype, providers, injectables, controllers } of all) {
      const isForeign = foreign.has(metatype as Class);
      for (const wrapper of providers.values()) if (wrapper.metatype !== metatype) see(wrapper, isForeign);
      for (const wrapper of injectables.values()) see(wrapper, isForeign);
      for (const wrapper of controllers.values()) see(wrapper, isForeign, 'controllers');
    }
    return found;
  }
}

/** An alias stands for the class that it names: that is how `APP_GUARD` and its like are given by `useExisting`. */
function classIn(wrapper: Wrapper): unknown {
  if (wrapper.isAlias) return wrapper.subtype && wrapper.inject?.[0];
  return wrapper.isNotMetatype ? undefined : wrapper.metatype;
}

/** A span processor or exporter that the application has written would make a span for each span, for ever. */
function isPartOfTelemetry({ prototype }: Class): boolean {
  return 'forceFlush' in prototype && 'shutdown' in prototype;
}

function isClass(type: unknown): type is Class {
  return typeof type === 'function' && typeof type.prototype === 'object' && type.prototype !== null;
}

/** Of an object that somebody made. A Proxy is not touched: it may stand for something that is there only during a request. */
function classOf(instance: unknown): Class | undefined {
  if (typeof instance !== 'object' || instance === null || types.isProxy(instance)) return undefined;
  const type: unknown = Object.getPrototypeOf(instance)?.constructor;
  return isClass(type) && type !== Object ? type : undefined;
}
