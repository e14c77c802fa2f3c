import { statSync } from 'node:fs';
import { parseDuration } from '../util/duration';
import { parseUint64, parseWholeNumber } from '../util/go-numbers';
import { describeSystemError, UserError } from '../util/user-error';
import type { FlagSpec } from './flag-spec';

/** The greatest 64-bit number, which stands for no limit. */
export const NO_LIMIT = (1n << 64n) - 1n;

/**
 * The value of a flag, from its text; the path itself where it is one of a list of paths.
 *
 * @throws UserError where the text is none
 */
export function parseValue(spec: FlagSpec, raw: string): string | number {
  const checked = <T>(value: T | undefined, expected: string): T => {
    if (value === undefined) throw new UserError(`flag '--${spec.name}': expected ${expected}, got '${raw}'`);
    return value;
  };
  switch (spec.kind) {
    case 'existing-file':
    case 'existing-dir':
    case 'existing-dirs':
      checkPath(raw, spec.kind !== 'existing-file');
      return raw;
    case 'enum':
      if (!spec.values.includes(raw))
        throw new UserError(`enum value must be one of ${spec.values.join(',')}, got '${raw}'`);
      return raw;
    case 'int':
      return checked(parseWholeNumber(raw), 'a whole number');
    case 'number': {
      const value = /^(inf|infinity)$/i.test(raw) ? Number.POSITIVE_INFINITY : Number(raw);
      return checked(raw.trim() === '' || Number.isNaN(value) ? undefined : value, 'a number');
    }
    case 'uint64': {
      const value = checked(parseUint64(raw), `a whole number from 0 to ${NO_LIMIT}`);
      return value === NO_LIMIT ? Number.POSITIVE_INFINITY : Number(value);
    }
    case 'duration':
      return checked(parseDuration(raw), 'a duration such as 8h, 90m or 1h30m');
    default:
      return raw;
  }
}

function checkPath(path: string, directory: boolean): void {
  let isDirectory: boolean;
  try {
    isDirectory = statSync(path).isDirectory();
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'does not exist' : describeSystemError(error);
    throw new UserError(`path '${path}' ${why}`);
  }
  if (isDirectory !== directory) throw new UserError(`'${path}' is a ${isDirectory ? 'directory' : 'file'}`);
}
