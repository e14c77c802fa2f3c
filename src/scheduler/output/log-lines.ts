import { printable } from '../../util/words';

/** How much a line of a build's output tells of why it failed. */
export type LineKind =
  /** Names what is wrong: a compiler's error, a package that is missing, a test that failed. */
  | 'cause'
  /** Sounds wrong, and often is harmless. */
  | 'suspect'
  /** Follows from an error before it: a target that was not made, a linker's exit status. */
  | 'consequence'
  /** The last word of rpmbuild, or of the toolkit's worker program. */
  | 'verdict'
  /** A command that is about to run. */
  | 'command'
  | 'other';

interface Pattern {
  test(line: string): boolean;
}

function anyOf(...patterns: readonly RegExp[]): Pattern {
  return { test: (line) => patterns.some((pattern) => pattern.test(line)) };
}

/** Only lines with one of these words are looked at closely. */
const WORTH_A_LOOK =
  /error|exception|fail|fatal|panic|undefined|cannot|can't|not found|not ok|no such|needed by|denied|no space|no rule|killed|fault|dumped|memory|\*\*\*|E {3}|\.go:\d|available|unable|unpackaged|stopped|timed out|check done|assert|multiple def/i;

const HARMLESS = anyOf(
  /\b(?:0|no) (?:errors?|failures?|failed)\b/i,
  /^checking (?:for|whether|if|that|how)\b/,
  /not a git repository/i,
  /^(?:ok|PASS|PASSED|XFAIL)\b/,
  / \.\.\. (?:ok|ignored|skipped|passed)\b/i,
  // What make was told to ignore.
  /\(ignored\)$/,
  // A compiler's warning that speaks of an error.
  /^\S+: warning: (?!.*\berror: )/,
  // The counters of automake and of test harnesses.
  /^#? ?(?:TOTAL|PASS|SKIP|XFAIL|FAIL|XPASS|ERROR): +\d+$/,
  /^not ok\b.*# *(?:TODO|SKIP)/i,
);

const COMMAND = anyOf(
  /^\++ \S/,
  /^(?:\S*\/)?(?:(?:ccache|distcc) )?(?:[\w.]+-)*(?:gcc|g\+\+|cc|c\+\+|clang|clang\+\+|ld|ar|gfortran|rustc|cargo|go|javac|python[\d.]*|perl|cmake|meson|ninja|g?make|libtool|install|patch|ocamlfind|ghc)(?:-[\d.]+)?(?: +\S.*)$/,
  /^(?:\/usr)?\/bin\/(?:ba)?sh (?:\S*\/)?(?:libtool|configure)\b/,
  /^libtool: (?:compile|link|install): /,
  // ninja's and kbuild's short forms.
  /^\[\d+\/\d+\] /,
  /^ {2}(?:CC|CXX|LD|AR|CCLD|CXXLD|HOSTCC|AS)(?: \[M\])? +\S+$/,
  /^ +(?:Compiling|Running) \S/,
);

const VERDICT = anyOf(
  /^error: Bad exit status from /,
  /^RPM build errors:/,
  /CHECK DONE .*EXIT STATUS (?!0\b)/,
  /\bbuild timed out after \S+$/,
  /^Failed to build SRPM\b/,
);

