import { parseBytes } from '../../src/util/bytes';

describe('a size', () => {
  test.each([
    ['0', 0],
    ['1', 1],
    ['4096', 4096],
    ['512B', 512],
    ['1KiB', 1024],
    ['64MiB', 67_108_864],
    ['1.5GiB', 1_610_612_736],
    ['0.5KiB', 512],
    ['0.3KiB', 307],
    ['2TiB', 2_199_023_255_552],
  ])('%s is %d bytes', (text, bytes) => {
    expect(parseBytes(text)).toBe(bytes);
  });

  test.each([
    '',
    ' ',
    '-1',
    '+1',
    '1 KiB',
    ' 1',
    '1kib',
    '1KB',
    '1k',
    'KiB',
    '.5KiB',
    '1.KiB',
    '1e3',
    '0x10',
    '1,5MiB',
    '9'.repeat(30),
  ])("'%s' is none", (text) => {
    expect(parseBytes(text)).toBeUndefined();
  });
});
