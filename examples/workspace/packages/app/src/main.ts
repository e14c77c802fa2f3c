#!/usr/bin/env node
import { readFile } from 'node:fs/promises';
import { systemClock } from '@workspace/clock';
import { run } from './index.js';

process.exitCode = await run(process.argv.slice(2), {
  clock: systemClock,
  read: (file) => readFile(file, 'utf8'),
  print: (text) => process.stdout.write(text),
  complain: (text) => process.stderr.write(text),
});
