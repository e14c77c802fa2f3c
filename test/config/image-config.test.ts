import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { readImageConfig } from '../../src/config/image-config';
import { UserError } from '../../src/util/user-error';
import { makeTempDir, removeTempDir } from '../support/command';

let dir: string;
beforeEach(() => {
  dir = makeTempDir();
});
afterEach(() => removeTempDir(dir));

function write(name: string, content: unknown): string {
  const path = join(dir, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content, null, 2));
  return path;
}
/** The packages, each as `name condition version`. */
const read = (content: unknown, baseDir?: string) =>
  readImageConfig(write('image.json', content), baseDir).map(({ name, condition, version }) =>
    `${name} ${condition} ${version}`.trim(),
  );
function failureOf(content: unknown): string {
  try {
    read(content);
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    return (error as Error).message.replaceAll(dir, '');
  }
  throw new Error('expected an error');
}

describe('the packages of an image', () => {
  test('are those of its lists, then those in the configuration, then its kernels', () => {
    write('packagelists/core.json', { packages: ['filesystem', 'bash'] });
    write('packagelists/hyperv.json', { packages: ['hyperv-daemons'] });
    expect(
      read({
        Disks: [{ PartitionTableType: 'gpt' }],
        SystemConfigs: [
          {
            Name: 'Standard',
            PackageLists: ['packagelists/core.json', 'packagelists/hyperv.json'],
            Packages: ['vim'],
            KernelOptions: { _comment: 'none of these', default: 'kernel', hyperv: 'kernels/kernel-hyperv' },
          },
        ],
      }),
    ).toEqual(['filesystem', 'bash', 'hyperv-daemons', 'vim', 'kernel', 'kernel-hyperv']);
  });

  test('are those of all system configurations, as often as they are named', () => {
    expect(
      read({
        SystemConfigs: [
          { Packages: ['a'], KernelOptions: { default: 'k1' } },
          { Packages: ['a', 'b'], KernelOptions: { default: 'k2' } },
        ],
      }),
    ).toEqual(['a', 'a', 'b', 'k1', 'k2']);
  });

  test.each([
    ['zlib', 'zlib'],
    ['zlib=1.3', 'zlib = 1.3'],
    ['zlib = 1.3-2', 'zlib = 1.3-2'],
    ['  zlib  >=  1.3  ', 'zlib >= 1.3'],
    ['zlib>1', 'zlib > 1'],
    ['zlib<1', 'zlib < 1'],
    ['zlib<=1', 'zlib <= 1'],
    ['pkgconfig(zlib)', 'pkgconfig(zlib)'],
    ['/bin/sh', '/bin/sh'],
    ['gcc-c++ = 2:13', 'gcc-c++ = 2:13'],
  ])("may be named with a version: '%s'", (entry, expected) => {
    expect(read({ SystemConfigs: [{ Packages: [entry] }] })).toEqual([expected]);
  });

  test.each(['', ' ', 'zlib =', '= 1', 'zlib == 1', 'zlib => 1', 'a b', 'zlib >= 1 < 2', 'zlib !1'])(
    "'%s' names none",
    (entry) => {
      expect(failureOf({ SystemConfigs: [{ Packages: ['x', entry] }] })).toBe(
        `/image.json:6: packages list entry "${entry}" does not match the '[name][optional_condition][optional_version]' format`,
      );
    },
  );

  test('have no second bound, and can be looked up as they are', () => {
    expect(readImageConfig(write('i.json', { SystemConfigs: [{ Packages: ['a'] }] }))).toEqual([
      { name: 'a', condition: '', version: '', sCondition: '', sVersion: '' },
    ]);
  });
});

