import { hostname } from 'node:os';
import { basename } from 'node:path';
import type { Attributes } from '@opentelemetry/api';
import { osDetector } from '@opentelemetry/resources';
import { readText } from './read-text';

/** The names of processors in the semantic conventions, where Node has others. */
const ARCHITECTURES: Readonly<Record<string, string>> = { arm: 'arm32', ia32: 'x86', ppc: 'ppc32', x64: 'amd64' };

export function detectHost(root: string): Attributes {
  return {
    'host.name': hostname(),
    'host.arch': ARCHITECTURES[process.arch] ?? process.arch,
    'host.id': readText(root, 'etc/machine-id') ?? readText(root, 'var/lib/dbus/machine-id'),
  };
}

/** `os.version` is the kernel's: what `uname -r` says. */
export function detectOperatingSystem(root: string): Attributes {
  return { ...(osDetector.detect().attributes as Attributes), 'os.name': distribution(root) };
}

/** `NAME="Debian GNU/Linux"`. */
function distribution(root: string): string | undefined {
  const release = readText(root, 'etc/os-release') ?? readText(root, 'usr/lib/os-release') ?? '';
  return /^NAME=(["']?)(.+)\1$/m.exec(release)?.[2];
}

/**
 * Arguments are left out, as people put secrets into them; so are the folders of the script, and the user. (OpenTelemetry's own
 * detector has them all.)
 */
export function detectProcess(): Attributes {
  const [, script] = process.argv;
  return {
    'process.pid': process.pid,
    'process.executable.name': basename(process.execPath),
    'process.executable.path': process.execPath,
    'process.command': script ? basename(script) : undefined,
    'process.runtime.name': 'nodejs',
    'process.runtime.version': process.versions.node,
    'process.runtime.description': 'Node.js',
  };
}
