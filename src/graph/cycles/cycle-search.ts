import type { EditableEdges } from './editable-edges';

const WHITE = 0;
const GREY = 1;
const BLACK = 2;

/**
 * Finds one cycle after another while the caller takes each away before the next is asked for: always the cycle that a depth-first search begun
 * anew would find first, places and rows ascending.
 *
 *     white ──► grey (on the path) ──► black (leads to no cycle)
 *       ▲         │
 *       └─────────┘ the dependency by which the path came here is gone
 *
 * It need not begin anew. What is black stays so: a black node leads to black ones only, so no change at a cycle, whose nodes are grey, touches it.
 * And of the path all stays that stands before the first dependency that is gone, as changes only add higher places to rows.
 */
export class CycleSearch {
  private marks: Uint8Array;
  /** By place on the path: index of the dependency that is looked at. Those before it are black, so none of them ever goes. */
  private current: Uint32Array;
  private readonly path: number[] = [];
  private root = 0;
  /** Where on the path the cycle that was found last begins. */
  private cycleStart = 0;

  constructor(private readonly edges: EditableEdges) {
    this.marks = new Uint8Array(edges.size + 64);
    this.current = new Uint32Array(edges.size + 64);
  }

  /** Places of a cycle, each depending on the next and the last on the first; undefined where there is none left. */
  next(): number[] | undefined {
    this.grow();
    this.rewind();
    const { edges, marks, current, path } = this;
    for (;;) {
      let place = path[path.length - 1];
      if (place === undefined) {
        while (this.root < edges.size && marks[this.root] !== WHITE) this.root++;
        if (this.root === edges.size) return undefined;
        place = this.enter(this.root);
      }
      const index = current[place] as number;
      if (index === edges.degree(place)) {
        marks[place] = BLACK;
        path.pop();
        continue;
      }
      const target = edges.dependency(place, index);
      if (marks[target] === WHITE) this.enter(target);
      else if (marks[target] === BLACK) current[place] = index + 1;
      else {
        this.cycleStart = path.lastIndexOf(target);
        return path.slice(this.cycleStart);
      }
    }
  }

  private enter(place: number): number {
    this.marks[place] = GREY;
    this.current[place] = 0;
    this.path.push(place);
    return place;
  }

  /** Takes the path back to where its dependencies still are. Nothing before the cycle but its way in can have changed. */
  private rewind(): void {
    const { edges, path } = this;
    for (let i = Math.max(0, this.cycleStart - 1); i + 1 < path.length; i++) {
      if (edges.has(path[i] as number, path[i + 1] as number)) continue;
      for (const gone of path.splice(i + 1)) this.marks[gone] = WHITE;
    }
  }

  private grow(): void {
    if (this.edges.size <= this.marks.length) return;
    const marks = new Uint8Array(2 * this.edges.size);
    marks.set(this.marks);
    this.marks = marks;
    const current = new Uint32Array(2 * this.edges.size);
    current.set(this.current);
    this.current = current;
  }
}
