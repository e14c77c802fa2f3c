import { mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import {
  type BuildFolders,
  entriesOf,
  existing,
  LIBRARY_FOLDERS,
  PKG_CONFIG_FOLDERS,
  type Prepended,
  type Sandbox,
} from './sandbox';

/**
 * No sandbox: the build runs on this machine as it is, and variables lead to what was unpacked for it. That is enough for most
 * packages, not for all: a header that its pkg-config file looks for in a folder of its own below /usr/include is not found,
 * nor is what a program looks for at a fixed path.
 */
export class NoSandbox implements Sandbox {
  readonly cutsNetwork = false;
  readonly usesHostPaths = true;

  /** @param why it was chosen */
  constructor(private readonly why: string) {}

  get description(): string {
    return `no sandbox (${this.why}): runs on this machine as it is, what it needs is found by variables`;
  }

  /** Inputs get plain names by links: rpmbuild takes a path for a text with macros, and a spec file rarely quotes one. */
  inside(folders: BuildFolders): BuildFolders {
    const inputs = folders.inputs.map((path, index) => {
      const link = join(folders.top, 'inputs', String(index), basename(path));
      mkdirSync(dirname(link), { recursive: true });
      rmSync(link, { force: true });
      symlinkSync(path, link);
      return link;
    });
    return { ...folders, inputs };
  }

  macroFiles(needs: string): string[] {
    const folder = join(needs, 'usr/lib/rpm/macros.d');
    return entriesOf(folder)
      .filter((name) => name.startsWith('macros.'))
      .map((name) => join(folder, name));
  }

  searchPaths(needs: string): Prepended[] {
    const libraries = existing(needs, needs, LIBRARY_FOLDERS);
    const paths: Prepended[] = [
      ['PATH', existing(needs, needs, ['usr/bin', 'usr/sbin'])],
      ['CPATH', existing(needs, needs, ['usr/include'])],
      ['LIBRARY_PATH', libraries],
      ['LD_LIBRARY_PATH', libraries],
      ['PKG_CONFIG_PATH', existing(needs, needs, PKG_CONFIG_FOLDERS)],
      ['CMAKE_PREFIX_PATH', existing(needs, needs, ['usr'])],
      ['ACLOCAL_PATH', existing(needs, needs, ['usr/share/aclocal'])],
    ];
    return paths.filter(([, value]) => value !== '');
  }

  wrap(_folders: BuildFolders, argv: readonly string[]): string[] {
    return [...argv];
  }
}
