import { inParallel } from '../../src/util/in-parallel';

/** Work whose ends the test decides. */
function controlled() {
  const ends = new Map<
    string,
    { readonly resolve: (result: string) => void; readonly reject: (error: Error) => void }
  >();
  const use = (item: string) =>
    new Promise<string>((resolve, reject) => {
      ends.set(item, { resolve, reject });
    });
  const end = async (item: string, error?: Error) => {
    if (error) ends.get(item)?.reject(error);
    else ends.get(item)?.resolve(item.toUpperCase());
    await new Promise(setImmediate);
  };
  return { use, end, begun: () => [...ends.keys()].join('') };
}

test('so many items are begun at a time, and the results come in the order of the items', async () => {
  const { use, end, begun } = controlled();
  const results = inParallel(['a', 'b', 'c', 'd'], 2, use);
  expect(begun()).toBe('ab');
  await end('b');
  expect(begun()).toBe('abc');
  await end('c');
  await end('d');
  await end('a');
  expect(await results).toEqual(['A', 'B', 'C', 'D']);
});

test('after one that fails no more are begun, and the first failure is thrown when the others have ended', async () => {
  const { use, end, begun } = controlled();
  const results = inParallel(['a', 'b', 'c', 'd'], 2, use);
  let isOver = false;
  const outcome = results.catch((error: unknown) => error).finally(() => (isOver = true));
  await end('b', new Error('b failed'));
  expect([begun(), isOver]).toEqual(['ab', false]);
  await end('a', new Error('a failed too'));
  expect(await outcome).toEqual(new Error('b failed'));
  expect(begun()).toBe('ab');
});

test('nothing to do is done at once', async () => {
  expect(await inParallel([], 3, async () => 1)).toEqual([]);
});
