/** Where in a user's input something is wrong. */
export interface InputPlace {
  readonly file?: string;
  /** 1-based. */
  readonly line?: number;
}

/**
 * An error that the user can mend: bad input, a missing file, an impossible combination of flags.
 * Its message is one line that says what is wrong, where, and what to do; it is printed without a stack trace.
 * Everything else that is thrown is a bug of ours.
 */
export class UserError extends Error {
  override readonly name = 'UserError';
  readonly place: InputPlace | undefined;

  constructor(message: string, place?: InputPlace) {
    super(place?.file === undefined ? message : `${place.file}${place.line ? `:${place.line}` : ''}: ${message}`);
    this.place = place;
  }
}

/** What the operating system said, in words that fit behind a path: `no such file or directory`. */
export function describeSystemError(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  switch (code) {
    case 'ENOENT':
      return 'no such file or directory';
    case 'EISDIR':
      return 'is a directory, not a file';
    case 'ENOTDIR':
      return 'is not a directory';
    case 'EACCES':
    case 'EPERM':
      return 'permission denied';
    case 'ENOSPC':
      return 'no space left on device';
    case 'ENAMETOOLONG':
      return 'file name too long';
    default:
      return message ?? String(error);
  }
}
