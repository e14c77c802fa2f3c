import assert from 'node:assert/strict';
import { test } from 'node:test';
import { err, ok } from '@workspace/result';
import { formatCsv, parseCsv } from '../src/index.js';

test('each line becomes an object', () => {
  assert.deepEqual(
    parseCsv('dish,serves\nstew,4\npie,6\n'),
    ok([
      { dish: 'stew', serves: '4' },
      { dish: 'pie', serves: '6' },
    ]),
  );
});

test('empty fields, blank lines, CRLF and a missing last line break are all fine', () => {
  assert.deepEqual(
    parseCsv('dish,serves\r\n\r\nstew,\r\n,6'),
    ok([
      { dish: 'stew', serves: '' },
      { dish: '', serves: '6' },
    ]),
  );
  assert.deepEqual(parseCsv(''), ok([]));
});

test('quoted fields hold commas, quotation marks and line breaks', () => {
  assert.deepEqual(parseCsv('dish\n"stew, the ""good"" one\nwith dumplings"\n'), {
    ok: true,
    value: [{ dish: 'stew, the "good" one\nwith dumplings' }],
  });
});

test('mistakes are reported with their line', () => {
  assert.deepEqual(parseCsv('dish,serves\nstew\n'), err('line 2: not 2 fields as in the header, but 1'));
  assert.deepEqual(parseCsv('dish\n"a\nb"\nst"ew\n'), err('line 4: a quotation mark is out of place'));
  assert.deepEqual(parseCsv('dish\n"stew\n'), err('line 2: a quotation mark is out of place'));
});

test('what is written can be read back', () => {
  const rows = [
    { dish: 'stew, "good"', serves: '4' },
    { dish: 'pie\nof the day', serves: '' },
  ];
  const text = formatCsv(['dish', 'serves'], rows);
  assert.equal(text, 'dish,serves\n"stew, ""good""",4\n"pie\nof the day",\n');
  assert.deepEqual(parseCsv(text), ok(rows));
});
