import { UserError } from '../../util/user-error';
import { printable } from '../../util/words';
import { type Graph, GraphBuilder } from '../graph';
import { NODE_STATE_NAMES, NODE_TYPE_NAMES, type NodeId, type NodeState, type NodeType } from '../node';
import { decodeGobNode, type GobNode } from './gob';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** One word or mark of a DOT file. Texts stay in the file's buffer until somebody wants them. */
type Token = 'id' | '{' | '}' | '[' | ']' | ';' | ',' | ':' | '=' | 'edge' | 'end';

const MARKS: Readonly<Record<number, Token>> = {
  123: '{',
  125: '}',
  91: '[',
  93: ']',
  59: ';',
  44: ',',
  58: ':',
  61: '=',
};

/**
 * Reads the toolkit's DOT: any DOT file of one flat graph whose nodes carry a NodeInBase64 attribute.
 *
 * Nodes are numbered in order of appearance, as the toolkit does; the ids within their names are not looked at, nor are
 * attributes other than NodeInBase64.
 *
 * @throws UserError naming the file, the line and the node
 */
export function readToolkitDot(bytes: Buffer, file: string): Graph {
  return new DotParser(bytes, file).parse();
}

/** A node's name, and where it stands. */
interface NameAt {
  readonly name: string;
  readonly at: number;
}

class DotParser {
  private at = 0;
  private tokenStart = 0;
  /** Bounds of the text of the last 'id' token, without its quotes. */
  private textStart = 0;
  private textEnd = 0;
  private escaped = false;
  private readonly builder = new GraphBuilder();
  private readonly nodes = new Map<string, NodeId>();
  private readonly definedAt: number[] = [];
  private readonly earlyEdges: [NameAt, NameAt][] = [];

  constructor(
    private readonly bytes: Buffer,
    private readonly file: string,
  ) {}

  parse(): Graph {
    if (this.bytes.toString('latin1', 0, 3) === '\u00ef\u00bb\u00bf') this.at = 3;
    this.header();
    for (;;) {
      const token = this.next();
      if (token === '}') break;
      if (token === ';') continue;
      if (token === 'end') this.fail('the file ends before the closing brace of the graph; it is cut off');
      if (token !== 'id') this.fail(`expected a node or an edge, found '${this.tokenText()}'`);
      this.statement();
    }
    if (this.next() !== 'end') this.refuse(`expected the end of the file after the graph, found '${this.tokenText()}'`);
    this.resolveEarlyEdges();
    return this.builder.build();
  }

  private header(): void {
    let token = this.next();
    if (token === 'id' && this.keyword() === 'strict') token = this.next();
    if (token !== 'id' || this.keyword() !== 'digraph') {
      this.refuse(`expected a toolkit graph ("strict digraph … {"), found '${this.tokenText()}'`);
    }
    token = this.next();
    if (token === 'id') token = this.next();
    if (token !== '{') this.refuse(`expected '{' after the graph's name, found '${this.tokenText()}'`);
  }

  private statement(): void {
    const nameStart = this.tokenStart;
    const name = this.text();
    const quoted = this.bytes[nameStart] === QUOTE;
    const after = this.at;
    const token = this.next();
    if (token === 'edge') return this.edge(name, nameStart);
    if (token === '=') {
      // A graph attribute (`rankdir=LR`) says nothing about nodes.
      if (this.next() !== 'id') this.fail('expected a value after =');
      return;
    }
    if (!quoted && /^(graph|node|edge)$/i.test(name)) {
      this.attributes(token);
      return;
    }
    if (!quoted && /^subgraph$/i.test(name)) this.fail('a toolkit graph has no subgraphs', nameStart);
    const first = this.nodes.get(name);
    if (first !== undefined) {
      this.fail(
        `node ${shown(name)} is defined twice, first at line ${this.lineOf(this.definedAt[first] as number)}`,
        nameStart,
      );
    }
    if (token !== '[' && token !== 'end') this.at = after;
    const encoded = token === '[' ? this.attributes(token) : undefined;
    if (encoded === undefined) this.fail(`node ${shown(name)} has no NodeInBase64 attribute`, nameStart);
    this.addNode(name, nameStart, encoded);
  }

