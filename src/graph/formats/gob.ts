import { type NodeField, PACKAGE_FIELDS, PATH_FIELDS } from '../node';

/** What one NodeInBase64 attribute holds. `type` and `state` are the numbers as found, not yet checked. */
export type GobNode = Partial<Record<NodeField, string>> & {
  type: number;
  state: number;
  implicit: boolean;
  hasPackage: boolean;
};

/*
 * Go's gob encoding, as far as the toolkit's nodes go.
 *
 *   uint     below 128 one byte; else the negated count of bytes, then the bytes, big end first
 *   int      a uint: bit 0 says complement, the rest is the value
 *   string   uint length, bytes
 *   message  uint length, int type id, payload; a negative type id defines a type and is skipped
 *
 *   outer stream   [type definitions] one value: 00, byte string = the inner stream
 *   inner stream   bool hasPackage, [struct PackageVer], int state, int type, strings, bool implicit;
 *                  a value that is no struct has a 00 before it; a struct is (uint field delta, value)* 00
 *
 * Type ids differ from process to process, so any positive id that is not a basic type is taken for the struct.
 * Older files have neither the RPM path nor the implicit flag.
 */
const BOOL = 1;
const INT = 2;
const STRING = 6;

const FIELDS_OF_OLDER_LAYOUT = PATH_FIELDS.filter((field) => field !== 'rpmPath');

/** @throws Error saying what is wrong with the bytes; the caller knows where they came from */
export function decodeGobNode(bytes: Buffer): GobNode {
  const outer = new GobReader(bytes, 0, bytes.length);
  if (!outer.nextValue()) throw new Error('the gob stream holds no value');
  outer.expectZero();
  const length = outer.uint();
  const start = outer.at;
  if (length !== outer.messageEnd - start) throw new Error('the gob value is cut off');
  return decodeInner(new GobReader(bytes, start, start + length));
}

function decodeInner(reader: GobReader): GobNode {
  const node: GobNode = { type: 0, state: 0, implicit: false, hasPackage: reader.bool() };
  if (node.hasPackage) {
    if (!reader.nextValue()) throw new Error('the gob stream ends before the package version');
    readPackage(reader, node);
  }
  node.state = reader.int();
  node.type = reader.int();
  const strings: string[] = [];
  let flags = 0;
  while (reader.nextValue()) {
    if (reader.typeId === STRING) {
      strings.push(reader.string());
      continue;
    }
    node.implicit = reader.boolValue();
    flags++;
    if (strings.length !== PATH_FIELDS.length || reader.nextValue()) break;
    strings.forEach((text, i) => {
      if (text !== '') node[PATH_FIELDS[i] as NodeField] = text;
    });
    return node;
  }
  if (flags > 0 || strings.length !== FIELDS_OF_OLDER_LAYOUT.length) {
    throw new Error(
      `expected ${PATH_FIELDS.length} texts and a flag after the node's type, found ${strings.length} texts`,
    );
  }
  strings.forEach((text, i) => {
    if (text !== '') node[FIELDS_OF_OLDER_LAYOUT[i] as NodeField] = text;
  });
  return node;
}

function readPackage(reader: GobReader, node: GobNode): void {
  let field = -1;
  for (;;) {
    const delta = reader.uint();
    if (delta === 0) return;
    field += delta;
    const name = PACKAGE_FIELDS[field];
    if (name === undefined) throw new Error(`the package version has an unknown field ${field}`);
    node[name] = reader.text();
  }
}

class GobReader {
  typeId = 0;
  messageEnd: number;

  constructor(
    private readonly bytes: Buffer,
    public at: number,
    private readonly end: number,
  ) {
    this.messageEnd = at;
  }

  get atEnd(): boolean {
    return this.messageEnd >= this.end;
  }

  /** Moves to the next value message, past type definitions; false at the end of the stream. */
  nextValue(): boolean {
    for (;;) {
      this.at = this.messageEnd;
      if (this.at >= this.end) return false;
      const length = this.uintWithin(this.end);
      this.messageEnd = this.at + length;
      if (length === 0 || this.messageEnd > this.end) throw new Error('a gob message is cut off');
      this.typeId = this.signed();
      if (this.typeId >= 0) return true;
    }
  }

  bool(): boolean {
    if (!this.nextValue()) throw new Error('the gob stream ends too early');
    return this.boolValue();
  }

  boolValue(): boolean {
    if (this.typeId !== BOOL) throw new Error(`expected a gob bool, found type ${this.typeId}`);
    this.expectZero();
    return this.uint() !== 0;
  }

  int(): number {
    if (!this.nextValue()) throw new Error('the gob stream ends too early');
    if (this.typeId !== INT) throw new Error(`expected a gob int, found type ${this.typeId}`);
    this.expectZero();
    return this.signed();
  }

  string(): string {
    this.expectZero();
    return this.text();
  }

  text(): string {
    const length = this.uint();
    const start = this.at;
    if (start + length > this.messageEnd) throw new Error('a gob string is cut off');
    this.at = start + length;
    return this.bytes.toString('utf8', start, this.at);
  }

