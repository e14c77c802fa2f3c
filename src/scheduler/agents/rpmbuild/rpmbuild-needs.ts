import { mkdirSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import type { RunTool } from '../../../rpm/run-tool';
import type { Failure } from '../../failure';
import { hostFolderLinks } from './sandbox';

/** Through a file: a pipe would hide that the first program failed. Folders are made writable, for others are merged into them. */
const UNPACK = `
rpm2archive -n - <"$1" >"$2.tar" &&
tar -xf "$2.tar" -C "$2" --keep-directory-symlink --no-same-owner &&
chmod -R u+rwX "$2" &&
rm "$2.tar"
`;

const MERGE = 'to=$1; shift; for folder; do cp -a -l -f "$folder/." "$to/" || exit; done';

/**
 * The files of RPMs, unpacked. Each RPM is unpacked once in a run; the tree for a build is made of links to these files.
 * Scriptlets are not run, and no database knows of the packages: a build asks for files, not for packages.
 */
export class UnpackedRpms {
  private readonly unpacked = new Map<string, Promise<string | Failure>>();
  private readonly links = hostFolderLinks();

  /** @param folder for all that is unpacked, on one disk with the trees */
  constructor(
    private readonly folder: string,
    private readonly runTool: RunTool,
  ) {}

  /** Makes a file tree of some RPMs in an empty folder. */
  async merge(rpms: readonly string[], into: string): Promise<Failure | undefined> {
    const folders: string[] = [];
    for (const rpm of rpms) {
      const folder = await this.unpack(rpm);
      if (typeof folder !== 'string') return folder;
      folders.push(folder);
    }
    const { code, stderr } = await this.runTool(['/bin/sh', '-c', MERGE, 'merge', into, ...folders]);
    return code === 0 ? undefined : cannot(`lay ${rpms.map((rpm) => basename(rpm)).join(', ')} together`, stderr);
  }

  private unpack(rpm: string): Promise<string | Failure> {
    const stat = statSync(rpm, { throwIfNoEntry: false });
    if (!stat) return Promise.resolve({ reason: 'input-missing', path: rpm });
    // Built again meanwhile, it is another file.
    const key = [rpm, stat.ino, stat.size, stat.mtimeMs].join('\0');
    let unpacked = this.unpacked.get(key);
    if (!unpacked) {
      unpacked = this.unpackInto(join(this.folder, `${this.unpacked.size}`), rpm);
      this.unpacked.set(key, unpacked);
    }
    return unpacked;
  }

  private async unpackInto(folder: string, rpm: string): Promise<string | Failure> {
    for (const { path, target } of this.links) {
      mkdirSync(join(folder, target), { recursive: true });
      symlinkSync(relative(dirname(path), target), join(folder, path));
    }
    const { code, stderr } = await this.runTool(['/bin/sh', '-c', UNPACK, 'unpack', rpm, folder]);
    // Trees are merged without them: a link cannot be laid over a folder.
    for (const { path } of this.links) rmSync(join(folder, path), { force: true });
    return code === 0 ? folder : cannot(`unpack ${rpm}`, stderr);
  }
}

function cannot(what: string, stderr: string): Failure {
  return { reason: 'could-not-start', message: `cannot ${what}: ${stderr.trim().split('\n').at(-1) ?? ''}` };
}