describe('package lists', () => {
  test('are looked for beside the configuration, or below the base folder', () => {
    write('list.json', { packages: ['beside'] });
    write('base/list.json', { packages: ['below'] });
    const config = { SystemConfigs: [{ PackageLists: ['list.json'] }] };
    expect(read(config)).toEqual(['beside']);
    expect(read(config, join(dir, 'base'))).toEqual(['below']);
  });

  test('may be named by whole paths', () => {
    const list = write('elsewhere/list.json', { packages: ['a'] });
    expect(read({ SystemConfigs: [{ PackageLists: [list] }] }, '/nowhere')).toEqual(['a']);
  });

  test('that are not there are told with the place that names them', () => {
    expect(failureOf({ SystemConfigs: [{ PackageLists: ['a/none.json'] }] })).toBe(
      '/image.json:5: cannot read the package list /a/none.json: no such file or directory',
    );
  });

  test('that are wrong are told by their own file and line', () => {
    write('list.json', '{\n  "packages": [\n    "a",\n    7\n  ]\n}');
    expect(failureOf({ SystemConfigs: [{ PackageLists: ['list.json'] }] })).toBe(
      '/list.json:4: packages[1] must be a text, not a number',
    );
    write('list.json', '{\n"packages": [\n');
    expect(failureOf({ SystemConfigs: [{ PackageLists: ['list.json'] }] })).toMatch(/^\/list\.json:\d: not valid JSON/);
  });

  test('may have no packages', () => {
    write('list.json', {});
    expect(read({ SystemConfigs: [{ PackageLists: ['list.json'], Packages: ['a'] }] })).toEqual(['a']);
  });
});

describe('names of fields', () => {
  test('may be cased otherwise, as Go reads JSON', () => {
    write('list.json', { PACKAGES: ['b'] });
    expect(
      read({ systemconfigs: [{ packages: ['a'], packageLists: ['list.json'], kerneloptions: { default: 'k' } }] }),
    ).toEqual(['b', 'a', 'k']);
  });

  test('that are written exactly so come first', () => {
    expect(read({ SystemConfigs: [{ packages: ['wrong'], Packages: ['right'] }] })).toEqual(['right']);
  });

  test('such as __proto__ and constructor do no harm', () => {
    const options = '"KernelOptions": {"constructor": "k", "__proto__": "a remark"}';
    expect(read(`{"SystemConfigs": [{"Packages": ["__proto__"], ${options}}]}`)).toEqual(['__proto__', 'k']);
    expect(failureOf('{"__proto__": {"SystemConfigs": [{"Packages": ["a"]}]}}')).toContain('at least one');
  });
});

describe('a configuration that makes no sense', () => {
  test.each<[string, unknown, string]>([
    ['is no JSON', '{', 'not valid JSON'],
    ['is a list', [], 'the file must be an object, not a list'],
    [
      'has no system',
      {},
      'config file must provide at least one system configuration inside the [SystemConfigs] field',
    ],
    ['has an empty list of systems', { SystemConfigs: [] }, 'at least one system configuration'],
    ['has a system that is a text', { SystemConfigs: ['x'] }, 'SystemConfigs[0] must be an object, not a text'],
    [
      'has packages that are an object',
      { SystemConfigs: [{ Packages: {} }] },
      'Packages must be a list, not an object',
    ],
    [
      'has a package that is null',
      { SystemConfigs: [{ Packages: [null] }] },
      'SystemConfigs[0].Packages[0] must be a text, not null',
    ],
    [
      'has kernels that are a list',
      { SystemConfigs: [{ KernelOptions: [] }] },
      'SystemConfigs[0].KernelOptions must be an object',
    ],
    [
      'has a kernel without a name',
      { SystemConfigs: [{ KernelOptions: { default: ' ' } }] },
      'empty kernel entry found in the [KernelOptions] field (default)',
    ],
    [
      'has a kernel that is a number',
      { SystemConfigs: [{ KernelOptions: { default: 6 } }] },
      'SystemConfigs[0].KernelOptions.default must be a text, not a number',
    ],
  ])('%s', (_, content, message) => {
    expect(failureOf(content)).toContain(message);
    expect(failureOf(content)).toMatch(/^\/image\.json:\d+: /);
  });

  test('is not there, or is a folder', () => {
    expect(() => readImageConfig(join(dir, 'none.json'))).toThrow(
      `${join(dir, 'none.json')}: cannot read the image configuration: no such file or directory`,
    );
    expect(() => readImageConfig(dir)).toThrow('is a directory');
  });

  test('null stands for nothing', () => {
    expect(read({ SystemConfigs: [{ Packages: null, PackageLists: null, KernelOptions: null }] })).toEqual([]);
  });
});
