/**
 * A place of the process that several applications may want at once, in tests for instance. The newest claim counts; when it is given
 * back, the one before it does again, in whatever order they end.
 */
export class Claims<T> {
  /** Not ended, the newest last. */
  private readonly claims: { readonly value: T }[] = [];

  /** @param onChange called whenever a claim begins or ends */
  constructor(private readonly onChange: () => void = () => {}) {}

  get newest(): T | undefined {
    return this.claims.at(-1)?.value;
  }

  get isEmpty(): boolean {
    return this.claims.length === 0;
  }

  /** @returns gives the claim back; a second time does nothing */
  claim(value: T): () => void {
    const claim = { value };
    this.claims.push(claim);
    this.onChange();
    return () => {
      const at = this.claims.indexOf(claim);
      if (at < 0) return;
      this.claims.splice(at, 1);
      this.onChange();
    };
  }
}
