/** What a tool printed, and how it ended. */
export interface ToolOutput {
  /** Undefined where a signal ended it or it could not be started. */
  readonly code: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a tool (`rpm`, `rpmspec` …) to its end. A tool that fails or is not there gives its exit code, 127 for the latter; it does
 * not throw. Who starts it is the caller's affair: programs are started by runners, never by us.
 */
export type RunTool = (argv: readonly string[], options?: RunToolOptions) => Promise<ToolOutput>;

export interface RunToolOptions {
  readonly cwd?: string;
  /** Set on top of our own environment. */
  readonly env?: Readonly<Record<string, string>>;
}
