import { hasErrors, hasWarnings, LICENSE_MODES, type RpmFindings } from '../../src/license/findings';
import { licenseResultsJson, licenseSummary, sortFindings } from '../../src/license/license-results';

const found = (rpmPath: string, lists: Partial<RpmFindings> = {}): RpmFindings => ({
  rpmPath,
  packageName: undefined,
  badDocs: [],
  badFiles: [],
  duplicatedDocs: [],
  spdxFindings: [],
  ...lists,
});

const DOC = { badDocs: ['doc'] };
const FILE = { badFiles: ['file'] };
const TWICE = { duplicatedDocs: ['twice'] };

test.each([
  ['all kinds', { ...DOC, ...FILE, ...TWICE }, 'error warning'],
  ['a bad document', DOC, 'error'],
  ['a bad file', FILE, 'error'],
  ['a duplicate', TWICE, 'warning'],
  ['a bad document and a bad file', { ...DOC, ...FILE }, 'error'],
  ['a bad document and a duplicate', { ...DOC, ...TWICE }, 'error warning'],
  ['a bad file and a duplicate', { ...FILE, ...TWICE }, 'error warning'],
  ['an RPM that cannot be read', { problem: 'broken' }, 'error'],
  ['nothing', {}, ''],
])('by default %s makes: %s %s', (_, lists, expected) => {
  const one = found('x', lists);
  const is = [hasErrors(one, 'fatal') && 'error', hasWarnings(one, 'fatal') && 'warning'];
  expect(is.filter(Boolean).join(' ')).toBe(expected);
});

describe('five RPMs in each mode', () => {
  const [r1, r2, r3, r4, r5] = [
    found('/path/to/rpm1', { badDocs: ['/d/1', '/d/2'], ...TWICE }),
    found('/path/to/rpm2', { badFiles: ['/d/1', '/d/2'], ...TWICE }),
    found('/path/to/rpm3', { badDocs: ['/d/1', '/d/2'] }),
    found('/path/to/rpm4'),
    found('/path/to/rpm5', TWICE),
  ] as const;
  const all = [r1, r2, r3, r5];

  test.each([
    ['fatal', { all, warnings: [r1, r2, r5], errors: [r1, r2, r3] }],
    ['pedantic', { all, warnings: [], errors: all }],
    ['warn', { all, warnings: all, errors: [] }],
    ['none', { all: [], warnings: [], errors: [] }],
  ] as const)('%s', (mode, expected) => {
    expect(sortFindings([r5, r4, r2, r1, r3], mode)).toEqual(expected);
  });
});

