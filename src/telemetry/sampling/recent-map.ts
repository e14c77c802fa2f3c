/**
 * A map that forgets what was put in first: two generations, of which the older one goes when the younger one is full. (Deleting the
 * first key of a `Map` over and over is slow: it looks at the place of every key that was there before.)
 */
export class RecentMap<K, V> {
  private readonly generation: number;
  private younger = new Map<K, V>();
  private older = new Map<K, V>();

  /** @param maxSize entries at the most; at least half as many are remembered */
  constructor(maxSize: number) {
    this.generation = Math.max(1, Math.floor(maxSize / 2));
  }

  get(key: K): V | undefined {
    return this.younger.get(key) ?? this.older.get(key);
  }

  set(key: K, value: V): void {
    this.younger.set(key, value);
    if (this.younger.size < this.generation) return;
    this.older = this.younger;
    this.younger = new Map();
  }

  delete(key: K): void {
    if (!this.younger.delete(key)) this.older.delete(key);
  }
}
