import { accessSync, constants } from 'node:fs';
import { resolve } from 'node:path';
import { parseBytes } from '../util/bytes';
import { formatGoDuration, parseDuration } from '../util/duration';
import type { JsonPath } from '../util/json-text';
import { shownEndpoint } from '../util/shown-endpoint';
import { describeSystemError } from '../util/user-error';
import { printable } from '../util/words';

/** Told what is wrong with a value, and where below it. Returns what a reader returns that has read nothing. */
export type Refuse = (reason: string, below?: JsonPath) => undefined;

/** A kind of value: how to read one from a text (environment, flags), and how to check one that is a value already (code, file). */
export interface Kind<T> {
  /** Undefined where the text was refused. */
  fromText(text: string, refuse: Refuse): T | undefined;
  /** Undefined where the value was refused. */
  fromValue(value: unknown, refuse: Refuse): T | undefined;
}

/** The longest time that a timer of Node's can wait, in milliseconds; as good as for ever. */
export const MAX_TIMER_MS = 2 ** 31 - 1;

const MAX_SHOWN = 60;

/** A value as it stands in a message; of what is put together, only its sort. Never for one that may be a secret. */
export function shown(value: unknown): string {
  if (typeof value === 'string') {
    const text = printable(value);
    return text.length > MAX_SHOWN ? `'${text.slice(0, MAX_SHOWN)}…'` : `'${text}'`;
  }
  if (typeof value === 'number' || typeof value === 'boolean' || value === null) return String(value);
  if (value === undefined) return 'nothing';
  return Array.isArray(value) ? 'an array' : typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

interface Reading<T> {
  /** What stands behind "expected". */
  readonly expected: string;
  readonly fromText: (text: string) => T | undefined;
  /** Default: texts, read like those of the environment. */
  readonly fromValue?: (value: unknown) => T | undefined;
  /** How a refused value is told. Default: as it is. */
  readonly show?: (value: unknown) => string;
}

function kind<T>({ expected, fromText, fromValue = ifText(fromText), show = shown }: Reading<T>): Kind<T> {
  const refused = (value: unknown, refuse: Refuse) => refuse(`expected ${expected}, got ${show(value)}`);
  return {
    fromText: (text, refuse) => fromText(text.trim()) ?? refused(text.trim(), refuse),
    fromValue: (value, refuse) => fromValue(value) ?? refused(value, refuse),
  };
}

function ifText<T>(read: (text: string) => T | undefined): (value: unknown) => T | undefined {
  return (value) => (typeof value === 'string' ? read(value) : undefined);
}

function isIn(number: unknown, least: number, most: number): number | undefined {
  return typeof number === 'number' && number >= least && number <= most ? number : undefined;
}

/** What JSON calls an object; undefined for anything else. */
export function asObject(value: unknown): Record<string, unknown> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined;
}

export const TEXT: Kind<string> = kind({
  expected: 'a text that is not empty, without control characters',
  fromText: (text) => (text === '' || /\p{Cc}/u.test(text) ? undefined : text),
});

/** A text that is taken as it is, blanks included, and never shown. */
export const SECRET: Kind<string> = {
  fromText: (text) => text,
  fromValue: (value, refuse) => (typeof value === 'string' ? value : refuse('expected a text')),
};

/** Go's set, which the guide's program reads. */
export const SWITCH: Kind<boolean> = kind({
  expected: 'true or false',
  fromText: (text) =>
    /^(1|t|T|true|TRUE|True)$/.test(text) ? true : /^(0|f|F|false|FALSE|False)$/.test(text) ? false : undefined,
  fromValue: (value) => (typeof value === 'boolean' ? value : undefined),
});

/** OpenTelemetry's own booleans: these two words, in capitals or not. */
export const OTEL_SWITCH: Kind<boolean> = kind({
  expected: 'true or false',
  fromText: (text) => (/^true$/i.test(text) ? true : /^false$/i.test(text) ? false : undefined),
});

export const RATIO: Kind<number> = kind({
  expected: 'a number from 0 to 1',
  fromText: (text) => (/^\+?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?$/i.test(text) ? isIn(Number(text), 0, 1) : undefined),
  fromValue: (value) => isIn(value, 0, 1),
});

export function whole(least: number, most = 2 ** 31 - 1): Kind<number> {
  return kind({
    expected: `a whole number from ${least} to ${most}`,
    fromText: (text) => (/^\d+$/.test(text) ? isIn(Number(text), least, most) : undefined),
    fromValue: (value) => (Number.isInteger(value) ? isIn(value, least, most) : undefined),
  });
}

