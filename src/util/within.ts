/** Waits for work that may fail or never end, but not longer than that. Never rejects. */
export async function within(timeoutMs: number, work: () => Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, timeoutMs);
  });
  try {
    await Promise.race([work(), late]);
  } catch {
    // The one who waits wants only the end of it.
  } finally {
    clearTimeout(timer);
  }
}
