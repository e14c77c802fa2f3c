import { chmodSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CommandOptions } from './command';

/** For a {@link shellWorker}: makes the package's RPM, as an empty file, and tells its path. */
export const MAKES_RPM =
  'mkdir -p rpms/x86_64; rpm="$PWD/rpms/x86_64/$name-1.0-1.x86_64.rpm"; : > "$rpm"; printf %s "$rpm"';

/** A shell script in the place of rpm, and a folder of its own for temporary files, which shows what a run leaves there. */
export class StandInRpm {
  readonly options: Pick<CommandOptions, 'env'>;
  private readonly tmp: string;

  constructor(
    private readonly dir: string,
    script: string,
  ) {
    this.tmp = join(dir, 'tmp');
    const bin = join(dir, 'bin');
    for (const folder of [this.tmp, bin]) mkdirSync(folder, { recursive: true });
    writeFileSync(join(bin, 'rpm'), `#!/bin/sh\n${script}\n`);
    chmodSync(join(bin, 'rpm'), 0o755);
    this.options = { env: { PATH: `${bin}:${process.env.PATH}`, TMPDIR: this.tmp } };
  }

  /** Knows what the RPMs of packages provide: `{ zlib: ['pkgconfig(zlib) = 1.3'] }`. */
  static thatKnows(dir: string, provides: Readonly<Record<string, readonly string[]>>): StandInRpm {
    const cases = Object.entries(provides).map(
      ([name, lines]) => `*/${name}-1.0-1.x86_64.rpm) printf '%s\\n' ${lines.map((line) => `'${line}'`).join(' ')};;`,
    );
    return new StandInRpm(dir, `for word in "$@"; do case "$word" in ${cases.join(' ')} esac; done`);
  }

  /** Names of temporary files that are still there. */
  leftovers(): string[] {
    return readdirSync(this.tmp);
  }

  path(name: string): string {
    return join(this.dir, name);
  }
}