/** Milliseconds: in code and files a number or a text in Go's syntax, elsewhere the text. */
export function duration(leastMs: number, mostMs = MAX_TIMER_MS): Kind<number> {
  const read = (ms: unknown) => {
    const found = isIn(ms, leastMs, mostMs);
    return found === undefined ? undefined : Math.round(found);
  };
  const most = mostMs === MAX_TIMER_MS ? 'to 596h' : 'on';
  const sort = `a duration from ${formatGoDuration(leastMs)} ${most}`;
  const fromText = (text: string) => read(parseDuration(text));
  return {
    fromText: kind({ expected: `${sort}, such as 15s, 1m30s or 500ms`, fromText }).fromText,
    fromValue: kind({
      expected: `${sort}, such as '15s', or milliseconds as a number`,
      fromText,
      fromValue: (value) => (typeof value === 'string' ? fromText(value) : read(value)),
    }).fromValue,
  };
}

/** A duration as OpenTelemetry's variables have it: whole milliseconds. */
export function otelMilliseconds(leastMs: number): Kind<number> {
  return kind({
    expected: `a whole number of milliseconds, ${leastMs} or more`,
    fromText: (text) => (/^\d+$/.test(text) ? isIn(Number(text), leastMs, MAX_TIMER_MS) : undefined),
  });
}

/** The same for a timeout, where none at all means no limit. */
export const OTEL_TIMEOUT: Kind<number> = {
  fromText: (text, refuse) => {
    const ms = otelMilliseconds(0).fromText(text, refuse);
    return ms === 0 ? MAX_TIMER_MS : ms;
  },
  fromValue: (_, refuse) => refuse('expected a text'),
};

/** Bytes: a whole number, or a text with a unit. */
export function bytes(least: number): Kind<number> {
  return kind({
    expected: `a size of ${least} bytes or more, such as 1048576 or 64MiB`,
    fromText: (text) => isIn(parseBytes(text), least, Number.MAX_SAFE_INTEGER),
    fromValue: (value) =>
      isIn(
        typeof value === 'string' ? parseBytes(value) : Number.isSafeInteger(value) ? value : undefined,
        least,
        Number.MAX_SAFE_INTEGER,
      ),
  });
}

/** One of a few words, in capitals or not; `others` are further words for the same. */
export function oneOf<const T extends string>(words: readonly T[], others: Readonly<Record<string, T>> = {}): Kind<T> {
  return kind({
    expected: alternatives(words),
    fromText: (text) =>
      wordIn(text, words) ?? (Object.hasOwn(others, text.toLowerCase()) ? others[text.toLowerCase()] : undefined),
  });
}

function wordIn<T extends string>(text: string, words: readonly T[]): T | undefined {
  return words.find((word) => word === text.toLowerCase());
}

/** `a, b or c`. */
export function alternatives(words: readonly string[]): string {
  return words.length < 2 ? words.join() : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
}

/** Several of a few words, each once; `none` alone, or an empty array, is none of them. */
export function someOf<T extends string>(words: readonly T[]): Kind<readonly T[]> {
  const expected = `${alternatives(words)}, or several of them separated by commas, or none`;
  const read = (given: readonly unknown[], refuse: Refuse, among: string): readonly T[] | undefined => {
    const found = new Set<T>();
    for (const item of given) {
      const word = typeof item === 'string' ? wordIn(item, words) : undefined;
      if (word === undefined) return refuse(`expected ${among}, got ${shown(item)}`);
      found.add(word);
    }
    return [...found];
  };
  return {
    fromText: (text, refuse) => {
      const given = commaSeparated(text);
      if (!given.some((item) => /^none$/i.test(item))) return read(given, refuse, expected);
      return given.length === 1 ? [] : refuse(`expected none to stand alone, got ${shown(text)}`);
    },
    fromValue: (value, refuse) => {
      const among = `an array of ${alternatives(words)}`;
      return Array.isArray(value) ? read(value, refuse, among) : refuse(`expected ${among}, got ${shown(value)}`);
    },
  };
}

export function commaSeparated(text: string): string[] {
  return text
    .split(',')
    .map((item) => item.trim())
    .filter(Boolean);
}

/** Keys of attributes: an array, or separated by commas. */
export const KEYS: Kind<readonly string[]> = kind({
  expected: 'names of attributes',
  fromText: (text) => keys(commaSeparated(text)),
  fromValue: (value) => (Array.isArray(value) ? (value.length === 0 ? [] : keys(value)) : undefined),
});

function keys(given: readonly unknown[]): readonly string[] | undefined {
  const found = given.filter((key) => typeof key === 'string' && key !== '');
  return found.length > 0 && found.length === given.length ? (found as string[]) : undefined;
}

/**
 * Pairs: in the environment `key=value,key=value`, percent-encoded, as W3C baggage has it; an object elsewhere, in which what
 * is undefined or empty was not said. Values are never shown.
 */