  private addNode(name: string, nameStart: number, encoded: string): void {
    let gob: GobNode;
    try {
      gob = decodeGobNode(decodeBase64(encoded));
    } catch (error) {
      this.fail(`node ${shown(name)}: NodeInBase64: ${(error as Error).message}`, nameStart);
    }
    if (gob.type < 1 || gob.type >= NODE_TYPE_NAMES.length) {
      this.fail(`node ${shown(name)} has the unknown type ${gob.type}`, nameStart);
    }
    if (gob.state < 1 || gob.state >= NODE_STATE_NAMES.length) {
      this.fail(`node ${shown(name)} has the unknown state ${gob.state}`, nameStart);
    }
    const node = this.builder.addNode({ ...gob, type: gob.type as NodeType, state: gob.state as NodeState });
    this.nodes.set(name, node);
    this.definedAt.push(nameStart);
  }

  /** `a -> b -> c [attributes]`. */
  private edge(firstName: string, firstStart: number): void {
    let from = { name: firstName, at: firstStart };
    for (;;) {
      if (this.next() !== 'id') this.fail(`expected a node after ->, found '${this.tokenText()}'`);
      const to = { name: this.text(), at: this.tokenStart };
      const dependent = this.nodes.get(from.name);
      const dependency = this.nodes.get(to.name);
      if (dependent === undefined || dependency === undefined) this.earlyEdges.push([from, to]);
      else this.builder.addDependency(dependent, dependency);
      const after = this.at;
      const token = this.next();
      if (token === 'edge') {
        from = to;
        continue;
      }
      if (token === '[') this.attributes(token);
      else if (token !== ';') this.at = after;
      return;
    }
  }

  /** Edges may stand before the nodes that they name. */
  private resolveEarlyEdges(): void {
    const resolve = ({ name, at }: NameAt): NodeId => {
      const node = this.nodes.get(name);
      if (node === undefined) this.refuse(`an edge names the node ${shown(name)}, which is not defined`, at);
      return node;
    };
    for (const [from, to] of this.earlyEdges) this.builder.addDependency(resolve(from), resolve(to));
  }

  /** Reads `[a=b, …]`, its opening bracket already read; gives the text of NodeInBase64 if it is there. */
  private attributes(opening: Token): string | undefined {
    if (opening !== '[') this.fail(`expected '[', found '${this.tokenText()}'`);
    let encoded: string | undefined;
    for (;;) {
      const token = this.next();
      if (token === ']') {
        const after = this.at;
        if (this.next() !== '[') {
          this.at = after;
          return encoded;
        }
        continue;
      }
      if (token === ',' || token === ';') continue;
      if (token === 'end') this.fail("the file ends within a node's attributes; it is cut off");
      if (token !== 'id') this.fail(`expected an attribute, found '${this.tokenText()}'`);
      const isNode = this.textIs('NodeInBase64');
      if (this.next() !== '=') this.fail(`expected = after an attribute's name, found '${this.tokenText()}'`);
      const value = this.next();
      if (value === 'end') this.fail("the file ends within a node's attributes; it is cut off");
      if (value !== 'id') this.fail(`expected an attribute's value, found '${this.tokenText()}'`);
      if (isNode) encoded = this.bytes.toString('latin1', this.textStart, this.textEnd);
    }
  }

  private next(): Token {
    const { bytes } = this;
    this.skipBlanks();
    this.tokenStart = this.at;
    const byte = bytes[this.at];
    if (byte === undefined) return 'end';
    if (byte === QUOTE) {
      this.quotedText();
      return 'id';
    }
    const mark = MARKS[byte];
    if (mark !== undefined) {
      this.at++;
      return mark;
    }
    if (byte === 0x2d && bytes[this.at + 1] === 0x3e) {
      this.at += 2;
      return 'edge';
    }
    if (byte === 0x3c) {
      this.htmlText();
      return 'id';
    }
    this.textStart = this.at;
    this.escaped = false;
    while (isWordByte(bytes[this.at]) && !(bytes[this.at] === 0x2d && bytes[this.at + 1] === 0x3e)) this.at++;
    this.textEnd = this.at;
    if (this.textEnd === this.textStart)
      this.fail(`unexpected byte 0x${byte.toString(16).padStart(2, '0')}; this is not a DOT file`);
    return 'id';
  }

