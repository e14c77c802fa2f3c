import { createHash } from 'node:crypto';
import { closeSync, openSync, readSync, type Stats, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { describeSystemError } from '../../util/user-error';

/** What a file holds, in a short text; or why nobody can tell. */
export type Identity = Known | { readonly problem: string; readonly isMissing: boolean };

export interface Known {
  readonly id: string;
  /** Source RPMs: the files in it, as lines of name and digest. */
  readonly sources?: string;
}

/** What the system says of a file without reading it. While it says the same, the file is taken to hold the same. */
export interface FileStamp {
  readonly size: number;
  readonly modified: number;
  /** When the file, its name or its mode changed last. Unlike `modified`, no program can set it. */
  readonly changed: number;
  readonly inode: number;
}

/** Identities that outlive the run. */
export interface IdentityCache {
  identityOf(path: string, stamp: FileStamp): Known | undefined;
  remember(path: string, stamp: FileStamp, identity: Known): void;
}

/** Tells what a file holds without hashing all of it; undefined where it cannot. Default of the rule: an RPM by its header. */
export type ShortIdentity = (path: string) => Known | undefined;

/**
 * A file that changed so shortly before it was read might change again without another time of change: some disks count in whole
 * seconds. Its identity is used in this run, and not kept.
 */
const TOO_YOUNG_MS = 2000;

const CHUNK_BYTES = 1 << 20;
/** How many files are looked at before others get a turn. */
const SLICE = 256;

/** What files hold. Each is looked at once in a run, and read only where the system says that it has changed since it was read last. */
export class FileIdentities {
  private readonly known = new Map<string, Identity>();
  private readonly stamps = new Map<string, FileStamp>();
  private readonly executable = new Set<string>();

  constructor(
    private readonly cache: IdentityCache,
    private readonly short: ShortIdentity,
    /** Milliseconds since the epoch. */
    private readonly now: () => number = Date.now,
  ) {}

  /** From memory where it has been looked at; otherwise looks now. */
  of(path: string): Identity {
    return this.known.get(path) ?? this.lookNow(path);
  }

  /** Looks now, whatever is in memory. */
  lookNow(path: string): Identity {
    const found = this.stampOf(path) ?? this.read(path, () => hashNow(path));
    return this.keep(path, found);
  }

  /** Looks at those that nobody has looked at yet, letting others have their turn. */
  async learn(paths: Iterable<string>): Promise<void> {
    let looked = 0;
    for (const path of paths) {
      if (this.known.has(path)) continue;
      let found = this.stampOf(path);
      if (found === undefined) {
        const short = this.read(path, () => undefined);
        found = short ?? (await hashLater(path).then((id) => this.hashed(path, id), problemOf));
      }
      this.keep(path, found);
      if (++looked % SLICE === 0) await new Promise<void>((resolve) => setImmediate(resolve));
    }
  }

  forget(paths: Iterable<string>): void {
    for (const path of paths) this.known.delete(path);
  }

  /** For a run that builds nothing: what the file would hold is not known, but is not what it holds. */
  assumeChanged(path: string): void {
    this.known.set(path, { id: 'to be made in this run' });
  }

  /** When a file that has been looked at was written, in milliseconds since the epoch. */
  modifiedAt(path: string): number | undefined {
    return this.stamps.get(path)?.modified;
  }

  private keep(path: string, identity: Identity): Identity {
    this.known.set(path, identity);
    return identity;
  }

  /** The identity, where the system says enough; undefined where the file must be read. */
  private stampOf(path: string): Identity | undefined {
    let stats: Stats;
    try {
      stats = statSync(path);
    } catch (error) {
      return problemOf(error);
    }
    if (!stats.isFile()) return { problem: 'is not a file', isMissing: false };
    const stamp = { size: stats.size, modified: stats.mtimeMs, changed: stats.ctimeMs, inode: stats.ino };
    this.stamps.set(path, stamp);
    if ((stats.mode & 0o111) !== 0) this.executable.add(path);
    else this.executable.delete(path);
    return this.cache.identityOf(path, stamp);
  }

  private read<T extends string | undefined>(
    path: string,
    hash: () => T,
  ): T extends string ? Identity : Identity | undefined;
  private read(path: string, hash: () => string | undefined): Identity | undefined {
    try {
      const short = this.short(path);
      if (short) return this.remembered(path, short);
      const id = hash();
      return id === undefined ? undefined : this.hashed(path, id);
    } catch (error) {
      return problemOf(error);
    }
  }

  /** A script that may no longer be run is not the same script. */
  private hashed(path: string, hash: string): Known {
    return this.remembered(path, { id: this.executable.has(path) ? `${hash}+x` : hash });
  }

  private remembered(path: string, identity: Known): Known {
    const stamp = this.stamps.get(path);
    if (stamp && Math.max(stamp.modified, stamp.changed) < this.now() - TOO_YOUNG_MS) {
      this.cache.remember(path, stamp, identity);
    }
    return identity;
  }
}

function problemOf(error: unknown): Identity {
  const { code } = error as NodeJS.ErrnoException;
  return { problem: describeSystemError(error), isMissing: code === 'ENOENT' || code === 'ENOTDIR' };
}

/** A short digest of a text or bytes: 128 bits, which is plenty where nobody forges anything. */
export function shortDigest(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('base64url').slice(0, 22);
}

function hashNow(path: string): string {
  const fd = openSync(path, 'r');
  try {
    const hash = createHash('sha256');
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
    for (let read = readSync(fd, chunk); read > 0; read = readSync(fd, chunk)) hash.update(chunk.subarray(0, read));
    return hash.digest('base64url').slice(0, 22);
  } finally {
    closeSync(fd);
  }
}

async function hashLater(path: string): Promise<string> {
  const file = await open(path, 'r');
  try {
    const hash = createHash('sha256');
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
    for (let read = 1; read > 0; ) {
      read = (await file.read(chunk, 0, CHUNK_BYTES)).bytesRead;
      hash.update(chunk.subarray(0, read));
    }
    return hash.digest('base64url').slice(0, 22);
  } finally {
    await file.close();
  }
}
