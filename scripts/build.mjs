// Compiles src/ into dist/ and makes the two commands executable. The old dist/ stays until the new one is whole.
import { spawnSync } from 'node:child_process';
import { chmodSync, renameSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'lib', 'tsc.js');
const dist = join(root, 'dist');
const beside = join(root, `.dist-${process.pid}`);

const { status } = spawnSync(process.execPath, [tsc, '-p', join(root, 'tsconfig.build.json'), '--outDir', beside], {
  stdio: 'inherit',
});
if (status !== 0) {
  rmSync(beside, { recursive: true, force: true });
  process.exit(status ?? 1);
}
for (const name of ['cli.js', 'scheduler-cli.js']) chmodSync(join(beside, name), 0o755);
rmSync(dist, { recursive: true, force: true });
renameSync(beside, dist);
