import { type Graph, GraphBuilder } from '../../src/graph/graph';
import { NodeState, NodeType } from '../../src/graph/node';
import { type PackageLists, resolveLists } from '../../src/graph/package-lists';
import { PackageLookup } from '../../src/graph/package-lookup';
import { UserError } from '../../src/util/user-error';

const { LocalRun, LocalBuild, RemoteRun, Test } = NodeType;
const NONE = { packages: [], rebuildPackages: [], ignoredPackages: [], tests: [], rerunTests: [], ignoredTests: [] };

interface Package {
  readonly name: string;
  readonly version?: string;
  readonly spec?: string;
  readonly tested?: boolean;
  readonly remote?: boolean;
}

/** Nodes by name: `zlib-1:build`. */
function graphOf(...packages: Package[]): Graph {
  const builder = new GraphBuilder();
  for (const { name, version = '1', spec = name, tested = false, remote = false } of packages) {
    const add = (type: NodeType, kind: string) =>
      builder.addNode({
        type,
        state: NodeState.Meta,
        name,
        version,
        specPath: `/specs/${spec}/${spec}.spec`,
        key: `${name}-${version}:${kind}`,
      });
    if (remote) {
      add(RemoteRun, 'remote');
      continue;
    }
    add(LocalRun, 'run');
    add(LocalBuild, 'build');
    if (tested) add(Test, 'test');
  }
  return builder.build();
}

/** Two versions of zlib, each with a sub-package; m4 is tested; openssl comes from elsewhere. */
const graph = graphOf(
  { name: 'zlib', version: '1.2', tested: true },
  { name: 'zlib-devel', version: '1.2', spec: 'zlib' },
  { name: 'zlib', version: '1.10' },
  { name: 'm4', tested: true },
  { name: 'tools', spec: 'busybox' },
  { name: 'busybox', spec: 'other' },
  { name: 'openssl', remote: true },
);
const resolved = (lists: Partial<PackageLists>, of = graph) => {
  const found = resolveLists(of, new PackageLookup(of), { ...NONE, ...lists });
  const keys = (nodes: Iterable<number>) => [...nodes].map((node) => of.field(node, 'key'));
  const { builds, tests, rebuild, ignore, unknownIgnored, notices } = found;
  return {
    builds: keys(builds),
    tests: keys(tests),
    rebuild: keys(rebuild),
    ignore: keys(ignore),
    unknownIgnored,
    notices,
  };
};
function failureOf(lists: Partial<PackageLists>, of = graph): string {
  try {
    resolved(lists, of);
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    return (error as Error).message;
  }
  throw new Error('expected an error');
}
const wish = (name: string, condition = '', version = '') => ({
  name,
  condition,
  version,
  sCondition: '',
  sVersion: '',
});

describe('a name to build', () => {
  test('is a spec first, and stands for all versions of all of its packages', () => {
    expect(resolved({ packages: ['zlib'] }).builds).toEqual([
      'zlib-1.2:build',
      'zlib-devel-1.2:build',
      'zlib-1.10:build',
    ]);
  });

  test('is a spec also where a package of another spec has the same name', () => {
    expect(resolved({ packages: ['busybox'] }).builds).toEqual(['tools-1:build']);
  });

  test('is else a package', () => {
    expect(resolved({ packages: ['zlib-devel'] }).builds).toEqual(['zlib-devel-1.2:build']);
    expect(resolved({ packages: ['tools'] }).builds).toEqual(['tools-1:build']);
  });

  test('that is a package stands for its highest version', () => {
    const two = graphOf({ name: 'a', version: '1.9', spec: 's9' }, { name: 'a', version: '1.10', spec: 's10' });
    expect(resolved({ packages: ['a'] }, two).builds).toEqual(['a-1.10:build']);
  });

  test('that is named twice, or in two lists, is built once', () => {
    const lists = { packages: ['m4', 'm4', 'tools'], rebuildPackages: ['tools', 'zlib-devel'] };
    expect(resolved(lists).builds).toEqual(['m4-1:build', 'tools-1:build', 'zlib-devel-1.2:build']);
  });

  test('is in neither list: the empty list stands for everything', () => {
    expect(resolved({})).toEqual({ builds: [], tests: [], rebuild: [], ignore: [], unknownIgnored: [], notices: [] });
  });

  test('that is only to be rebuilt restricts what is built', () => {
    expect(resolved({ rebuildPackages: ['m4'] })).toMatchObject({
      builds: ['m4-1:build'],
      rebuild: ['m4-1:build'],
      tests: [],
    });
  });
});

describe('a name to test', () => {
  test('stands for the tests of a spec, or of a package', () => {
    expect(resolved({ tests: ['zlib'], rerunTests: ['m4'] })).toMatchObject({
      builds: [],
      tests: ['zlib-1.2:test', 'm4-1:test'],
      rebuild: ['m4-1:test'],
    });
  });
});

