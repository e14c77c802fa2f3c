import { existsSync } from 'node:fs';
import type { Provide } from '../graph/provided-names';
import { intervalOf, overlaps, type VersionedName } from '../graph/versions/versions';
import { inParallel } from '../util/in-parallel';
import type { RunTool } from './run-tool';

const PKGCONFIG = /^pkgconfig\((.+)\)$/;

/**
 * Which wishes this machine fulfils already: by rpm's database, by dpkg's where packages have the same names there, by a file of that path, and
 * by pkg-config. A tool that is not there knows of nothing.
 */
export async function hostProvides(
  wishes: readonly VersionedName[],
  runTool: RunTool,
): Promise<(wish: VersionedName) => boolean> {
  const provides = new Map<string, Provide[]>();
  const add = (found: readonly Provide[]) => {
    for (const provide of found) {
      const known = provides.get(provide.name);
      if (known) known.push(provide);
      else provides.set(provide.name, [provide]);
    }
  };
  const modules = new Set(wishes.flatMap(({ name }) => PKGCONFIG.exec(name)?.[1] ?? []));
  add((await Promise.all([fromRpm(runTool), fromDpkg(runTool), fromPkgConfig([...modules], runTool)])).flat());
  return (wish) =>
    (wish.name.startsWith('/') && existsSync(wish.name)) ||
    (provides.get(wish.name) ?? []).some((provide) => fulfils(provide, wish));
}

async function fromRpm(runTool: RunTool): Promise<Provide[]> {
  const format = String.raw`[%{PROVIDENAME}\t%{PROVIDEFLAGS:depflags}\t%{PROVIDEVERSION}\n]`;
  const { stdout } = await runTool(['rpm', '-qa', '--qf', format]);
  return rows(stdout).map(([name = '', condition = '', version = '']) => ({
    name,
    condition: condition.trim(),
    version,
  }));
}

async function fromDpkg(runTool: RunTool): Promise<Provide[]> {
  const format = `\${db:Status-Status}\t\${Package}\t\${Version}\t\${Provides}\n`;
  const { stdout } = await runTool(['dpkg-query', '-W', '-f', format]);
  return rows(stdout).flatMap(([status, name = '', version = '', virtual = '']) => {
    if (status !== 'installed') return [];
    // `awk, editor (= 2)`
    const others = virtual.split(',').flatMap((text) => {
      const [, other, otherVersion = ''] = /^\s*([^\s(]+)(?:\s*\(=\s*([^)\s]+)\))?/.exec(text) ?? [];
      return other === undefined ? [] : provideOf(other, otherVersion);
    });
    return [provideOf(name, version), ...others];
  });
}

async function fromPkgConfig(modules: readonly string[], runTool: RunTool): Promise<Provide[]> {
  const found = await inParallel(modules, 2, async (module) => {
    const { code, stdout } = await runTool(['pkg-config', '--modversion', '--', module]);
    return code === 0 ? [provideOf(`pkgconfig(${module})`, stdout.trim())] : [];
  });
  return found.flat();
}

function provideOf(name: string, version: string): Provide {
  return { name, condition: version && '=', version };
}

function rows(text: string): string[][] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split('\t'));
}

function fulfils({ name, condition, version }: Provide, wish: VersionedName): boolean {
  try {
    return overlaps(intervalOf({ name, version, condition, sVersion: '', sCondition: '' }), intervalOf(wish));
  } catch {
    // A version of no sense fulfils nothing.
    return false;
  }
}
