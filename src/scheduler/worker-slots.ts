import { BinaryHeap } from '../util/binary-heap';

/** The numbered workers, 1 to N, as places that jobs take. The lowest idle one is taken first. */
export class WorkerSlots {
  private readonly idle = new BinaryHeap<number>((a, b) => a - b);

  constructor(private readonly count: number) {
    if (!(count >= 1)) throw new Error(`Internal error: expected at least one worker, found ${count}`);
    for (let worker = 1; worker <= count; worker++) this.idle.push(worker);
  }

  get hasIdle(): boolean {
    return this.idle.size > 0;
  }

  get busyCount(): number {
    return this.count - this.idle.size;
  }

  take(): number {
    const worker = this.idle.pop();
    if (worker === undefined) throw new Error('Internal error: expected an idle worker, found none');
    return worker;
  }

  giveBack(worker: number): void {
    this.idle.push(worker);
  }
}
