import { messageBox } from '../../src/util/message-box';

test('a line is framed with a blank on each side', () => {
  expect(messageBox(['ATTENTION!'])).toEqual(['╔════════════╗', '║ ATTENTION! ║', '╚════════════╝']);
});

test('shorter lines stand in the middle, with the odd blank behind them', () => {
  expect(messageBox(['abcdef', 'ab', 'abc', ''])).toEqual([
    '╔════════╗',
    '║ abcdef ║',
    '║   ab   ║',
    '║  abc   ║',
    '║        ║',
    '╚════════╝',
  ]);
});

test('characters are counted, not their bytes or halves', () => {
  const box = messageBox(['größe … 🦀', 'x']);
  expect(new Set(box.map((line) => [...line].length))).toEqual(new Set([13]));
});

test('nothing makes an empty box', () => {
  expect(messageBox([])).toEqual(['╔══╗', '╚══╝']);
});
