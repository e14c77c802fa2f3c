/**
 * Does something with each item, so many at a time; the results are in the order of the items. After the first that throws no more are begun,
 * and it is thrown once those that were begun have ended.
 */
export async function inParallel<T, R>(
  items: readonly T[],
  atATime: number,
  use: (item: T, index: number) => Promise<R>,
): Promise<R[]> {
  const results = new Array<R>(items.length);
  let next = 0;
  let failure: { readonly error: unknown } | undefined;
  const lane = async () => {
    while (next < items.length && !failure) {
      const index = next++;
      try {
        results[index] = await use(items[index] as T, index);
      } catch (error) {
        failure ??= { error };
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(Math.max(atATime, 1), items.length) }, lane));
  if (failure) throw failure.error;
  return results;
}
