import { formatDuration, formatGoDuration, parseDuration } from '../../src/util/duration';

describe('a duration in Go’s syntax', () => {
  test.each([
    ['0', 0],
    ['0s', 0],
    ['8h', 28_800_000],
    ['90m', 5_400_000],
    ['1h30m', 5_400_000],
    ['1h1m1s1ms', 3_661_001],
    ['1m1h', 3_660_000],
    ['1m1m', 120_000],
    ['1.5s', 1500],
    ['.5s', 500],
    ['1.s', 1000],
    ['250ms', 250],
    ['1ms', 1],
    ['1500us', 1.5],
    ['1500µs', 1.5],
    ['1500μs', 1.5],
    ['2000000ns', 2],
    ['+5s', 5000],
    ['-5s', -5000],
    ['-1h30m', -5_400_000],
    ['99h', 356_400_000],
    ['0.5h0.5m', 1_830_000],
    ['007s', 7000],
    ['2562047h47m16s', 9_223_372_036_000],
  ])('%s is %d ms', (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  test.each([
    ['+0', 0],
    ['-0', 0],
  ])('%s is none at all, with a sign', (text, ms) => {
    expect(Math.abs(parseDuration(text) ?? Number.NaN)).toBe(ms);
  });

  test.each([
    '',
    ' ',
    '5',
    's',
    '1d',
    '1w',
    '5 s',
    ' 5s',
    '5s ',
    '5S',
    '1H',
    '--5s',
    '+-5s',
    '-',
    '+',
    '.s',
    '.',
    '1..5s',
    '1h-30m',
    '1e3s',
    '0x1s',
    '1h 30m',
    '1h30',
    'inf',
    '1,5s',
    '٣s',
    '5s\n',
    '2562048h',
    '9223372036854775808ns',
    '-9999999h',
    '2562047h2562047h',
  ])("'%s' is none", (text) => {
    expect(parseDuration(text)).toBeUndefined();
  });

  test('a very long text is refused quickly', () => {
    const startedAt = performance.now();
    expect(parseDuration('1'.repeat(50_000))).toBeUndefined();
    expect(parseDuration('1.'.repeat(25_000))).toBeUndefined();
    expect(parseDuration(`${'1.'.repeat(25_000)}x`)).toBeUndefined();
    expect(performance.now() - startedAt).toBeLessThan(1000);
  });
});

describe('a duration as Go prints it', () => {
  test.each([
    [0, '0s'],
    [1, '1ms'],
    [250, '250ms'],
    [1.5, '1.5ms'],
    [999, '999ms'],
    [1000, '1s'],
    [1500, '1.5s'],
    [1001, '1.001s'],
    [59_000, '59s'],
    [59_999, '59.999s'],
    [60_000, '1m0s'],
    [90_000, '1m30s'],
    [3_600_000, '1h0m0s'],
    [3_601_000, '1h0m1s'],
    [5_400_000, '1h30m0s'],
    [28_800_000, '8h0m0s'],
    [356_400_000, '99h0m0s'],
    [100, '100ms'],
    [-5000, '-5s'],
    [-90_500, '-1m30.5s'],
    [-250, '-250ms'],
  ])('%d ms is %s', (ms, text) => {
    expect(formatGoDuration(ms)).toBe(text);
  });

  test('parts of a millisecond are told in Go’s smaller units', () => {
    expect(formatGoDuration(0.25)).toBe('250µs');
    expect(formatGoDuration(0.0005)).toBe('500ns');
  });

  test('is read back as the same, to the nanosecond', () => {
    let seed = 1;
    for (let i = 0; i < 2000; i++) {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
      const ms = seed / (i % 3 === 0 ? 1 : i % 3 === 1 ? 1000 : 1e6);
      expect(Math.abs((parseDuration(formatGoDuration(ms)) as number) - ms)).toBeLessThan(1e-5);
      expect(formatGoDuration(ms)).not.toMatch(/60(\.0*)?s|60m|e/);
    }
  });

  test('never has sixty seconds in a minute', () => {
    expect(formatGoDuration(59_999.999_999_99)).toBe('1m0s');
    expect(formatGoDuration(3_599_999.999_999_9)).toBe('1h0m0s');
  });
});

describe('a duration for people', () => {
  test.each([
    [0, '0.00s'],
    [4, '0.00s'],
    [420, '0.42s'],
    [994, '0.99s'],
    [1000, '1.0s'],
    [12_340, '12.3s'],
    [59_900, '59.9s'],
    [59_949, '59.9s'],
    [59_950, '1m00s'],
    [60_000, '1m00s'],
    [247_000, '4m07s'],
    [3_599_000, '59m59s'],
    [3_599_600, '1h00m'],
    [3_600_000, '1h00m'],
    [7_500_000, '2h05m'],
    [7_559_000, '2h05m'],
    [356_400_000, '99h00m'],
  ])('%d ms is %s', (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });

  test('one that rounds up to a second is told as a second', () => {
    expect(formatDuration(999)).toBe('1.0s');
  });
});
