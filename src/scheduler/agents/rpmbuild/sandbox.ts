import { existsSync, readdirSync, readlinkSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** The folders and files of one build. Where a sandbox gives them other names inside, there are two of these. */
export interface BuildFolders {
  /** Of this build alone; it may write here. */
  readonly top: string;
  /** Where its RPMs go, on the disk of the folder of RPMs. */
  readonly rpms: string;
  /** Files and folders that it reads. */
  readonly inputs: readonly string[];
  /** The root of a file tree with all that was unpacked for this build; undefined where it needs nothing. */
  readonly needs: string | undefined;
}

/** A variable, and what is to stand before the value it has. */
export type Prepended = readonly [name: string, value: string];

/** Where builds run, and how what they need is put within their reach. */
export interface Sandbox {
  /** One line for people: what it is, and what it is not. */
  readonly description: string;
  /** Whether a build may be kept from the network. */
  readonly cutsNetwork: boolean;
  /** Whether builds see the paths of the host, which rpm's own scripts do not quote. */
  readonly usesHostPaths: boolean;
  /** The same folders by the names that the build knows them by. May make links below `top`. */
  inside(folders: BuildFolders): BuildFolders;
  /** Files of macros among what was unpacked, where rpmbuild does not find them by itself. */
  macroFiles(needs: string): string[];
  /** Where programs and compilers find what was unpacked. */
  searchPaths(needs: string): Prepended[];
  /** The command that runs `argv`, whose words use the names inside. */
  wrap(folders: BuildFolders, argv: readonly string[], options: { readonly network: boolean }): string[];
}

/**
 * Folders of the host's `/` and `/usr` that are links to others, such as `lib` to `usr/lib`; both paths from the root. What is
 * unpacked must follow them: a package's `/lib64` would hide the host's otherwise.
 */
export function hostFolderLinks(): { readonly path: string; readonly target: string }[] {
  return ['/usr', '/'].flatMap((parent) =>
    entriesOf(parent).flatMap((name) => {
      const path = join(parent, name);
      const link = linkTarget(path);
      if (link === undefined || !isFolder(path)) return [];
      return [{ path: path.slice(1), target: resolve(parent, link).slice(1) }];
    }),
  );
}

/** The existing ones of some folders below a root, in one value, by the names that begin with `as`. */
export function existing(root: string, as: string, folders: readonly string[]): string {
  return folders
    .filter((folder) => existsSync(join(root, folder)))
    .map((folder) => `${as}/${folder}`)
    .join(':');
}

export function entriesOf(path: string): string[] {
  try {
    return readdirSync(path).sort();
  } catch {
    return [];
  }
}

export function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

export function linkTarget(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

/** Where libraries lie in a file tree. No cache of the linker's knows the unpacked ones, for no scriptlet was run. */
export const LIBRARY_FOLDERS = ['usr/lib64', 'usr/lib'];
export const PKG_CONFIG_FOLDERS = ['usr/lib64/pkgconfig', 'usr/lib/pkgconfig', 'usr/share/pkgconfig'];
