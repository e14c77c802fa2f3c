import { printable } from '../util/words';

/** What a person should know of a spec that was read. None of it keeps a graph from being made. */
export type SpecNotice =
  /** rpmspec found something odd, but could read the spec. */
  | { readonly type: 'spec-warning'; readonly specPath: string; readonly text: string }
  /** The spec says that it is not for this architecture; it gives no packages. */
  | { readonly type: 'spec-for-other-arch'; readonly specPath: string; readonly arch: string }
  /** The spec has no %files, and so builds no RPM. */
  | { readonly type: 'spec-without-rpms'; readonly specPath: string };

/** A notice in one line. */
export function specNoticeText(notice: SpecNotice): string {
  return printable(`${notice.specPath}: ${sentence(notice)}`);
}

function sentence(notice: SpecNotice): string {
  switch (notice.type) {
    case 'spec-warning':
      return notice.text;
    case 'spec-for-other-arch':
      return `left out: the spec is not for ${notice.arch}`;
    case 'spec-without-rpms':
      return 'left out: the spec has no %files, and so builds no RPM';
  }
}
