/** For the `default` of a switch over a union: the compiler says which case is missing. */
export function unreachable(value: never): never {
  throw new Error(`Internal error: expected every case to be handled, found ${JSON.stringify(value)}`);
}
