#!/usr/bin/env node
import { runCommand } from './commands/run-command';
import { SCHEDULER_SPEC } from './commands/scheduler-flags';

runCommand('scheduler', SCHEDULER_SPEC, process.argv.slice(2), () => require('./commands/scheduler').SCHEDULER_COMMAND);
