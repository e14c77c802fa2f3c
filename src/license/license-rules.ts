import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { JsonLines, type JsonPath, parseJson } from '../util/json-text';
import { describeSystemError, UserError } from '../util/user-error';
import { goRegExp } from './go-regexp';

/** Where `%license` puts files, in a folder for each package. */
export const LICENSE_FOLDER = '/usr/share/licenses';

interface NameRules {
  /** Found anywhere in a path. */
  readonly fuzzy: readonly RegExp[];
  /** Found in the name of a file, without its folder. */
  readonly verbatim: readonly RegExp[];
  /** What is like a licence by `fuzzy`, but is none. */
  readonly skip: readonly RegExp[];
}

interface ExceptionRules {
  readonly global: readonly RegExp[];
  readonly byPackage: ReadonlyMap<string, readonly RegExp[]>;
}

/** Which files look like licences, and which are never complained about: the toolkit's two files of regular expressions. */
export class LicenseRules {
  private constructor(
    private readonly names: NameRules,
    private readonly exceptions: ExceptionRules,
  ) {}

  /**
   * Reads the rules.
   *
   * @param nameFile as the toolkit's `license_file_names.json`
   * @param exceptionFile as the toolkit's `license_file_exceptions.json`. Default: no exceptions
   * @throws UserError naming file, line and expression
   */
  static read(nameFile: string, exceptionFile?: string): LicenseRules {
    return new LicenseRules(
      readNames(new RuleFile('names', nameFile)),
      exceptionFile ? readExceptions(new RuleFile('exceptions', exceptionFile)) : { global: [], byPackage: new Map() },
    );
  }

  /** Whether a file of that package looks like a licence. */
  looksLikeLicense(packageName: string, path: string): boolean {
    if (matches(this.names.verbatim, basename(path))) return true;
    const within = withoutLicenseFolder(packageName, path);
    return within !== '' && matches(this.names.fuzzy, within) && !matches(this.names.skip, within);
  }

  /** Whether the exceptions have it that a file of that package is right as it is. */
  isExcepted(packageName: string, path: string): boolean {
    return matches(this.exceptions.global, path) || matches(this.exceptions.byPackage.get(packageName) ?? [], path);
  }
}

function matches(expressions: readonly RegExp[], text: string): boolean {
  return expressions.some((expression) => expression.test(text));
}

/** Each path in the folder of licences has "license" in it; only what comes behind tells. Empty for that folder itself. */
function withoutLicenseFolder(packageName: string, path: string): string {
  if (!path.startsWith(LICENSE_FOLDER)) return path;
  // Some distributions' folders are name-version; for them this leaves the version, which says nothing.
  const ofPackage = `${LICENSE_FOLDER}/${packageName}`;
  return path.slice((path.startsWith(ofPackage) ? ofPackage : LICENSE_FOLDER).length).replace(/^\//, '');
}

function readNames(file: RuleFile): NameRules {
  const list = (key: string) => file.expressions([key], 'license names');
  return {
    fuzzy: list('FuzzyLicenseNamesRegexList'),
    verbatim: list('VerbatimLicenseNamesRegexList'),
    skip: list('SkipLicenseNamesRegexList'),
  };
}

function readExceptions(file: RuleFile): ExceptionRules {
  const byPackage = new Map<string, RegExp[]>();
  for (const index of file.list(['PkgExceptions']).keys()) {
    const name = file.text(['PkgExceptions', index, 'PackageName']);
    const ignored = file.expressions(['PkgExceptions', index, 'IgnoredFilesRegexList'], 'ignored files');
    byPackage.set(name, [...(byPackage.get(name) ?? []), ...ignored]);
  }
  return { global: file.expressions(['GlobalExceptionsRegexList'], 'global ignored files'), byPackage };
}

/** One of the two files. What is not there is empty, and keys that are not known are comments. */
class RuleFile {
  private readonly content: unknown;
  private readonly source: string;

  constructor(
    private readonly what: 'names' | 'exceptions',
    private readonly path: string,
  ) {
    try {
      this.source = readFileSync(path, 'utf8');
    } catch (error) {
      throw new UserError(`${this.failure}: ${describeSystemError(error)}`);
    }
    try {
      this.content = parseJson(this.source, path);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      const why = error.message.replace(/^.*?(?=not valid JSON)/s, '');
      throw new UserError(`${this.failure}: ${why}`, error.place);
    }
    if (!isObject(this.content) || Array.isArray(this.content)) throw this.wrong([], 'an object');
  }

  private get failure(): string {
    return `failed to read license ${this.what} file (${this.path})`;
  }

  list(path: JsonPath): readonly unknown[] {
    const value = this.at(path) ?? [];
    if (!Array.isArray(value)) throw this.wrong(path, 'a list');
    return value;
  }

  text(path: JsonPath): string {
    const value = this.at(path) ?? '';
    if (typeof value !== 'string') throw this.wrong(path, 'a text');
    return value;
  }

  expressions(path: JsonPath, purpose: string): RegExp[] {
    return [...this.list(path).keys()].map((index) => {
      const source = this.text([...path, index]);
      try {
        return goRegExp(source);
      } catch (error) {
        const why = (error as Error).message;
        throw new UserError(`failed to compile regex for ${purpose} (${source}): ${why}`, this.place([...path, index]));
      }
    });
  }

  private at(path: JsonPath): unknown {
    let value = this.content;
    for (const [depth, key] of path.entries()) {
      if (!isObject(value)) throw this.wrong(path.slice(0, depth), 'an object');
      value = (value as Record<string | number, unknown>)[key];
    }
    return value;
  }

  private wrong(path: JsonPath, expected: string): UserError {
    return new UserError(`${this.failure}: ${path.join('.') || 'it all'} must be ${expected}`, this.place(path));
  }

  private place(path: JsonPath): { readonly file: string; readonly line: number } {
    return { file: this.path, line: new JsonLines(this.source).of(path) };
  }
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null;
}
