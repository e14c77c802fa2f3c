import { readFileSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { JsonLines, type JsonPath, parseJson } from '../util/json-text';
import { describeSystemError, UserError } from '../util/user-error';

/** A package that an image has, as its configuration names it: `zlib`, `zlib=1.3`, `zlib >= 1.3`. */
export interface ImagePackage {
  readonly name: string;
  /** `=`, `<`, `<=`, `>`, `>=`, or empty for any version. */
  readonly condition: string;
  readonly version: string;
  /** An image names one bound at most; a dependency may have two. */
  readonly sCondition: '';
  readonly sVersion: '';
}

/**
 * The packages of an image of the toolkit: those of its package lists, those named in the configuration itself, and its kernels, of all its
 * system configurations. The rest of the file is not looked at.
 *
 * @param baseDir where relative paths of package lists start. Default: the configuration's folder
 * @throws UserError naming the file, and the line where there is one
 */
export function readImageConfig(path: string, baseDir: string = dirname(path)): ImagePackage[] {
  const config = JsonFile.read(
    path,
    (why) => new UserError(`cannot read the image configuration: ${why}`, { file: path }),
  );
  const systems = config.list(config.root, [], 'SystemConfigs');
  if (systems.length === 0) {
    throw config.error(
      [],
      'config file must provide at least one system configuration inside the [SystemConfigs] field',
    );
  }
  const packages = systems.map(([system, way]) => {
    const lists = config.list(system, way, 'PackageLists');
    const listed = lists.flatMap((list) => packagesOfList(config.text(...list), config, list[1], baseDir));
    return [...listed, ...config.list(system, way, 'Packages').map((entry) => packageFrom(config, ...entry))];
  });
  return [...packages.flat(), ...systems.flatMap((system) => kernels(config, ...system))];
}

function packagesOfList(list: string, config: JsonFile, way: JsonPath, baseDir: string): ImagePackage[] {
  const path = resolve(baseDir, list);
  const file = JsonFile.read(path, (why) => config.error(way, `cannot read the package list ${path}: ${why}`));
  return file.list(file.root, [], 'Packages').map((entry) => packageFrom(file, ...entry));
}

/** A name, and perhaps a condition and a version. */
const ENTRY = /^\s*([^><=\s]+)\s*(?:([<>]=?|=)\s*([^<>=\s]+))?\s*$/;

function packageFrom(file: JsonFile, value: unknown, way: JsonPath): ImagePackage {
  const text = file.text(value, way);
  const [, name, condition = '', version = ''] = ENTRY.exec(text) ?? [];
  if (name === undefined) {
    throw file.error(
      way,
      `packages list entry "${text}" does not match the '[name][optional_condition][optional_version]' format`,
    );
  }
  return { name, condition, version, sCondition: '', sVersion: '' };
}

/** Kernels are given by option. Keys that begin with `_` are remarks. */
function kernels(config: JsonFile, system: unknown, way: JsonPath): ImagePackage[] {
  const [options, optionsWay] = config.field(system, way, 'KernelOptions');
  if (options === undefined || options === null) return [];
  return Object.entries(config.object(options, optionsWay)).flatMap(([option, value]) => {
    if (option.startsWith('_')) return [];
    const kernel = basename(config.text(value, [...optionsWay, option]).trim());
    if (kernel === '') {
      throw config.error([...optionsWay, option], `empty kernel entry found in the [KernelOptions] field (${option})`);
    }
    return [{ name: kernel, condition: '', version: '', sCondition: '', sVersion: '' }];
  });
}

/** A JSON file, and where in it things stand. */
class JsonFile {
  private lines: JsonLines | undefined;

  private constructor(
    private readonly path: string,
    private readonly source: string,
    readonly root: unknown,
  ) {}

  static read(path: string, refuse: (why: string) => UserError): JsonFile {
    let source: string;
    try {
      source = readFileSync(path, 'utf8');
    } catch (error) {
      throw refuse(describeSystemError(error));
    }
    return new JsonFile(path, source, parseJson(source, path));
  }

  /** The value of a key, however its letters are cased: Go reads JSON so. What is written exactly so comes first. */
  field(value: unknown, way: JsonPath, name: string): [unknown, JsonPath] {
    const object = this.object(value, way);
    const key = Object.hasOwn(object, name)
      ? name
      : (Object.keys(object).find((other) => other.toLowerCase() === name.toLowerCase()) ?? name);
    return [Object.hasOwn(object, key) ? object[key] : undefined, [...way, key]];
  }

  /** The elements of a list below a key; none where it is missing. */
  list(value: unknown, way: JsonPath, name: string): [unknown, JsonPath][] {
    const [found, listWay] = this.field(value, way, name);
    if (found === undefined || found === null) return [];
    if (!Array.isArray(found)) throw this.error(listWay, `${name} must be a list, not ${kindOf(found)}`);
    return found.map((element, index) => [element, [...listWay, index]]);
  }

  object(value: unknown, way: JsonPath): Readonly<Record<string, unknown>> {
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
    throw this.error(way, `${nameOf(way)} must be an object, not ${kindOf(value)}`);
  }

  text(value: unknown, way: JsonPath): string {
    if (typeof value === 'string') return value;
    throw this.error(way, `${nameOf(way)} must be a text, not ${kindOf(value)}`);
  }

  error(way: JsonPath, message: string): UserError {
    this.lines ??= new JsonLines(this.source);
    return new UserError(message, { file: this.path, line: this.lines.of(way) });
  }
}

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' ? 'an object' : `a ${typeof value === 'string' ? 'text' : typeof value}`;
}

/** `SystemConfigs[0].Packages[2]`. */
function nameOf(way: JsonPath): string {
  const name = way.map((step) => (typeof step === 'number' ? `[${step}]` : `.${step}`)).join('');
  return name === '' ? 'the file' : name.replace(/^\./, '');
}
