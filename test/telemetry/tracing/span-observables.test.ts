import {
  BehaviorSubject,
  ConnectableObservable,
  concat,
  config,
  connectable,
  firstValueFrom,
  from,
  isObservable,
  lastValueFrom,
  map,
  NEVER,
  Observable,
  of,
  ReplaySubject,
  range,
  retry,
  Subject,
  share,
  switchMap,
  take,
  throwError,
  timer,
  toArray,
} from 'rxjs';
import { Span } from '../../../src/telemetry/span.decorator';
import { inEachMode, whereabouts } from './tracing-modes';

class Work {
  @Span('work', { onResult: (last) => (last === undefined ? {} : { attributes: { last } }) })
  result<T>(value: T): T {
    return value;
  }

  @Span('inner')
  inner(): string {
    return whereabouts();
  }
}
const work = new Work();

inEachMode('an Observable ends its span when it completes', async ({ endedAre, startedAre, mode, telemetry }) => {
  const source = new Subject<number>();
  const result = work.result(source.pipe(map((value) => value * 2)));
  const seen: unknown[] = [];
  result.subscribe({ next: (value) => seen.push(value), complete: () => seen.push('complete') });
  source.next(1);
  await new Promise(setImmediate);
  startedAre(1);
  endedAre();
  source.next(2);
  source.complete();
  expect(seen).toEqual([2, 4, 'complete']);
  endedAre('work');
  if (mode.records) expect(telemetry.spans[0]?.attributes).toEqual({ last: 4 });
});

inEachMode('an Observable that fails ends its span as an error', ({ endedAre }) => {
  const reason = new Error('cut off');
  const errors: unknown[] = [];
  work.result(throwError(() => reason)).subscribe({ error: (error) => errors.push(error) });
  work.result(throwError(() => undefined)).subscribe({ error: (error) => errors.push(error) });
  expect(errors).toEqual([reason, undefined]);
  endedAre('work: error cut off', 'work: error undefined');
});

inEachMode('an Observable that is left early ends its span then, and frees its source', ({ endedAre }) => {
  let freed = 0;
  const source = new Observable<number>((subscriber) => {
    subscriber.next(1);
    return () => {
      freed += 1;
    };
  });
  const subscription = work.result(source).subscribe();
  endedAre();
  expect(freed).toBe(0);
  subscription.unsubscribe();
  expect(freed).toBe(1);
  endedAre('work');
});

inEachMode(
  'each subscription has a span of its own',
  ({ endedAre, startedAre, mode, telemetry }) => {
    const sources = [new Subject<string>(), new Subject<string>()];
    let subscriptions = 0;
    const source = new Observable<string>((subscriber) => sources[subscriptions++]?.subscribe(subscriber));
    const result = work.result(source);
    const seen: string[] = [];
    result.subscribe({ next: (value) => seen.push(`first ${value}`), error: () => {} });
    result.subscribe((value) => seen.push(`second ${value}`));
    startedAre(2);
    sources[1]?.next('b');
    sources[1]?.complete();
    endedAre('work');
    sources[0]?.next('a');
    sources[0]?.error(new Error('x'));
    expect(seen).toEqual(['second b', 'first a']);
    endedAre('work', 'work: error x');
    if (mode.records) expect(telemetry.spans.map((span) => span.attributes.last)).toEqual(['b', undefined]);
  },
  undefined,
);

inEachMode('an Observable that nobody subscribes to does nothing', async ({ endedAre }) => {
  let runs = 0;
  work.result(
    new Observable(() => {
      runs += 1;
    }),
  );
  await new Promise(setImmediate);
  expect(runs).toBe(0);
  endedAre();
});

