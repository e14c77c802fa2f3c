const MAX_LENGTH = 256;

/**
 * Remembers what a function said of some texts. Names come from outside too: it forgets everything when there are too many, and
 * does not keep long ones, so that nobody can fill the memory.
 */
export function boundedMemo<T>(decide: (text: string) => T, limit: number): (text: string) => T {
  const known = new Map<string, T>();
  return (text) => {
    let answer = known.get(text);
    if (answer !== undefined) return answer;
    answer = decide(text);
    if (text.length > MAX_LENGTH) return answer;
    if (known.size >= limit) known.clear();
    known.set(text, answer);
    return answer;
  };
}
