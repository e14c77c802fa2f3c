/** `1 build`, `2 builds`. */
export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

/** Text from elsewhere, fit for a terminal: colours and other control sequences are left out, other control characters are `?`. */
export function printable(text: string): string {
  return text
    .replaceAll(CONTROL_SEQUENCE, '')

    .replaceAll(/(?!\t)[\p{Cc}\uFFFD]/gu, '?');
}

const ESCAPE = '\u001b';
const CONTROL_SEQUENCE = new RegExp(
  `${ESCAPE}(?:\\[[0-9;?]*[ -/]*[@-~]|\\][^${ESCAPE}\u0007]*(?:\u0007|${ESCAPE}\\\\)|[@-Z\\\\-_])`,
  'g',
);
