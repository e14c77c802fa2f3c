interface FlagBase {
  readonly name: string;
  /** One line for `--help`. */
  readonly help: string;
  /** What stands for the value in `--help`. Default: the name in capitals. */
  readonly placeholder?: string;
  readonly required?: boolean;
}

/** A flag as the command line knows it: a name, a kind of value, a default, a line of help. */
export type FlagSpec =
  | (FlagBase & { readonly kind: 'bool' })
  | (FlagBase & { readonly kind: 'string'; readonly default?: string })
  /** A file or folder that must be there when the command line is read. */
  | (FlagBase & { readonly kind: 'existing-file' | 'existing-dir' })
  /** A folder that must be there; the flag may be repeated. */
  | (FlagBase & { readonly kind: 'existing-dirs' })
  /** Words separated by blanks, in one argument. */
  | (FlagBase & { readonly kind: 'words' })
  | (FlagBase & { readonly kind: 'int' | 'number'; readonly default?: number })
  /** A 64-bit unsigned number; its greatest value stands for no limit. */
  | (FlagBase & { readonly kind: 'uint64'; readonly default?: number })
  /** Go's syntax: `8h`, `90m`, `1h30m`. Milliseconds. */
  | (FlagBase & { readonly kind: 'duration'; readonly default?: string })
  | (FlagBase & { readonly kind: 'enum'; readonly values: readonly string[]; readonly default?: string });

export interface CommandSpec {
  /** As typed: `spanwright build`. */
  readonly name: string;
  readonly summary: string;
  /** Names of positional arguments; `[x]` may be left out, `x...` repeats. */
  readonly arguments?: readonly string[];
  readonly flags: readonly FlagSpec[];
  /** Further lines of `--help`. */
  readonly notes?: readonly string[];
}
