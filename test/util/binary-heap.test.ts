import { BinaryHeap } from '../../src/util/binary-heap';

const numbers = () => new BinaryHeap<number>((a, b) => a - b);
const drain = <T>(heap: BinaryHeap<T>): T[] => {
  const items: T[] = [];
  while (heap.size > 0) items.push(heap.pop() as T);
  return items;
};

test('the first item is the one that comes first in the order', () => {
  const heap = numbers();
  for (const n of [5, 3, 8, 1, 9, 1]) heap.push(n);
  expect(heap.peek()).toBe(1);
  expect(heap.size).toBe(6);
  expect(drain(heap)).toEqual([1, 1, 3, 5, 8, 9]);
});

test('an empty heap gives nothing, again and again, and can be used after', () => {
  const heap = numbers();
  expect([heap.pop(), heap.peek(), heap.size]).toEqual([undefined, undefined, 0]);
  heap.push(2);
  expect([heap.pop(), heap.pop(), heap.size]).toEqual([2, undefined, 0]);
  heap.push(1);
  expect(heap.peek()).toBe(1);
});

test('looking at the first item leaves it there', () => {
  const heap = numbers();
  heap.push(1);
  expect([heap.peek(), heap.peek(), heap.size]).toEqual([1, 1, 1]);
});

test('the order may be any, also the other way round', () => {
  const heap = new BinaryHeap<string>((a, b) => b.length - a.length);
  for (const text of ['a', 'ccc', 'bb']) heap.push(text);
  expect(drain(heap)).toEqual(['ccc', 'bb', 'a']);
});

test('pushes and pops in any mixture give what a sorted list gives', () => {
  let seed = 42;
  const random = (below: number) => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
    return (seed >>> 8) % below;
  };
  const heap = numbers();
  const model: number[] = [];
  for (let i = 0; i < 20_000; i++) {
    // More pushes than pops at first, more pops later.
    if (random(20_000) > i) {
      const n = random(500);
      heap.push(n);
      model.push(n);
      model.sort((a, b) => a - b);
      if (model.length > 300) model.splice(0, 0);
    } else {
      expect(heap.pop()).toBe(model.shift());
    }
    expect(heap.size).toBe(model.length);
    expect(heap.peek()).toBe(model[0]);
  }
});

test('ties that the order breaks come out in it', () => {
  const heap = new BinaryHeap<{ at: number; serial: number }>((a, b) => a.at - b.at || a.serial - b.serial);
  for (let serial = 0; serial < 100; serial++) heap.push({ at: serial % 3, serial });
  const out = drain(heap).map(({ at, serial }) => at * 1000 + serial);
  expect(out).toEqual([...out].sort((a, b) => a - b));
});
