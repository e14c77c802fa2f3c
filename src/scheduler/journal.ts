import { closeSync, openSync, writeSync } from 'node:fs';
import { describeSystemError, UserError } from '../util/user-error';
import type { BuildEvent, BuildListener } from './events';

const FLUSH_BYTES = 64 * 1024;

/**
 * Writes every event of a run to a file, one JSON object a line, in order. Lines are gathered and written together; the
 * end of each job is on disk before the next turn of the event loop, so a killed run leaves all that was known.
 */
export class Journal {
  private readonly fd: number;
  private gathered = '';
  private scheduled = false;
  private failed = false;
  private closed = false;

  /** @throws UserError when the file cannot be made */
  constructor(
    readonly path: string,
    private readonly onError: (message: string) => void = () => {},
  ) {
    try {
      this.fd = openSync(path, 'wx');
    } catch (error) {
      throw new UserError(`cannot write the journal ${path}: ${describeSystemError(error)}`);
    }
  }

  readonly listener: BuildListener = (event: BuildEvent) => {
    if (this.failed || this.closed) return;
    this.gathered += `${JSON.stringify(event)}\n`;
    // The first line at once: without it the rest cannot be read.
    if (event.type === 'run-started' || this.gathered.length > FLUSH_BYTES) this.flush();
    else if (!this.scheduled) {
      this.scheduled = true;
      setImmediate(() => {
        this.scheduled = false;
        this.flush();
      });
    }
  };

  close(): void {
    if (this.closed) return;
    this.flush();
    this.closed = true;
    closeSync(this.fd);
  }

  /** A full disk must not stop the build: it is said once, and the journal ends there. */
  private flush(): void {
    if (this.gathered === '' || this.failed) return;
    const bytes = Buffer.from(this.gathered);
    this.gathered = '';
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(this.fd, bytes, at);
    } catch (error) {
      this.failed = true;
      this.onError(`the journal ${this.path} ends here: ${describeSystemError(error)}`);
    }
  }
}
