import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { parseJson } from '../../util/json-text';
import { describeSystemError, UserError } from '../../util/user-error';
import { printable } from '../../util/words';
import type { PackageRecord, PackageVersion } from './package-record';

/** A file larger than this is not unpacked: no list of packages is, and a small gzip file can hold a great deal of nothing. */
const MAX_UNPACKED_BYTES = 2 ** 29 - 24;

const TEXTS = ['SrpmPath', 'RpmPath', 'SourceDir', 'SpecPath', 'Architecture'] as const;
const LISTS = ['Requires', 'BuildRequires', 'TestRequires'] as const;
const SWITCHES = ['IsToolchain', 'RunTests'] as const;
const VERSION_TEXTS = ['Name', 'Version', 'Condition', 'SVersion', 'SCondition'] as const;

/**
 * Reads the toolkit's `specs.json`: `{"Repo": [record, …]}`, also gzipped. Fields that a record leaves out, and lists that are null, are empty;
 * fields that it should not have are passed by.
 *
 * @throws UserError naming the file, the record (counted from 0) and the field
 */
export function readPackageRecords(file: string): PackageRecord[] {
  const json = parseJson(readText(file), file) as { Repo?: unknown } | null;
  const repo = json?.Repo;
  if (!Array.isArray(repo)) {
    throw new UserError(
      'expected the toolkit\'s list of packages, {"Repo": [record, …]}, but there is no list "Repo"',
      {
        file,
      },
    );
  }
  return repo.map((record: unknown, index) => new RecordReader(file, index).read(record));
}

type JsonObject = Readonly<Record<string, unknown>>;

class RecordReader {
  constructor(
    private readonly file: string,
    private readonly index: number,
  ) {}

  read(given: unknown): PackageRecord {
    const from = this.object(given, 'the record');
    const record: Record<string, unknown> = { Provides: this.version(from.Provides, 'Provides') };
    if ((record.Provides as PackageVersion).Name === '') this.fail('Provides.Name', 'a name', '');
    for (const field of TEXTS) record[field] = this.text(from[field], field);
    // The build is known by its SRPM alone, and the RPM by its file.
    for (const field of ['SrpmPath', 'RpmPath'] as const) if (record[field] === '') this.fail(field, 'a path', '');
    for (const field of LISTS) record[field] = this.list(from[field], field);
    for (const field of SWITCHES) record[field] = this.switch(from[field], field);
    return record as unknown as PackageRecord;
  }

  private list(given: unknown, field: string): PackageVersion[] {
    if (given === undefined || given === null) return [];
    if (!Array.isArray(given)) return this.fail(field, 'a list', given);
    return given.map((version: unknown, i) => this.version(version, `${field}[${i}]`));
  }

  private version(given: unknown, field: string): PackageVersion {
    const from = this.object(given, field);
    const version: Record<string, string> = {};
    for (const part of VERSION_TEXTS) version[part] = this.text(from[part], `${field}.${part}`);
    return version as unknown as PackageVersion;
  }

  private object(given: unknown, field: string): JsonObject {
    if (typeof given === 'object' && given !== null && !Array.isArray(given)) return given as JsonObject;
    return this.fail(field, 'an object', given);
  }

  private text(given: unknown, field: string): string {
    if (typeof given === 'string') return given;
    return given === undefined ? '' : this.fail(field, 'a text', given);
  }

  private switch(given: unknown, field: string): boolean {
    if (typeof given === 'boolean') return given;
    return given === undefined ? false : this.fail(field, 'true or false', given);
  }

  private fail(field: string, expected: string, found: unknown): never {
    const shown = found === undefined ? 'nothing' : printable(JSON.stringify(found)).slice(0, 60);
    throw new UserError(`record ${this.index}: ${field}: expected ${expected}, found ${shown}`, { file: this.file });
  }
}

function readText(file: string): string {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    throw new UserError(`cannot read the list of packages: ${describeSystemError(error)}`, { file });
  }
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) {
    try {
      bytes = gunzipSync(bytes, { maxOutputLength: MAX_UNPACKED_BYTES });
    } catch (error) {
      throw new UserError(`cannot unpack the gzip file: ${(error as Error).message}`, { file });
    }
  }
  return bytes.toString('utf8').replace(/^\uFEFF/, '');
}