inEachMode('an Observable can still be used in all its ways', async ({ endedAre }) => {
  expect(isObservable(work.result(of(1)))).toBe(true);
  expect(work.result(of(1))).toBeInstanceOf(Observable);
  expect(await lastValueFrom(work.result(of(1, 2)))).toBe(2);
  expect(await firstValueFrom(work.result(of(1, 2)))).toBe(1);
  expect(await work.result(of(1, 2)).toPromise()).toBe(2);
  const each: number[] = [];
  await work.result(of(1, 2)).forEach((value) => void each.push(value));
  expect(each).toEqual([1, 2]);
  expect(
    await lastValueFrom(
      work.result(of(1, 2)).pipe(
        map((value) => value + 1),
        toArray(),
      ),
    ),
  ).toEqual([2, 3]);
  expect(await lastValueFrom(concat(work.result(of(1)), work.result(of(2))).pipe(toArray()))).toEqual([1, 2]);
  expect(await lastValueFrom(from(work.result(of(3))))).toBe(3);
  expect(await lastValueFrom(of(1).pipe(switchMap(() => work.result(of(4)))))).toBe(4);
  expect(await lastValueFrom(work.result(timer(1)).pipe(switchMap(() => work.result(of(5)))))).toBe(5);
  endedAre(...new Array(11).fill('work'));
});

inEachMode('operators that subscribe again do so', async ({ endedAre }) => {
  let attempts = 0;
  const source = new Observable<string>((subscriber) => {
    attempts += 1;
    if (attempts < 3) subscriber.error(new Error(`attempt ${attempts}`));
    else {
      subscriber.next('done');
      subscriber.complete();
    }
  });
  expect(await lastValueFrom(work.result(source).pipe(retry(5)))).toBe('done');
  endedAre('work: error attempt 1', 'work: error attempt 2', 'work');
});

inEachMode('a consumer that has enough stops a source that gives all at once', async ({ endedAre }) => {
  let made = 0;
  function* numbers() {
    while (made < 1000) {
      made += 1;
      yield made;
    }
  }
  expect(await lastValueFrom(work.result(from(numbers())).pipe(take(2), toArray()))).toEqual([1, 2]);
  expect(made).toBe(2);
  expect(await firstValueFrom(work.result(range(0, 1000)))).toBe(0);
  endedAre('work', 'work');
});

inEachMode('the source runs in the span, its consumer in the caller’s context', async ({ insideIs, callerIs }) => {
  const whereSubscribed: string[] = [];
  const source = new Observable<string>((subscriber) => {
    whereSubscribed.push(whereabouts());
    setImmediate(() => {
      subscriber.next(whereabouts());
      subscriber.complete();
    });
  });
  const consumer: string[] = [];
  const inSource: string[] = [];
  await new Promise<void>((resolve) =>
    work.result(source).subscribe({
      next: (value) => {
        inSource.push(value);
        consumer.push(whereabouts());
      },
      complete: () => {
        consumer.push(whereabouts());
        resolve();
      },
    }),
  );
  insideIs(whereSubscribed[0], 'work');
  insideIs(inSource[0], 'work');
  callerIs(consumer[0]);
  callerIs(consumer[1]);
  callerIs(whereabouts());
  work.result(throwError(() => 1)).subscribe({ error: () => consumer.push(whereabouts()) });
  callerIs(consumer[2]);
});

inEachMode('what a consumer throws is reported as it would have been', async ({ endedAre }) => {
  const thrown = new Error('consumer');
  const reported = new Promise((resolve) => {
    config.onUnhandledError = resolve;
  });
  work.result(of(1)).subscribe(() => {
    throw thrown;
  });
  expect(await reported).toBe(thrown);
  config.onUnhandledError = null;
  endedAre('work');
});

inEachMode('subjects are handed back as they are: work does not end with them', ({ endedAre }) => {
  for (const subject of [new Subject<number>(), new BehaviorSubject<number>(0), new ReplaySubject<number>()]) {
    const result = work.result(subject);
    expect(result).toBe(subject);
    const seen: number[] = [];
    result.subscribe((value) => seen.push(value));
    result.next(1);
    expect(seen.at(-1)).toBe(1);
    expect(Object.hasOwn(result, 'subscribe')).toBe(false);
  }
  endedAre('work', 'work', 'work');
});

