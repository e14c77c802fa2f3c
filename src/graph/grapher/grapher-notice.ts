import { basename } from 'node:path';
import { printable } from '../../util/words';
import { type PackageRecord, type PackageVersion, versionText } from './package-record';

/** What a person should know of a graph that was made from package records. None of it keeps the graph from being made. */
export type GrapherNotice =
  /** A second RPM provides a name in a version that another provides already; it gets no nodes for that name. */
  | { readonly type: 'duplicate-provide'; readonly record: PackageRecord; readonly first: PackageRecord }
  /**
   * A local package would do, but somebody needs a higher version of it, which only a package from elsewhere can have; and the highest version
   * that will do is taken.
   */
  | {
      readonly type: 'remote-instead-of-local';
      readonly wanted: PackageVersion;
      readonly remote: PackageVersion;
      readonly local: PackageVersion;
    };

/** A notice in one line. */
export function grapherNoticeText(notice: GrapherNotice): string {
  return printable(sentence(notice));
}

function sentence(notice: GrapherNotice): string {
  if (notice.type === 'duplicate-provide') {
    const { record, first } = notice;
    const [second, one] = [basename(record.RpmPath), basename(first.RpmPath)];
    return `${versionText(record.Provides)} is provided by ${one} and ${second}; the first is taken`;
  }
  const { wanted, remote, local } = notice;
  return `resolving '${versionText(wanted)}' to remote '${versionText(remote)}' instead of local '${versionText(local)}'`;
}
