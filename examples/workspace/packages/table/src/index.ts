import { type Align, pad, truncate, width } from '@workspace/text';

export interface Column {
  readonly title: string;
  readonly align?: Align;
  /** Wider cells are truncated. */
  readonly max?: number;
}

const GAP = '  ';

/** Lays out rows of cells below their titles, every column as wide as its widest cell. */
export function renderTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const lines = [columns.map(({ title }) => title), ...rows].map((cells) =>
    columns.map(({ max = Number.POSITIVE_INFINITY }, i) => truncate(cells[i] ?? '', max)),
  );
  const widths = columns.map((_, i) => Math.max(...lines.map((cells) => width(cells[i] ?? ''))));
  return lines
    .map((cells) => cells.map((cell, i) => pad(cell, widths[i] ?? 0, columns[i]?.align)))
    .map((cells) => `${cells.join(GAP).trimEnd()}\n`)
    .join('');
}
