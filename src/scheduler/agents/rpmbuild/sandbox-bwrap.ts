import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import type { RunTool } from '../../../rpm/run-tool';
import {
  type BuildFolders,
  entriesOf,
  existing,
  isFolder,
  LIBRARY_FOLDERS,
  linkTarget,
  PKG_CONFIG_FOLDERS,
  type Prepended,
  type Sandbox,
} from './sandbox';

/** Fixed names: paths that compilers write into what they build are then the same wherever it is built. */
const TOP = '/build/top';
const RPMS = '/build/rpms';
const NEEDS = '/build/needs';
const INPUTS = '/build/inputs';

/** Not from the host: what the build gets of its own, and people's own files. */
const NOT_FROM_HOST = new Set(['proc', 'dev', 'tmp', 'home', 'root', 'build', 'lost+found']);

/**
 * Runs inside, before the build: lays what was unpacked over the host's folders, then gives up the right to mount.
 * Arguments: folders to lay over, `--`, the program that gives up the right, with all that follows it.
 */
const ENTER = `
while [ "$1" != -- ]; do
  mount -t overlay overlay -o "lowerdir=${NEEDS}/$1:/$1" "/$1" || exit 125
  shift
done
shift
[ ! -d /var/tmp ] || mount --bind /tmp /var/tmp || exit 125
exec "$@"
`;

/** What the kernel allows to isolate differs: the best first. */
const LEVELS = [
  { isolation: ['--unshare-pid', '--proc', '/proc', '--unshare-net'], cutsNetwork: true },
  { isolation: ['--unshare-pid', '--proc', '/proc'], cutsNetwork: false },
  // In a container that hides parts of /proc, no new one can be mounted.
  { isolation: ['--dev-bind', '/proc', '/proc', '--unshare-net'], cutsNetwork: true },
  { isolation: ['--dev-bind', '/proc', '/proc'], cutsNetwork: false },
] as const;
type Level = (typeof LEVELS)[number];

/** Who builds. Root stays root, without the right to mount; anybody else is themselves inside too. */
export interface Builder {
  readonly uid: number;
  readonly gid: number;
}

/**
 * Builds in a root of their own, made by bubblewrap: the host's folders read-only, what was unpacked laid over them by an
 * overlay, so that it is found under /usr as on a system where it is installed. /home, /root and /tmp are the build's own.
 * It keeps accidents in, not malice.
 */
export class BwrapSandbox implements Sandbox {
  readonly cutsNetwork: boolean;
  readonly usesHostPaths = false;

  constructor(
    private readonly level: Level,
    private readonly builder: Builder,
  ) {
    this.cutsNetwork = level.cutsNetwork;
  }

  get description(): string {
    return 'sandbox bwrap: the host’s folders read-only, what it needs laid over them';
  }

  inside({ inputs, needs }: BuildFolders): BuildFolders {
    return {
      top: TOP,
      rpms: RPMS,
      inputs: inputs.map((path, index) => `${INPUTS}/${index}/${basename(path)}`),
      needs: needs && NEEDS,
    };
  }

  macroFiles(): string[] {
    return [];
  }

  /** The compiler looks below /usr by itself. Not everything does so below /usr/lib64, where rpm puts libraries. */
  searchPaths(needs: string): Prepended[] {
    const libraries = existing(needs, '', LIBRARY_FOLDERS);
    const paths: Prepended[] = [
      ['LIBRARY_PATH', libraries],
      ['LD_LIBRARY_PATH', libraries],
      ['PKG_CONFIG_PATH', existing(needs, '', PKG_CONFIG_FOLDERS)],
    ];
    return paths.filter(([, value]) => value !== '');
  }

  wrap(folders: BuildFolders, argv: readonly string[], { network }: { readonly network: boolean }): string[] {
    const { uid, gid } = this.builder;
    const inside = this.inside(folders);
    const isolation = this.level.isolation.filter((word) => !network || word !== '--unshare-net');
    const { laidOver, bound } = needsOf(folders.needs);
    return [
      'bwrap',
      '--die-with-parent',
      // Only root of a namespace can mount: whoever is not root becomes so first, and themselves again after.
      ...(uid === 0 ? [] : ['--unshare-user', '--uid', '0', '--gid', '0', '--cap-add', 'CAP_SETFCAP']),
      ...['--cap-add', 'CAP_SYS_ADMIN'],
      ...[...hostFolders(), '--dev', '/dev', ...isolation],
      ...['--bind', folders.top, TOP, '--bind', folders.rpms, RPMS],
      ...['--bind', join(folders.top, 'tmp'), '/tmp'],
      ...folders.inputs.flatMap((path, index) => ['--ro-bind', path, inside.inputs[index] as string]),
      ...(folders.needs === undefined ? [] : ['--ro-bind', folders.needs, NEEDS]),
      ...bound.flatMap((name) => ['--ro-bind', join(folders.needs as string, name), `/${name}`]),
      ...['--chdir', TOP],
      ...['/bin/sh', '-c', ENTER, 'enter', ...laidOver, '--'],
      ...(uid === 0
        ? ['setpriv', '--bounding-set=-sys_admin', '--inh-caps=-sys_admin', '--ambient-caps=-sys_admin', '--']
        : ['unshare', '--user', `--map-user=${uid}`, `--map-group=${gid}`, '--']),
      ...argv,
    ];
  }
}

/**
 * Tries whether a sandbox works here: a file is laid over /usr and looked for. Namespaces, overlays and their mixtures are
 * allowed or not in so many ways that nothing else tells.
 *
 * @returns the sandbox, or in one line why there is none
 */
export async function detectBwrap(runTool: RunTool, builder: Builder): Promise<BwrapSandbox | string> {
  const folder = mkdtempSync(join(tmpdir(), 'spanwright-probe-'));
  try {
    const at = (name: string) => join(folder, name);
    for (const name of ['top/tmp', 'rpms', 'needs/usr']) mkdirSync(at(name), { recursive: true });
    writeFileSync(at('needs/usr/spanwright-probe'), '');
    const folders = { top: at('top'), rpms: at('rpms'), inputs: [], needs: at('needs') };
    const look = ['/bin/sh', '-c', 'test -e /usr/spanwright-probe && : >/tmp/can-write'];
    let why = '';
    for (const level of LEVELS) {
      const sandbox = new BwrapSandbox(level, builder);
      const { code, stderr } = await runTool(sandbox.wrap(folders, look, { network: false }));
      if (code === 0) return sandbox;
      if (code === 127) return 'bwrap is not installed';
      why = stderr.trim().split('\n')[0] || `bwrap ended with exit status ${code}`;
    }
    return why;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function hostFolders(): string[] {
  return entriesOf('/').flatMap((name) => {
    if (NOT_FROM_HOST.has(name)) return [];
    const target = linkTarget(`/${name}`);
    if (target !== undefined) return ['--symlink', target, `/${name}`];
    return isFolder(`/${name}`) ? ['--ro-bind-try', `/${name}`, `/${name}`] : [];
  });
}

/** Folders at the top of what was unpacked: those that the host has too are laid over the host's. */
function needsOf(needs: string | undefined): { laidOver: string[]; bound: string[] } {
  const names = needs === undefined ? [] : entriesOf(needs).filter((name) => !NOT_FROM_HOST.has(name));
  const isOnHost = (name: string) => isFolder(`/${name}`);
  return { laidOver: names.filter(isOnHost), bound: names.filter((name) => !isOnHost(name)) };
}
