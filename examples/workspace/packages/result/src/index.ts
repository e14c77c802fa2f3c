/** What a function returns that can fail for reasons its caller should hear about. */
export type Result<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: string };

export function ok<T>(value: T): Result<T> {
  return { ok: true, value };
}

export function err(error: string): Result<never> {
  return { ok: false, error };
}

/** Carries on with the value, if there is one. */
export function andThen<T, U>(result: Result<T>, next: (value: T) => Result<U>): Result<U> {
  return result.ok ? next(result.value) : result;
}

/** Changes the value, if there is one. */
export function map<T, U>(result: Result<T>, change: (value: T) => U): Result<U> {
  return andThen(result, (value) => ok(change(value)));
}

/** Says where it went wrong: `context("line 3", err("no name"))` fails with "line 3: no name". */
export function context<T>(where: string, result: Result<T>): Result<T> {
  return result.ok ? result : err(`${where}: ${result.error}`);
}

/** All the values, or the first failure. */
export function all<T>(results: Iterable<Result<T>>): Result<T[]> {
  const values: T[] = [];
  for (const result of results) {
    if (!result.ok) return result;
    values.push(result.value);
  }
  return ok(values);
}
