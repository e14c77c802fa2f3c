import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { compareRpmVersions, compareSegments, parseRpmVersion } from '../../src/graph/versions/rpm-versions';
import { withTempDir } from '../support/command';
import { HAS_RPM } from '../support/rpm-vercmp';

const compare = (a: string, b: string): number => Math.sign(compareRpmVersions(parseRpmVersion(a), parseRpmVersion(b)));

describe('rpm’s order of versions', () => {
  test.each([
    ['1.0', '1.0~rc1', '~ comes before the end'],
    ['1.0~rc1', '1.0~~', '~ comes before everything'],
    ['1.0~rc2', '1.0~rc1', 'what follows ~ counts'],
    ['1.0^git1', '1.0', '^ comes after the end'],
    ['1.0.1', '1.0^git1', '^ comes before everything else'],
    ['1.0^', '1.0', 'also with nothing behind it'],
    ['1.0^20240102', '1.0^20240101', 'what follows ^ counts'],
    ['1.0^a~b', '1.0~a^b', 'both in one version'],
    ['1.9', '1.a', 'digits beat letters'],
    ['1.B', '1.A', 'capitals are letters'],
    ['1.a', '1.B', 'and come before small letters'],
    ['1.ab', '1.a', 'the longer word is later'],
    ['1.10', '1.9', 'parts are numbers'],
    ['1.1', '1', 'longer is later'],
    ['20240101123045', '20230101123045', 'numbers may be long'],
    ['99999999999999999999999999', '99999999999999999999999998', 'and longer'],
    ['2:1.2.1', '4.2.2.1', 'an epoch comes before all else'],
    ['1:0', '99', 'none is epoch 0'],
    ['10:0', '9:0', 'epochs are numbers'],
    ['1-2', '1-1', 'releases decide between equal versions'],
    ['1-1~a', '1-1~', '~ and ^ work in releases too'],
  ])('%s is later than %s: %s', (high, low) => {
    expect([compare(high, low), compare(low, high)]).toEqual([1, -1]);
  });

  test.each([
    ['1.0', '1_0', 'what separates does not matter'],
    ['1..0', '1.0', 'nor how much of it'],
    ['1.0.', '1.0', 'nor whether something follows'],
    ['1.002', '1.2', 'leading zeros say nothing'],
    ['1.0', '1.00', 'zero is zero'],
    ['0:1', '1', 'no epoch is epoch 0'],
    [':1', '1', 'an empty epoch too'],
    ['1-1', '1', 'a release counts only if both have one'],
    ['', '.', 'separators are nothing'],
    ['1a', '1.a', 'digits and letters part each other'],
    ['1é', '1', 'letters beyond ASCII only separate'],
  ])('%s is equal to %s: %s', (a, b) => {
    expect([compare(a, b), compare(b, a)]).toEqual([0, 0]);
  });

  test('a version is the text before the last dash', () => {
    expect(parseRpmVersion('2:1.0-beta-3.azl3')).toEqual({ epoch: '2', version: '1.0-beta', release: '3.azl3' });
    expect(parseRpmVersion('a:1')).toEqual({ epoch: '0', version: 'a:1', release: '' });
  });
});

describe('compared with rpm itself', () => {
  const random = (() => {
    let seed = 20_261_121;
    return (below: number): number => {
      seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
      return Math.floor((seed / 2 ** 32) * below);
    };
  })();
  const pick = <T>(from: readonly T[]): T => from[random(from.length)] as T;
  const PARTS = [
    '0',
    '1',
    '2',
    '9',
    '10',
    '007',
    '00',
    '20240101123045',
    'a',
    'b',
    'ab',
    'B',
    'rc',
    'Z',
    '~',
    '^',
    '.',
    '_',
    '+',
    '..',
  ];
  const part = (length: number) => Array.from({ length: 1 + random(length) }, () => pick(PARTS)).join('');

  /** What rpm prints for each pair, all in one process. */
  const rpmSays = (pairs: readonly (readonly [string, string])[], dir: string): number[] => {
    const file = join(dir, 'pairs');
    writeFileSync(file, pairs.map(([a, b]) => `${a}\n${b}\n`).join(''));
    const lua = `local next = io.lines("${file}"); for a in next do print(rpm.vercmp(a, next()) .. " ") end`;
    const { stdout, stderr, status } = spawnSync('rpm', ['--eval', `%{lua:${lua}}`], {
      encoding: 'utf8',
      maxBuffer: 2 ** 26,
    });
    expect([status, stderr]).toEqual([0, '']);
    return stdout.trim().split(' ').map(Number);
  };
  const expectAgreement = (pairs: [string, string][]) =>
    withTempDir((dir) => {
      const said = rpmSays(pairs, dir);
      expect(said).toHaveLength(pairs.length);
      const wrong = pairs.flatMap(([a, b], i) =>
        compare(a, b) === said[i] ? [] : [`${a} ${b}: ${compare(a, b)}, rpm ${said[i]}`],
      );
      expect(wrong).toEqual([]);
      // A comparison that always says 0 would agree with nothing.
      expect(new Set(said)).toEqual(new Set([-1, 0, 1]));
    });

  const testWithRpm: typeof test.skip = HAS_RPM ? test : test.skip;

  testWithRpm('10,000 random versions (needs rpm)', () =>
    expectAgreement(Array.from({ length: 10_000 }, () => [`1${part(5)}`, `1${part(5)}`])),
  );

  testWithRpm('5,000 versions that differ in one place (needs rpm)', () =>
    expectAgreement(
      Array.from({ length: 5000 }, () => {
        const [head, tail] = [part(3), part(3)];
        return [`1${head}${pick(PARTS)}${tail}`, `1${head}${pick(PARTS)}${tail}`];
      }),
    ),
  );

  testWithRpm('5,000 random versions with epochs and releases (needs rpm)', () =>
    expectAgreement(
      Array.from({ length: 5000 }, () => {
        const one = () =>
          `${pick(['', '0:', '1:', '2:', '10:'])}${pick(['1', '2', '1.0'])}${pick(['', '~rc', '^git'])}-${part(3)}`;
        return [one(), one()];
      }),
    ),
  );
});

test('parts of versions are put in one order, whichever way they are asked', () => {
  const inOrder = [
    '~~',
    '~',
    '~1',
    '',
    '^~',
    '^',
    '^1',
    'A',
    'a',
    'ab',
    'b',
    '0',
    '0^',
    '0a',
    '1',
    '9',
    '10',
    '20240101123045',
  ];
  for (let i = 0; i < inOrder.length; i++) {
    for (let j = 0; j < inOrder.length; j++) {
      const order = Math.sign(compareSegments(inOrder[i] as string, inOrder[j] as string));
      if (Math.sign(i - j) !== order) throw new Error(`${inOrder[i]} and ${inOrder[j]}: ${order}`);
    }
  }
});