  private skipBlanks(): void {
    const { bytes } = this;
    for (;;) {
      const byte = bytes[this.at];
      if (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) {
        this.at++;
      } else if (byte === 0x2f && bytes[this.at + 1] === 0x2f) {
        this.skipTo('\n');
      } else if (byte === 0x2f && bytes[this.at + 1] === 0x2a) {
        this.skipTo('*/', 2);
      } else if (byte === 0x23 && (this.at === 0 || bytes[this.at - 1] === 0x0a)) {
        this.skipTo('\n');
      } else return;
    }
  }

  private skipTo(mark: string, from = 0): void {
    const found = this.bytes.indexOf(mark, this.at + from);
    this.at = found < 0 ? this.bytes.length : found + mark.length;
  }

  private quotedText(): void {
    const { bytes } = this;
    this.textStart = this.at + 1;
    this.escaped = false;
    for (let from = this.textStart; ; ) {
      const end = bytes.indexOf(QUOTE, from);
      if (end < 0) this.fail('a quoted text is not closed; the file is cut off');
      let backslashes = 0;
      while (bytes[end - 1 - backslashes] === BACKSLASH) backslashes++;
      if (backslashes % 2 === 0) {
        this.textEnd = end;
        this.at = end + 1;
        return;
      }
      this.escaped = true;
      from = end + 1;
    }
  }

  private htmlText(): void {
    let depth = 0;
    this.textStart = this.at;
    this.escaped = false;
    for (let i = this.at; i < this.bytes.length; i++) {
      const byte = this.bytes[i];
      if (byte === 0x3c) depth++;
      else if (byte === 0x3e && --depth === 0) {
        this.textEnd = i + 1;
        this.at = i + 1;
        return;
      }
    }
    this.fail('a text in <…> is not closed; the file is cut off');
  }

  private text(): string {
    const raw = this.bytes.toString('latin1', this.textStart, this.textEnd);
    return this.escaped ? raw.replaceAll('\\"', '"') : raw;
  }

  private textIs(text: string): boolean {
    return (
      this.textEnd - this.textStart === text.length &&
      this.bytes.toString('latin1', this.textStart, this.textEnd) === text
    );
  }

  private keyword(): string {
    return this.text().slice(0, 20).toLowerCase();
  }

  private tokenText(): string {
    return printable(
      this.bytes.toString(
        'utf8',
        this.tokenStart,
        Math.min(Math.max(this.at, this.tokenStart + 1), this.tokenStart + 40),
      ),
    );
  }

  private lineOf(at: number): number {
    let line = 1;
    for (let i = this.bytes.indexOf(0x0a); i >= 0 && i < at; i = this.bytes.indexOf(0x0a, i + 1)) line++;
    return line;
  }

  /** Where the file ends here, whatever was expected is missing because of that. */
  private fail(message: string, at = this.tokenStart): never {
    // A single slash at the end is half of a comment's beginning.
    const isCutOff =
      this.at + Number(this.bytes[this.at] === 0x2f) >= this.bytes.length && !message.includes('cut off');
    this.refuse(isCutOff ? `the file ends in the middle of the graph; it is cut off (${message})` : message, at);
  }

  private refuse(message: string, at = this.tokenStart): never {
    throw new UserError(message, { file: this.file, line: this.lineOf(at) });
  }
}

function isWordByte(byte: number | undefined): boolean {
  if (byte === undefined) return false;
  return (
    (byte >= 0x30 && byte <= 0x39) ||
    (byte >= 0x41 && byte <= 0x5a) ||
    (byte >= 0x61 && byte <= 0x7a) ||
    byte === 0x5f ||
    byte === 0x2e ||
    byte >= 0x80 ||
    byte === 0x2d
  );
}

/** Strict where Node is lenient: a file with a damaged attribute must not be read as another graph. */
function decodeBase64(text: string): Buffer {
  const bytes = Buffer.from(text, 'base64');
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  // Node takes the alphabet of URLs too; the toolkit does not.
  if (text.length % 4 !== 0 || /[-_]/.test(text) || text === '' || bytes.length !== (text.length / 4) * 3 - padding) {
    throw new Error('is not valid base64');
  }
  return bytes;
}

/** A node's name as messages show it: one line, not too long. Names are kept as the file's bytes. */
function shown(name: string): string {
  const text = printable(Buffer.from(name, 'latin1').toString('utf8'));
  return `"${text.length > 120 ? `${text.slice(0, 117)}...` : text}"`;
}
