import { WorkerSlots } from '../../src/scheduler/worker-slots';

test('workers are numbered from 1, and the lowest idle one is taken first', () => {
  const slots = new WorkerSlots(3);
  expect([slots.take(), slots.take(), slots.take()]).toEqual([1, 2, 3]);
  slots.giveBack(3);
  slots.giveBack(1);
  expect([slots.take(), slots.take()]).toEqual([1, 3]);
});

test('busy and idle workers are counted', () => {
  const slots = new WorkerSlots(2);
  expect([slots.busyCount, slots.hasIdle]).toEqual([0, true]);
  slots.take();
  slots.take();
  expect([slots.busyCount, slots.hasIdle]).toEqual([2, false]);
  slots.giveBack(2);
  expect([slots.busyCount, slots.hasIdle]).toEqual([1, true]);
});

test('taking a worker where none is idle is an error of ours', () => {
  const slots = new WorkerSlots(1);
  slots.take();
  expect(() => slots.take()).toThrow(/^Internal error: expected an idle worker/);
  expect(() => new WorkerSlots(0)).toThrow(/^Internal error: expected at least one worker/);
});
