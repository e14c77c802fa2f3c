import { type Batch, entryOf, type Piece, SpanQueue } from '../../../src/telemetry/export/span-queue';

interface Named extends Piece {
  readonly name: string;
}

let queue: SpanQueue<Named>;

beforeEach(() => {
  queue = new SpanQueue();
});

const piece = (name: string, count = 1, size = 10): Named => ({ name, count, size });
const push = (...names: string[]) => {
  for (const name of names) queue.push(piece(name));
};
const take = (maxSpans = 1, maxBytes = 1000) => queue.take(maxSpans, maxBytes) as Batch<Named>;
const names = (batch: Batch<Named> | undefined) => batch?.pieces.map(({ name }) => name).join('');
const rest = () => {
  const all: string[] = [];
  for (let batch = queue.take(1, 1); batch; batch = queue.take(1, 1)) all.push(names(batch) as string);
  return all.join(' ');
};

test('a batch holds the oldest pieces, as many as the limits of spans and bytes allow', () => {
  push('a', 'b', 'c', 'd', 'e');
  expect(names(take(2))).toBe('ab');
  expect(names(take(9, 25))).toBe('cd');
  expect(names(take(9, 25))).toBe('e');
  expect(queue.take(9, 25)).toBeUndefined();
});

test('a piece beyond the limits is taken alone', () => {
  queue.push(piece('large', 50, 5000));
  push('a');
  expect(take(10, 100)).toMatchObject({ count: 50, size: 5000 });
  expect(names(take(10, 100))).toBe('a');
});

test('what was taken goes back before all that is younger, whatever the order in which it comes back', () => {
  push('a', 'b', 'c', 'd');
  const [first, second] = [take(2), take(1)];
  push('e');
  queue.putBack(second.entries);
  queue.putBack(first.entries);
  expect(rest()).toBe('a b c d e');
  push('f', 'g');
  const [third, fourth] = [take(), take()];
  queue.putBack(third.entries);
  queue.putBack(fourth.entries);
  expect(rest()).toBe('f g');
});

test('spans and bytes are those of what is in it', () => {
  queue.push(piece('a', 3, 30));
  queue.push(piece('b', 4, 50));
  expect(queue).toMatchObject({ count: 7, size: 80 });
  const batch = take(3);
  expect(queue).toMatchObject({ count: 4, size: 50 });
  queue.putBack(batch.entries);
  queue.dropLast();
  expect(queue).toMatchObject({ count: 3, size: 30 });
  take();
  expect(queue).toMatchObject({ count: 0, size: 0 });
});

test('only the piece that was pushed last can be dropped, and only while it is there', () => {
  push('a', 'b');
  take(2);
  push('c');
  const taken = take();
  queue.dropLast();
  queue.putBack(taken.entries);
  queue.dropLast();
  queue.dropLast();
  expect(rest()).toBe('');
  push('d', 'e');
  queue.dropLast();
  queue.dropLast();
  expect(rest()).toBe('d');
});

test('a part of a refused request is taken alone, before what came later', () => {
  push('a', 'b', 'c', 'd');
  const trial = { refusedInARow: 1, mostInARow: 3 };
  const refused = take(3);
  const { serial } = refused.entries[0] as { serial: number };
  const [a, b, c] = refused.pieces as [Named, Named, Named];
  queue.putBack([entryOf([a], { serial, trial }), entryOf([b, c], { serial, trial })]);
  expect(names(take(10))).toBe('a');
  expect(names(take(10))).toBe('bc');
  expect(names(take(10))).toBe('d');
});

test('it stays in order over many thousands of pieces', () => {
  let next = 0;
  let expected = 0;
  for (let round = 0; round < 300; round++) {
    for (let i = 0; i < 37; i++) push(`${next++}`);
    const batch = take(round % 3 === 0 ? 50 : 30);
    if (round % 5 === 0) queue.putBack(batch.entries);
    else for (const { name } of batch.pieces) expect(name).toBe(`${expected++}`);
  }
  for (let batch = queue.take(1, 10); batch; batch = queue.take(1, 10)) {
    for (const { name } of batch.pieces) expect(name).toBe(`${expected++}`);
  }
  expect(expected).toBe(next);
});