const CONSEQUENCE = anyOf(
  /^g?make(?:\[\d+\])?: \*\*\* \[/,
  /^g?make(?:\[\d+\])?: Target .* not remade because of errors/,
  /^ninja: build stopped/,
  /^collect2: error: ld returned/,
  /^clang.*: error: linker command failed/,
  /^error: could not compile /,
  /^error: aborting due to /,
  /^Some errors have detailed explanations/,
  /^-- Configuring incomplete/,
  /^Errors while running CTest/,
  /^The following tests FAILED:/,
  /^Result: FAIL/,
  /^FAIL$/,
  /^FAILED \(/,
  /^(?:=+ )?\d+ failed\b.* in [\d.]+s/,
  /^test result: FAILED/,
  /^error: (?:command .* failed with exit|subprocess-exited-with-error|metadata-generation-failed)/,
  /^error: test failed, to rerun/,
  /^ *× /,
  /^\[ERROR\] (?:Failed to execute goal|To see the full|Re-run Maven|For more information|-> \[Help|$)/,
  /^\s+Bad exit status from /,
);

const CAUSE = anyOf(
  // Compilers, linkers and most tools: "file:1:2: error: what".
  /^\S.*?:\d+(?::\d+)?(?:[-.]\d+)?: (?:fatal |internal compiler )?error\b/i,
  /(?:^|[\s:(])(?:fatal )?error(?:\[\w+\]|\([\w ]+\))?: /i,
  /(?:^|[\s:])ERROR (?:collecting|at) /,
  /undefined reference to |undefined symbol|multiple definition of |cannot find -l/,
  /^CMake Error\b/,
  /^(?:vet: )?(?:\.{0,2}\/)?[\w./@-]+\.go:\d+:\d+: /,
  /^go: .*(?:no required module|cannot find|not found|requires)/,
  /^\s*--- FAIL: |^FAIL[:\t]\s?\S|^ERROR[: ]\s*\S+(?:::|\.|$)/,
  // pytest: the line of a failed assertion, and its summary.
  /^E {3,}\S|^(?:FAILED|ERROR) \S+(?:::\S| - )/,
  /^(?:[\w]+\.)*\w*(?:Error|Exception|Interrupt|Exit)(?:: |$)/,
  /^not ok\b|^# +Failed test\b/,
  /^ *\d+\/\d+ Test +#\d+: .*\*\*\*|^\s*\d+ - \S+ \((?:Failed|Timeout|SEGFAULT|Not Run|Subprocess aborted)\)/,
  /^test .* \.\.\. FAILED$|panicked at |^panic: /,
  /^Can't locate \S+ in @INC|^Can't open |^BEGIN failed/,
  /(?:Hunk #\d+ FAILED|\d+ out of \d+ hunks? (?:FAILED|ignored))|^patch: \*\*\*\*|^can't find file to patch/,
  /No rule to make target|^g?make(?:\[\d+\])?: \*\*\* (?!\[)/,
  /: (?:command )?not found$/,
  /No space left on device|Cannot allocate memory|virtual memory exhausted|out of memory|OutOfMemoryError/i,
  /Segmentation fault|core dumped|Killed signal terminated program|internal compiler error|Assertion .* failed/,
  / is needed by \S+$|^No package \S+ available|^No match for argument|nothing provides |unable to install the following packages/i,
  /^\[ERROR\] \S|^npm (?:ERR!|error) (?!A complete log)|^FAILURE: |^BUILD FAILED/,
  /^! (?:LaTeX|Package|Undefined|Emergency)|^Unknown option|: syntax error/,
);

const SUSPECT = anyOf(
  /\bNo such file or directory\b|\bPermission denied\b|\bOperation not permitted\b|\bcannot \w+/i,
  /\b(?:fatal|error|failed|failure|aborted|exception)\b/i,
  /^Traceback \(most recent call last\)/,
);

export function kindOf(line: string): LineKind {
  if (COMMAND.test(line)) return 'command';
  if (!WORTH_A_LOOK.test(line) || HARMLESS.test(line)) return 'other';
  if (VERDICT.test(line)) return 'verdict';
  if (CONSEQUENCE.test(line)) return 'consequence';
  if (CAUSE.test(line)) return 'cause';
  return SUSPECT.test(line) ? 'suspect' : 'other';
}

/** The worker's own lines: `time="…" level=debug msg="…"` in its log, `ERRO[0012][pkgworker] …` on its stderr. */
const LOGRUS = /^time="?[^"]*"? level=(\w+) msg=(?:"((?:[^"\\]|\\.)*)"|(\S*))/;
const SHORT = /^(TRAC|DEBU|INFO|WARN|ERRO|FATA|PANI)\[\d+\](?:\[[\w-]+\])? /;
const LOUD = /^(?:error|fatal|panic|erro|fata|pani)$/i;

/** A line of output as a person would read it. */
export interface ReadLine {
  readonly text: string;
  /** The worker program itself calls it an error. */
  readonly isWorkersError: boolean;
}

const MOST_CHARACTERS = 4096;

/** Lines as their programs wrote them: without the wrapping of the worker's log, colours, and what a progress bar has overwritten. */
export function unwrap(raw: string): ReadLine[] {
  const line = raw.length > MOST_CHARACTERS ? raw.slice(0, MOST_CHARACTERS) : raw;
  const wrapped = LOGRUS.exec(line);
  if (wrapped) {
    const [, level = '', quoted, bare] = wrapped;
    const isWorkersError = LOUD.test(level);
    const message = quoted === undefined ? (bare ?? '') : unquoted(quoted);
    return message.split('\n').map((text) => ({ text: visible(text), isWorkersError }));
  }
  const shown = visible(line);
  const short = SHORT.exec(shown);
  if (!short) return [{ text: shown, isWorkersError: false }];
  return [{ text: shown.slice(short[0].length), isWorkersError: LOUD.test(short[1] as string) }];
}

function visible(text: string): string {
  const ended = text.endsWith('\r') ? text.slice(0, -1) : text;
  return printable(ended.slice(ended.lastIndexOf('\r') + 1)).trimEnd();
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', a: '\u0007', b: '\b', f: '\f', v: '\v' };

/** Go quotes as C does, with code points as `\xNN`, `\uNNNN` and `\UNNNNNNNN`. */
function unquoted(text: string): string {
  return text.replaceAll(
    /\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|U([0-9a-f]{8})|(.))/gi,
    (_, x: string | undefined, u: string | undefined, U: string | undefined, character: string | undefined) => {
      const code = x ?? u ?? U;
      if (code !== undefined) return String.fromCodePoint(Math.min(Number.parseInt(code, 16), 0x10ffff));
      return ESCAPES[character as string] ?? (character as string);
    },
  );
}