inEachMode('connectable Observables are handed back as they are', ({ endedAre }) => {
  const seen: number[] = [];
  const modern = connectable(of(1));
  expect(work.result(modern)).toBe(modern);
  modern.subscribe((value) => seen.push(value));
  modern.connect();
  const old = new ConnectableObservable(of(2), () => new Subject<number>());
  expect(work.result(old)).toBe(old);
  old.subscribe((value) => seen.push(value));
  old.connect();
  expect(seen).toEqual([1, 2]);
  endedAre('work', 'work');
});

inEachMode('a shared Observable stays shared', ({ endedAre }) => {
  let runs = 0;
  const source = new Subject<number>();
  const shared = new Observable<number>((subscriber) => {
    runs += 1;
    return source.subscribe(subscriber);
  }).pipe(share());
  const result = work.result(shared);
  const first = result.subscribe();
  const second = result.subscribe();
  expect(runs).toBe(1);
  first.unsubscribe();
  second.unsubscribe();
  expect(source.observed).toBe(false);
  endedAre('work', 'work');
});

inEachMode('a subclass of Observable keeps its own methods, private fields and state', ({ endedAre }) => {
  class Query extends Observable<number> {
    #runs = 0;
    variables = 0;

    constructor() {
      super((subscriber) => {
        this.#runs += 1;
        subscriber.next(this.variables);
        subscriber.complete();
      });
    }

    get runs(): number {
      return this.#runs;
    }

    set limit(value: number) {
      this.#runs = value;
    }

    setVariables(value: number): void {
      this.#runs = 0;
      this.variables = value;
    }
  }
  const source = new Query();
  const result = work.result(source);
  result.setVariables(7);
  const seen: number[] = [];
  result.subscribe((value) => seen.push(value));
  expect(seen).toEqual([7]);
  expect(result.runs).toBe(1);
  result.limit = 5;
  expect(source.runs).toBe(5);
  result.variables = 9;
  expect(source.variables).toBe(9);
  expect(result).toBeInstanceOf(Query);
  expect(result.constructor).toBe(Query);
  endedAre('work');
});

inEachMode('an Observable of another library is followed by the same rules', ({ endedAre }) => {
  type Observer = { next(value: number): void; complete(): void };
  let freed = 0;
  const foreign = {
    pipe() {
      return this;
    },
    subscribe(observer: Observer) {
      observer.next(1);
      return {
        unsubscribe() {
          freed += 1;
        },
      };
    },
  };
  const seen: number[] = [];
  const subscription = work.result(foreign).subscribe({ next: (value) => seen.push(value), complete() {} });
  expect(seen).toEqual([1]);
  endedAre();
  subscription.unsubscribe();
  expect(freed).toBe(1);
  endedAre('work');
});

inEachMode('an Observable that throws instead of subscribing ends its span', ({ endedAre }) => {
  const reason = new Error('no socket');
  const foreign = {
    pipe() {
      return this;
    },
    subscribe(_observer: { error(error: unknown): void }): unknown {
      throw reason;
    },
  };
  const errors: unknown[] = [];
  try {
    work.result(foreign).subscribe({ error: (error) => errors.push(error) });
  } catch (error) {
    errors.push(error);
  }
  expect(errors).toEqual([reason]);
  endedAre('work: error no socket');
});

inEachMode('methods that are called by a source are in its span', ({ mode, telemetry }) => {
  const result = work.result(
    new Observable<string>((subscriber) => {
      subscriber.next(work.inner());
      subscriber.complete();
    }),
  );
  result.subscribe();
  if (!mode.records) return;
  expect(telemetry.span('inner').parentSpanContext?.spanId).toBe(telemetry.span('work').spanContext().spanId);
});

inEachMode('an Observable that never ends holds its span open', async ({ endedAre }) => {
  const subscription = work.result(NEVER).subscribe();
  await new Promise(setImmediate);
  endedAre();
  subscription.unsubscribe();
  endedAre('work');
});
