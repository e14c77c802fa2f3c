import type { JobTable } from './job-table';

/**
 * Jobs that may run, the most urgent first: highest priority, then builds before tests, then the lower number, so that the
 * same graph always gives the same order. A binary heap in one flat array.
 */
export class JobQueue {
  private heap = new Uint32Array(64);
  private length = 0;

  constructor(
    private readonly priorities: Float64Array,
    private readonly jobs: JobTable,
  ) {}

  get size(): number {
    return this.length;
  }

  push(job: number): void {
    if (this.length === this.heap.length) {
      const larger = new Uint32Array(this.heap.length * 2);
      larger.set(this.heap);
      this.heap = larger;
    }
    const { heap } = this;
    let at = this.length++;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.isBefore(job, heap[parent] as number)) break;
      heap[at] = heap[parent] as number;
      at = parent;
    }
    heap[at] = job;
  }

  /** The most urgent job, or the most urgent one that `fits`; the others keep their places. */
  pop(fits?: (job: number) => boolean): number | undefined {
    const passedOver: number[] = [];
    let found: number | undefined;
    while (this.length > 0) {
      const job = this.popFirst();
      if (fits === undefined || fits(job)) {
        found = job;
        break;
      }
      passedOver.push(job);
    }
    for (const job of passedOver) this.push(job);
    return found;
  }

  /** Takes a job out wherever it stands; false if it is not there. */
  remove(job: number): boolean {
    const at = this.heap.subarray(0, this.length).indexOf(job);
    if (at < 0) return false;
    const others = [...this.heap.subarray(0, this.length)].filter((other) => other !== job);
    this.length = 0;
    for (const other of others) this.push(other);
    return true;
  }

  private popFirst(): number {
    const { heap } = this;
    const first = heap[0] as number;
    const last = heap[--this.length] as number;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= this.length) break;
      if (child + 1 < this.length && this.isBefore(heap[child + 1] as number, heap[child] as number)) child++;
      if (!this.isBefore(heap[child] as number, last)) break;
      heap[at] = heap[child] as number;
      at = child;
    }
    heap[at] = last;
    return first;
  }

  private isBefore(a: number, b: number): boolean {
    const difference = (this.priorities[a] as number) - (this.priorities[b] as number);
    if (difference !== 0) return difference > 0;
    const kinds = Number(this.jobs.isTest(a)) - Number(this.jobs.isTest(b));
    return kinds === 0 ? a < b : kinds < 0;
  }
}