function pairs(wrong: (key: string, value: string) => string | undefined): Kind<Readonly<Record<string, string>>> {
  const check = (found: ReadonlyMap<string, string>, refuse: Refuse) => {
    for (const [key, value] of found) {
      const reason = wrong(key, value);
      if (reason !== undefined) return refuse(reason);
    }
    return Object.fromEntries(found);
  };
  return {
    fromText(text, refuse) {
      const found = new Map<string, string>();
      for (const pair of commaSeparated(text)) {
        const equals = pair.indexOf('=');
        if (equals <= 0) return refuse('expected key=value pairs separated by commas');
        try {
          found.set(
            decodeURIComponent(pair.slice(0, equals).trim()),
            decodeURIComponent(pair.slice(equals + 1).trim()),
          );
        } catch {
          return refuse('expected key=value pairs, but one is not correctly percent-encoded');
        }
      }
      return check(found, refuse);
    },
    fromValue(value, refuse) {
      const given = asObject(value);
      if (!given) return refuse('expected an object of texts');
      const found = new Map<string, string>();
      for (const [key, item] of Object.entries(given)) {
        if (item === undefined || item === '') continue;
        if (typeof item !== 'string') return refuse('expected a text', [key]);
        found.set(key, item);
      }
      return check(found, refuse);
    },
  };
}

export const ATTRIBUTES = pairs((key) => (key === '' ? 'expected a name for each attribute' : undefined));

/** Checked here, as gRPC's own complaint tells the value. */
export const HEADERS = pairs((key, value) => {
  if (!/^[0-9a-z_.-]+$/i.test(key)) return "a header's name holds a character that is not allowed";
  if (/-bin$/i.test(key)) return `the header ${key} cannot be sent: over gRPC, names that end in -bin hold bytes`;
  if (!/^[ -~]*$/.test(value)) return `the value of ${key} holds a character that is not allowed`;
  return undefined;
});

/** The URL of an endpoint, whose scheme may be left out. Undefined where it is none. */
export function endpointUrl(endpoint: string, scheme: 'http' | 'https' = 'http'): URL | undefined {
  const text = endpoint.includes('://') ? endpoint : `${scheme}://${endpoint}`;
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text)) return undefined;
  return new URL(text);
}

const readEndpoint = (text: string) => (endpointUrl(text) === undefined ? undefined : text);
const showEndpoint = (value: unknown) =>
  typeof value === 'string' && value !== '' ? shownEndpoint(value) : shown(value);

/** Where to send: `http://…` or `https://…`; the scheme may be left out. */
export const ENDPOINT: Kind<string> = kind({
  expected: 'a URL such as http://localhost:4318',
  fromText: readEndpoint,
  show: showEndpoint,
});

/** The same, or in code and files nothing at all, which has a meaning of its own. */
export const ENDPOINT_OR_EMPTY: Kind<string> = {
  fromText: ENDPOINT.fromText,
  fromValue: (value, refuse) => (value === '' ? '' : ENDPOINT.fromValue(value, refuse)),
};

/** A page for people, without what they must not see. */
export const PAGE: Kind<string> = kind({
  expected: 'a URL such as http://prometheus:9090',
  fromText: (text) => (/^https?:\/\//i.test(text) && URL.canParse(text) ? shownEndpoint(text) : undefined),
  show: showEndpoint,
});

export const HOST: Kind<string> = kind({
  expected: 'a host name or address',
  fromText: (text) => (/^[^\s/@]+$/.test(text) ? text : undefined),
  show: (value) => (typeof value === 'string' ? shownEndpoint(value) : shown(value)),
});

/** A path below a server's root. */
export const URL_PATH: Kind<string> = kind({
  expected: 'a path such as /metrics',
  fromText: (text) => (/^\/[^\s?#]*$/.test(text) ? text : undefined),
});

/** A path in the file system, made absolute: an application may change its working directory. */
export const PATH: Kind<string> = kind({
  expected: 'a path',
  fromText: (text) => (text === '' || text.includes('\0') ? undefined : resolve(text)),
});

/** A file that is there. A certificate that is not would show only when the first spans are sent. */
export const READABLE_FILE: Kind<string> = {
  fromText: (text, refuse) => readable(PATH.fromText(text, refuse), refuse),
  fromValue: (value, refuse) => readable(PATH.fromValue(value, refuse), refuse),
};

function readable(path: string | undefined, refuse: Refuse): string | undefined {
  if (path === undefined) return undefined;
  try {
    accessSync(path, constants.R_OK);
    return path;
  } catch (error) {
    return refuse(`cannot read ${printable(path)}: ${describeSystemError(error)}`);
  }
}
