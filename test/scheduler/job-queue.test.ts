import { JobQueue } from '../../src/scheduler/job-queue';
import { JobTable } from '../../src/scheduler/job-table';
import { graphOf } from '../support/graphs';
import { randomFrom } from '../support/model';

function drain(queue: JobQueue): number[] {
  const order: number[] = [];
  for (let job = queue.pop(); job !== undefined; job = queue.pop()) order.push(job);
  return order;
}

/** A queue of jobs 0 … n-1 with these priorities; the jobs in `tests` are tests. */
function queueOf(priorities: readonly number[], tests: readonly number[] = []): JobQueue {
  const graph = graphOf(priorities.map((_, job) => `${tests.includes(job) ? 'test:' : ''}j${job}`).join(';'));
  return new JobQueue(Float64Array.from(priorities), JobTable.of(graph));
}

test('the highest priority comes first, however the jobs were pushed', () => {
  const queue = queueOf([2, 9, 4, 7, 1]);
  for (const job of [4, 2, 0, 3, 1]) queue.push(job);
  expect(queue.size).toBe(5);
  expect(drain(queue)).toEqual([1, 3, 2, 0, 4]);
  expect(queue.size).toBe(0);
  expect(queue.pop()).toBeUndefined();
});

test('of equal priorities builds come before tests, then the lower number', () => {
  const queue = queueOf([5, 5, 5, 5, 6], [0, 2, 4]);
  for (const job of [3, 2, 1, 0, 4]) queue.push(job);
  expect(drain(queue)).toEqual([4, 1, 3, 0, 2]);
});

test('the most urgent job that fits is taken, and those passed over come later in their order', () => {
  const queue = queueOf([5, 4, 3, 2]);
  for (const job of [0, 1, 2, 3]) queue.push(job);
  const asked: number[] = [];
  expect(queue.pop((job) => asked.push(job) > 2)).toBe(2);
  expect(asked).toEqual([0, 1, 2]);
  expect(queue.pop(() => false)).toBeUndefined();
  expect(drain(queue)).toEqual([0, 1, 3]);
});

test('any mix of pushes and pops gives what sorting gives, beyond the size it starts with', () => {
  const random = randomFrom(42);
  const priorities = Array.from({ length: 500 }, () => Math.floor(random() * 50));
  const queue = queueOf(priorities);
  const inside: number[] = [];
  const urgent = (a: number, b: number) => (priorities[b] as number) - (priorities[a] as number) || a - b;
  let next = 0;
  while (next < priorities.length || inside.length > 0) {
    if (next < priorities.length && random() < 0.6) {
      inside.push(next);
      queue.push(next++);
    } else {
      inside.sort(urgent);
      expect(queue.pop()).toBe(inside.shift());
    }
    expect(queue.size).toBe(inside.length);
  }
});
