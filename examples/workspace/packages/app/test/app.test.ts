import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '@workspace/clock';
import { run } from '../src/index.js';

const FILES: Record<string, string> = {
  'tea.csv': 'task,takes,needs\nboil water,4m,\nbrew,5m,boil water\nfind cups,2m,\n',
  'loop.csv': 'task,takes,needs\nchicken,1h,egg\negg,1h,chicken\n',
};

async function when(...argv: string[]) {
  let out = '';
  let complaints = '';
  const code = await run(argv, {
    clock: new ManualClock(new Date(2024, 5, 1, 16, 0)),
    read: async (file) => FILES[file] ?? Promise.reject(new Error(`no such file: ${file}`)),
    print: (text) => {
      out += text;
    },
    complain: (text) => {
      complaints += text;
    },
  });
  return { code, out, complaints };
}

test('a plan starts now unless told otherwise', async () => {
  assert.match((await when('tea.csv')).out, /^3 tasks in 9m: start at 16:00, done at 16:09\.\n/);
  assert.match((await when('tea.csv', '--start', '7:30')).out, /start at 07:30, done at 07:39\.\n/);
});

test('the schedule comes as CSV too', async () => {
  const { code, out } = await when('--csv', 'tea.csv');
  assert.equal(code, 0);
  assert.equal(
    out,
    ['task,start,end,slack', 'find cups,16:00,16:02,7m', 'boil water,16:00,16:04,0s', 'brew,16:04,16:09,0s', ''].join(
      '\n',
    ),
  );
});

test('help is printed when asked for', async () => {
  const { code, out } = await when('--help');
  assert.equal(code, 0);
  assert.match(out, /^Usage: when \[options\] <plan\.csv>\n/);
});

test('wrong use has exit code 2 and prints the help', async () => {
  for (const [argv, complaint] of [
    [[], 'give it one plan'],
    [['tea.csv', 'loop.csv'], 'give it one plan'],
    [['--end', '9:00'], 'there is no option --end'],
  ] as const) {
    const { code, complaints } = await when(...argv);
    assert.equal(code, 2);
    assert.ok(complaints.startsWith(`when: ${complaint}\n\nUsage: when`), complaints);
  }
});

test('what cannot be answered has exit code 1 and says why', async () => {
  for (const [argv, complaint] of [
    [['loop.csv'], 'there is a cycle: chicken → egg → chicken'],
    [['tea.csv', '--start', 'soon'], '"soon" is not a time of day such as 9:30'],
    [['coffee.csv'], 'no such file: coffee.csv'],
  ] as const) {
    assert.deepEqual(await when(...argv), { code: 1, out: '', complaints: `when: ${complaint}\n` });
  }
});
