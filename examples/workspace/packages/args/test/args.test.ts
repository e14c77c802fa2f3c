import assert from 'node:assert/strict';
import { test } from 'node:test';
import { err } from '@workspace/result';
import { type Command, help, parseArgs } from '../src/index.js';

const bake: Command = {
  name: 'bake',
  summary: 'Bakes what is on the tray.',
  operands: '<tray>...',
  options: {
    heat: { value: '<degrees>', summary: 'how hot the oven is to be before the tray goes in' },
    fan: { summary: 'turn on the fan' },
  },
};

function parsed(...argv: string[]) {
  const result = parseArgs(bake, argv);
  assert.ok(result.ok);
  return result.value;
}

test('options and operands come in any order', () => {
  const { operands, flags, values } = parsed('buns', '--heat', '180', '--fan', 'rolls');
  assert.deepEqual(operands, ['buns', 'rolls']);
  assert.deepEqual([...flags], ['fan']);
  assert.deepEqual([...values], [['heat', '180']]);
});

test('a value may be attached, and may be empty', () => {
  assert.equal(parsed('--heat=180').values.get('heat'), '180');
  assert.equal(parsed('--heat=').values.get('heat'), '');
});

test('after -- everything is an operand', () => {
  assert.deepEqual(parsed('--fan', '--', '--heat').operands, ['--heat']);
});

test('mistakes are explained', () => {
  assert.deepEqual(parseArgs(bake, ['--grill']), err('there is no option --grill'));
  assert.deepEqual(parseArgs(bake, ['--toString']), err('there is no option --toString'));
  assert.deepEqual(parseArgs(bake, ['--heat']), err('--heat needs a value: --heat <degrees>'));
  assert.deepEqual(parseArgs(bake, ['--fan=on']), err('--fan takes no value'));
});

test('the help lists the options and wraps what is long', () => {
  assert.equal(
    help(bake, 50),
    [
      'Usage: bake [options] <tray>...',
      '',
      'Bakes what is on the tray.',
      '',
      '  --heat <degrees>  how hot the oven is to be',
      '                    before the tray goes in',
      '  --fan             turn on the fan',
      '',
    ].join('\n'),
  );
});