  expectZero(): void {
    if (this.uint() !== 0) throw new Error('a gob value lacks the zero byte before it');
  }

  uint(): number {
    return this.uintWithin(this.messageEnd);
  }

  private signed(): number {
    const raw = this.uint();
    return raw % 2 === 0 ? raw / 2 : -(raw + 1) / 2;
  }

  private uintWithin(end: number): number {
    if (this.at >= end) throw new Error('a gob number is cut off');
    const first = this.bytes[this.at++] as number;
    if (first < 128) return first;
    const count = 256 - first;
    if (count > 8 || this.at + count > end) throw new Error('a gob number is cut off');
    let value = 0;
    for (let i = 0; i < count; i++) value = value * 256 + (this.bytes[this.at++] as number);
    return value;
  }
}

const PACKAGE_TYPE_ID = 67;
const NODE_TYPE_ID = 65;

/** Definition of the node type: one that marshals itself to bytes. */
const NODE_TYPE_DEFINITION = Buffer.from('0aff81060102ff84000000', 'hex');

/** Definition of struct PackageVer, five strings. */
const PACKAGE_TYPE_DEFINITION = (() => {
  const parts: Buffer[] = [Buffer.from('57ff850301010a5061636b61676556657201ff86000105', 'hex')];
  for (const field of ['Name', 'Version', 'Condition', 'SVersion', 'SCondition']) {
    parts.push(Buffer.from([1, field.length]), Buffer.from(field), Buffer.from([1, 0x0c, 0]));
  }
  parts.push(Buffer.from([0, 0]));
  return Buffer.concat(parts);
})();

/**
 * Writes nodes as the toolkit itself does, byte for byte as in its reference graph. One encoder is used for many nodes:
 * it keeps its buffers.
 */
export class GobNodeEncoder {
  private readonly inner = new GobWriter();
  private readonly outer = new GobWriter();

  /** The base64 text of the NodeInBase64 attribute. */
  encodeToBase64(node: Readonly<GobNode>): string {
    const { inner, outer } = this;
    inner.reset();
    inner.bool(node.hasPackage);
    if (node.hasPackage) {
      inner.raw(PACKAGE_TYPE_DEFINITION);
      inner.message(PACKAGE_TYPE_ID, (body) => {
        let last = -1;
        PACKAGE_FIELDS.forEach((field, i) => {
          const text = node[field];
          if (!text) return;
          body.uint(i - last);
          body.text(text);
          last = i;
        });
        body.uint(0);
      });
    }
    inner.int(node.state);
    inner.int(node.type);
    for (const field of PATH_FIELDS) inner.string(node[field] ?? '');
    inner.bool(node.implicit);

    outer.reset();
    outer.raw(NODE_TYPE_DEFINITION);
    if (node.hasPackage) outer.raw(PACKAGE_TYPE_DEFINITION);
    outer.message(NODE_TYPE_ID, (body) => {
      body.uint(0);
      body.uint(inner.length);
      body.raw(inner.bytes());
    });
    return outer.bytes().toString('base64');
  }
}

class GobWriter {
  length = 0;
  private buffer = Buffer.allocUnsafe(4096);
  private scratch: GobWriter | undefined;

  reset(): void {
    this.length = 0;
  }

  bytes(): Buffer {
    return this.buffer.subarray(0, this.length);
  }

  raw(bytes: Buffer): void {
    this.reserve(bytes.length);
    bytes.copy(this.buffer, this.length);
    this.length += bytes.length;
  }

  uint(value: number): void {
    this.reserve(9);
    if (value < 128) {
      this.buffer[this.length++] = value;
      return;
    }
    let count = 0;
    for (let rest = value; rest > 0; rest = Math.floor(rest / 256)) count++;
    this.buffer[this.length++] = 256 - count;
    for (let i = count - 1; i >= 0; i--) this.buffer[this.length++] = Math.floor(value / 256 ** i) % 256;
  }

  signed(value: number): void {
    this.uint(value < 0 ? (-value - 1) * 2 + 1 : value * 2);
  }

  text(text: string): void {
    const bytes = Buffer.byteLength(text);
    this.uint(bytes);
    this.reserve(bytes);
    this.length += this.buffer.write(text, this.length);
  }

  bool(value: boolean): void {
    this.message(BOOL, (body) => {
      body.uint(0);
      body.uint(value ? 1 : 0);
    });
  }

  int(value: number): void {
    this.message(INT, (body) => {
      body.uint(0);
      body.signed(value);
    });
  }

  string(text: string): void {
    this.message(STRING, (body) => {
      body.uint(0);
      body.text(text);
    });
  }

  message(typeId: number, write: (body: GobWriter) => void): void {
    this.scratch ??= new GobWriter();
    const body = this.scratch;
    body.reset();
    body.signed(typeId);
    write(body);
    this.uint(body.length);
    this.raw(body.bytes());
  }

  private reserve(bytes: number): void {
    if (this.length + bytes <= this.buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.buffer.length * 2, this.length + bytes));
    this.buffer.copy(larger, 0, 0, this.length);
    this.buffer = larger;
  }
}
