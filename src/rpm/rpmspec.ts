import { dirname } from 'node:path';
import { UserError } from '../util/user-error';
import { printable } from '../util/words';
import type { RunTool, ToolOutput } from './run-tool';

/** How rpmspec is to read spec files. */
export interface RpmspecOptions {
  /** Macros by name, as for `rpmspec --define`. Default: none */
  readonly defines?: Readonly<Record<string, string>>;
  /** File of further macros, as for `rpmspec --load`. */
  readonly macrosFile?: string;
  /** Architecture to build for. Default: this machine's */
  readonly arch?: string;
}

/** Asks rpmspec about spec files, always with the same macros. */
export class Rpmspec {
  private readonly common: readonly string[];
  private readonly defines: Readonly<Record<string, string>>;

  constructor(
    private readonly runTool: RunTool,
    { defines = {}, macrosFile, arch }: RpmspecOptions,
  ) {
    this.common = [...(macrosFile ? ['--load', macrosFile] : []), ...(arch ? ['--target', arch] : [])];
    this.defines = defines;
  }

  /** The values of macros, none of which may be of several lines. */
  async macros(...names: readonly string[]): Promise<string[]> {
    const wanted = names.map((name) => `%{${name}}`).join('\n');
    const output = await this.run([...definitions(this.defines), '--eval', wanted]);
    if (output.code !== 0) throw new UserError(`cannot ask rpmspec for its settings: ${whyNot(output)}`);
    return output.stdout.split('\n');
  }

  /**
   * What rpmspec prints about a spec.
   *
   * @param defines on top of those that all specs get
   * @throws UserError naming the spec and, where rpmspec knows it, the line
   */
  async ask(
    spec: string,
    words: readonly string[],
    defines: Readonly<Record<string, string>> = {},
  ): Promise<SpecAnswer> {
    // Specs may include files that lie beside them.
    const all = { _sourcedir: dirname(spec), ...this.defines, ...defines };
    const output = await this.run([...definitions(all), ...words, '--', spec]);
    if (output.code !== 0)
      throw new UserError(`rpmspec cannot read it: ${whyNot(output)}`, { file: spec, line: lineOf(output) });
    return { stdout: output.stdout, warnings: linesWith('warning: ', output.stderr) };
  }

  /** Its messages are read by us, and so must not be in the user's language. */
  private run(words: readonly string[]): Promise<ToolOutput> {
    return this.runTool(['rpmspec', ...this.common, ...words], { env: { LC_ALL: 'C.UTF-8' } });
  }
}

export interface SpecAnswer {
  readonly stdout: string;
  /** What rpmspec found odd. */
  readonly warnings: readonly string[];
}

function definitions(defines: Readonly<Record<string, string>>): string[] {
  return Object.entries(defines).flatMap(([name, value]) => ['--define', `${name} ${value}`]);
}

function whyNot({ code, stderr }: ToolOutput): string {
  if (code === 127)
    return 'there is no rpmspec here; install it (package rpm, or rpm-build), and see that it is in PATH';
  const errors = linesWith('error: ', stderr).filter((line) => !line.startsWith('query of specfile '));
  const texts = errors.map((line) => line.replace(/^line \d+: /, ''));
  return texts.length > 0 ? [...new Set(texts)].join('; ') : `it ended with ${code ?? 'a signal'}`;
}

/** rpmspec's first error is the cause, later ones tend to follow from it. */
function lineOf({ stderr }: ToolOutput): number | undefined {
  const line = /^error: (?:.*: )?line (\d+): /m.exec(stderr)?.[1];
  return line === undefined ? undefined : Number(line);
}

function linesWith(start: string, text: string): string[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith(start))
    .map((line) => printable(line.slice(start.length).trim()));
}