describe('names that nobody knows', () => {
  test.each<[string, Partial<PackageLists>, string[]]>([
    [
      'to build',
      { packages: ['m4', 'nosuch'] },
      [
        'Failed to generate package list with error:',
        'failed to find nodes for the packages from the build list:',
        'failed to find package (nosuch) in the dependency graph',
      ],
    ],
    [
      'to rebuild',
      { rebuildPackages: ['nosuch'] },
      [
        'Failed to generate package list with error:',
        'failed to find nodes for the packages from the re-built list:',
        'failed to find package (nosuch) in the dependency graph',
      ],
    ],
    [
      'to build that come from elsewhere',
      { packages: ['openssl'] },
      [
        'Failed to generate package list with error:',
        'failed to find nodes for the packages from the build list:',
        "found package (openssl) but it doesn't have a package of the expected type",
      ],
    ],
    [
      'to test that have no test',
      { tests: ['tools'] },
      [
        'Failed to generate tests list with error:',
        'failed to find nodes for the packages from the build list:',
        "found package (tools) but it doesn't have a package of the expected type",
      ],
    ],
    [
      'to test again',
      { rerunTests: ['nosuch'] },
      [
        'Failed to generate tests list with error:',
        'failed to find nodes for the packages from the re-built list:',
        'failed to find package (nosuch) in the dependency graph',
      ],
    ],
    [
      'in several lists, all told at once',
      { packages: ['x', 'openssl', 'x'], rebuildPackages: ['y'], tests: ['z'] },
      [
        'Failed to generate package list with error:',
        'failed to find nodes for the packages from the build list:',
        'failed to find package (x) in the dependency graph',
        "found package (openssl) but it doesn't have a package of the expected type",
        'failed to find nodes for the packages from the re-built list:',
        'failed to find package (y) in the dependency graph',
      ],
    ],
  ])('%s are an error in the words of the toolkit', (_, lists, lines) => {
    expect(failureOf(lists)).toBe(lines.join('\n'));
  });

  test('to ignore are told and passed over', () => {
    expect(resolved({ ignoredPackages: ['x', 'm4', 'openssl'], ignoredTests: ['tools', 'zlib'] })).toMatchObject({
      ignore: ['m4-1:build', 'zlib-1.2:test'],
      unknownIgnored: ['x', 'openssl', 'tools'],
    });
  });

  test.each(['__proto__', 'constructor', ''])("may be '%s'", (name) => {
    expect(failureOf({ packages: [name] })).toContain(`failed to find package (${name})`);
  });
});

describe('what is to be ignored and forced', () => {
  test('is an error that names the packages', () => {
    expect(failureOf({ ignoredPackages: ['zlib', 'm4'], rebuildPackages: ['m4', 'zlib-devel', 'tools'] })).toBe(
      "Failed to generate package list with error:\ncan't ignore and force a re-build of a package at the same time. Abusing packages: (m4, zlib-devel)",
    );
  });

  test('is an error of tests too, in the same words', () => {
    expect(failureOf({ ignoredTests: ['m4'], rerunTests: ['m4'] })).toBe(
      "Failed to generate tests list with error:\ncan't ignore and force a re-build of a package at the same time. Abusing packages: (m4)",
    );
  });

  test('are different things where one is a package and the other its test, or another version', () => {
    expect(resolved({ ignoredTests: ['m4'], rebuildPackages: ['m4'] }).ignore).toEqual(['m4-1:test']);
    const two = graphOf({ name: 'a', version: '1', spec: 's1' }, { name: 'a', version: '2', spec: 's2' });
    expect(resolved({ ignoredPackages: ['s1'], rebuildPackages: ['s2'] }, two)).toMatchObject({
      ignore: ['a-1:build'],
      rebuild: ['a-2:build'],
    });
  });

  test('may be built and ignored', () => {
    expect(resolved({ ignoredPackages: ['m4'], packages: ['m4'] })).toMatchObject({
      builds: ['m4-1:build'],
      ignore: ['m4-1:build'],
    });
  });
});

describe('the packages of an image', () => {
  test('are built and tested where they are made here, beside what else is asked for', () => {
    const found = resolved({
      packages: ['tools'],
      imagePackages: [wish('m4'), wish('openssl'), wish('zlib-devel'), wish('nosuch')],
    });
    expect(found).toMatchObject({
      builds: ['tools-1:build', 'm4-1:build', 'zlib-devel-1.2:build'],
      tests: ['m4-1:test'],
      rebuild: [],
    });
    expect(found.notices).toEqual([
      { level: 'debug', message: "Found external package to filter out: openssl:C:''V:'',C2:''V2:''." },
      { level: 'debug', message: "Found external package to filter out: nosuch:C:''V:'',C2:''V2:''." },
    ]);
  });

  test('are packages, never specs, and the highest version that will do', () => {
    const builds = (...wanted: Parameters<typeof wish>) => resolved({ imagePackages: [wish(...wanted)] }).builds;
    expect(builds('zlib')).toEqual(['zlib-1.10:build']);
    expect(builds('zlib', '=', '1.2')).toEqual(['zlib-1.2:build']);
    expect(builds('zlib', '<', '1.10')).toEqual(['zlib-1.2:build']);
    expect(builds('zlib', '>=', '1.2')).toEqual(['zlib-1.10:build']);
    expect(builds('zlib', '>', '2')).toEqual([]);
  });

  test('are each built once', () => {
    expect(resolved({ packages: ['m4'], imagePackages: [wish('m4'), wish('m4', '>=', '1')] }).builds).toEqual([
      'm4-1:build',
    ]);
  });
});

test('a name that means a package from elsewhere, although a local one would do, is told once', () => {
  const both = graphOf({ name: 'a', version: '1' }, { name: 'a', version: '2', remote: true });
  const { notices, builds } = resolved({ imagePackages: [wish('a'), wish('a')], ignoredPackages: [] }, both);
  expect(builds).toEqual([]);
  expect(notices.filter(({ level }) => level === 'warning')).toEqual([
    {
      level: 'warning',
      message:
        "Resolving 'a:C:''V:'',C2:''V2:''' to remote node 'a(2,):<ID:2 Type:Remote State:Meta Rpm:> from '' in ''' instead of local node 'a(1,):<ID:0 Type:Run State:Meta Rpm:> from '' in '''",
    },
  ]);
});
