export type ColorChoice = 'always' | 'auto' | 'never';

/** Whether to print colours: `auto` means on a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`. */
export function useColor(
  choice: ColorChoice,
  stream: NodeJS.WriteStream,
  env: NodeJS.ProcessEnv = process.env,
): boolean {
  if (choice !== 'auto') return choice === 'always';
  return isInteractive(stream, env) && !env.NO_COLOR;
}

/** Whether a person sees the stream as a terminal that can be redrawn. */
export function isInteractive(stream: NodeJS.WriteStream, env: NodeJS.ProcessEnv = process.env): boolean {
  return stream.isTTY === true && env.TERM !== 'dumb';
}
