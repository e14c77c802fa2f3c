import { err, ok, type Result } from '@workspace/result';

export type Row = Record<string, string>;

// A field (quoted or not) and what ends it: a comma, a line break or the end of the text.
const FIELD = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|$)/y;

/** Reads CSV with a header line: one object per further line, by the header's names. */
export function parseCsv(text: string): Result<Row[]> {
  const rows: Row[] = [];
  let header: string[] | undefined;
  let fields: string[] = [];
  let line = 1;
  FIELD.lastIndex = 0;
  while (FIELD.lastIndex < text.length || fields.length > 0) {
    const match = FIELD.exec(text);
    if (!match) return err(`line ${line}: a quotation mark is out of place`);
    const [whole, quoted, plain = '', end] = match;
    fields.push(quoted?.replaceAll('""', '"') ?? plain);
    if (end !== ',') {
      if (header === undefined) {
        header = fields;
      } else if (whole.trim() !== '' || fields.length > 1) {
        if (fields.length !== header.length) {
          return err(`line ${line}: not ${header.length} fields as in the header, but ${fields.length}`);
        }
        rows.push(Object.fromEntries(header.map((name, i) => [name, fields[i] ?? ''])));
      }
      fields = [];
    }
    line += whole.split('\n').length - 1;
  }
  return ok(rows);
}

/** Writes CSV with a header line, quoting only what needs it. */
export function formatCsv(header: readonly string[], rows: readonly Row[]): string {
  const quote = (field: string) => (/[",\r\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field);
  const lines = [header, ...rows.map((row) => header.map((name) => row[name] ?? ''))];
  return lines.map((fields) => `${fields.map(quote).join(',')}\n`).join('');
}