describe('the summary', () => {
  const BOTH = [
    found('/path/to/package.rpm', {
      badDocs: ['doc1', 'doc2'],
      badFiles: ['file1', 'file2'],
      duplicatedDocs: ['dupe1', 'dupe2'],
    }),
    found('/path/to/another-package.rpm', { duplicatedDocs: ['dupe3', 'dupe4'] }),
  ];

  test('fatal: RPMs with warnings only come first; duplicates are warnings', () => {
    expect(licenseSummary(BOTH, 'fatal')).toBe(
      [
        'WARN: (another-package.rpm) has license warnings:',
        '\tduplicated license files:',
        '\t\tdupe3',
        '\t\tdupe4',
        'ERROR: (package.rpm) has license errors:',
        '\tbad %doc files:',
        '\t\tdoc1',
        '\t\tdoc2',
        '\tbad general file:',
        '\t\tfile1',
        '\t\tfile2',
        'WARN: (package.rpm) has license warnings:',
        '\tduplicated license files:',
        '\t\tdupe1',
        '\t\tdupe2',
        '',
      ].join('\n'),
    );
  });

  test('pedantic: all are errors', () => {
    expect(licenseSummary(BOTH, 'pedantic')).toBe(
      [
        'ERROR: (another-package.rpm) has license errors:',
        '\tduplicated license files:',
        '\t\tdupe3',
        '\t\tdupe4',
        'ERROR: (package.rpm) has license errors:',
        '\tbad %doc files:',
        '\t\tdoc1',
        '\t\tdoc2',
        '\tbad general file:',
        '\t\tfile1',
        '\t\tfile2',
        '\tduplicated license files:',
        '\t\tdupe1',
        '\t\tdupe2',
        '',
      ].join('\n'),
    );
  });

  test('warn: all are warnings', () => {
    expect(licenseSummary(BOTH, 'warn')).toBe(
      [
        'WARN: (another-package.rpm) has license warnings:',
        '\tduplicated license files:',
        '\t\tdupe3',
        '\t\tdupe4',
        'WARN: (package.rpm) has license warnings:',
        '\tbad %doc files:',
        '\t\tdoc1',
        '\t\tdoc2',
        '\tbad general file:',
        '\t\tfile1',
        '\t\tfile2',
        '\tduplicated license files:',
        '\t\tdupe1',
        '\t\tdupe2',
        '',
      ].join('\n'),
    );
  });

  test('the shortest: one document', () => {
    const text = 'ERROR: (package.rpm) has license errors:\n\tbad %doc files:\n\t\tdoc\n';
    expect(licenseSummary([found('/path/to/package.rpm', DOC)], 'fatal')).toBe(text);
    expect(licenseSummary([found('/path/to/package.rpm', DOC)], 'pedantic')).toBe(text);
  });

  test('without findings it says so, in each mode', () => {
    for (const mode of LICENSE_MODES) {
      expect(licenseSummary([], mode)).toBe('No license issues found\n');
      expect(licenseSummary([found('fine.rpm')], mode)).toBe('No license issues found\n');
    }
    expect(licenseSummary(BOTH, 'none')).toBe('No license issues found\n');
  });

  test('an RPM that cannot be read is told of with the others', () => {
    const broken = found('/r/broken.rpm', { problem: 'it is not an RPM' });
    const text = '(broken.rpm) could not be checked:\n\tit is not an RPM\n';
    expect(licenseSummary([broken], 'fatal')).toBe(`ERROR: ${text}`);
    expect(licenseSummary([broken], 'pedantic')).toBe(`ERROR: ${text}`);
    expect(licenseSummary([broken], 'warn')).toBe(`WARN: ${text}`);
  });

  test('what SPDX has to say comes last, is a warning in each mode, and counts in none', () => {
    const odd = found('/r/odd.rpm', {
      spdxFindings: [
        { kind: 'not-spdx', tag: 'GPLv2+', why: "'GPLv2+' is not on SPDX's list" },
        { kind: 'not-in-tag', tag: 'MIT', file: '/l/COPYING.LIB', license: 'LGPL' },
      ],
    });
    const text = [
      'WARN: (odd.rpm) has SPDX warnings:',
      '\tLicense tag:',
      "\t\t'GPLv2+' is not an SPDX expression: 'GPLv2+' is not on SPDX's list",
      "\t\t/l/COPYING.LIB: LGPL is not in 'MIT'",
      '',
    ].join('\n');
    for (const mode of ['warn', 'fatal', 'pedantic'] as const) {
      expect(licenseSummary([odd], mode)).toBe(text);
      expect(licenseSummary([odd, found('/r/z.rpm', DOC)], mode)).toMatch(
        /^(WARN|ERROR): \(z\.rpm\).*\nWARN: \(odd\.rpm\)/s,
      );
      expect([hasErrors(odd, mode), hasWarnings(odd, mode)]).toEqual([false, false]);
    }
    expect(licenseSummary([odd], 'none')).toBe('No license issues found\n');
  });
});

describe('the results', () => {
  test('are JSON as the toolkit writes it: RPMs with findings, sorted, without what is empty', () => {
    const findings = [
      found('/r/c.rpm', { packageName: 'c', duplicatedDocs: ['/docs/COPY'] }),
      found('/r/b.rpm', { packageName: 'b' }),
      found('/r/a.rpm', { packageName: 'a', badDocs: ['/docs/1', '/docs/2'], badFiles: ['/f'] }),
    ];
    expect(licenseResultsJson(findings)).toBe(
      `[
 {
  "RpmPath": "/r/a.rpm",
  "PackageName": "a",
  "BadDocs": [
   "/docs/1",
   "/docs/2"
  ],
  "BadFiles": [
   "/f"
  ]
 },
 {
  "RpmPath": "/r/c.rpm",
  "PackageName": "c",
  "DuplicatedDocs": [
   "/docs/COPY"
  ]
 }
]`,
    );
  });

  test('are an empty list where there is nothing to tell', () => {
    expect(licenseResultsJson([])).toBe('[]');
    expect(licenseResultsJson([found('fine.rpm')])).toBe('[]');
  });

  test("have characters escaped as Go's encoder does", () => {
    const json = licenseResultsJson([found('/r/<a>&"b"\u2028ä.rpm', DOC)]);
    expect(json).toContain(String.raw`"/r/\u003ca\u003e\u0026\"b\"\u2028ä.rpm"`);
    expect(JSON.parse(json)).toEqual([{ RpmPath: '/r/<a>&"b"\u2028ä.rpm', BadDocs: ['doc'] }]);
  });

  test('tell what the toolkit does not know under names of its own', () => {
    const json = licenseResultsJson([
      found('/r/b.rpm', { spdxFindings: [{ kind: 'not-spdx', tag: 'X', why: 'no' }] }),
      found('/r/a.rpm', { problem: 'broken' }),
    ]);
    expect(JSON.parse(json)).toEqual([
      { RpmPath: '/r/a.rpm', Problem: 'broken' },
      { RpmPath: '/r/b.rpm', SpdxWarnings: ["'X' is not an SPDX expression: no"] },
    ]);
  });
});
