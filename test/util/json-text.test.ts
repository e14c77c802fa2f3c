import { JsonLines, type JsonPath, parseJson } from '../../src/util/json-text';
import { UserError } from '../../src/util/user-error';

describe('text that is JSON', () => {
  test('is read', () => {
    expect(parseJson('{ "a": [1, "x"] }', 'f.json')).toEqual({ a: [1, 'x'] });
  });
});

describe('text that is not JSON', () => {
  test.each([
    ['{\n "a": 1,\n}', 3],
    ['{\n "a": x\n}', 2],
    ['{\n "a": "b', 2],
    ['{\n "a": 1\n', 3],
    ['', 1],
    ['\n\nnull null', 3],
  ])('%j is refused at line %d', (text, line) => {
    const refused = () => parseJson(text, 'f.json');
    expect(refused).toThrow(UserError);
    expect(refused).toThrow(new RegExp(`^f\\.json:${line}: not valid JSON: \\S`));
  });

  test('is told in one line, without control characters', () => {
    let message = '';
    try {
      parseJson('{"a": \u0007\n\n\n\n x}', 'f.json');
    } catch (error) {
      ({ message } = error as Error);
    }
    expect(message).toMatch(/^f\.json:1: not valid JSON: [^\p{Cc}]+$/u);
  });
});

describe('the line of a value', () => {
  const text = `{
  "a": 1, "b": "x:{y",
  "c": {
    "d": [
      true,
      { "e": null, "f\\"g": [], "h":
        [[1], 2] }
    ]
  },
  "c.d": "after"
}`;
  const lines = new JsonLines(text);

  test.each<[JsonPath, number]>([
    [[], 1],
    [['a'], 2],
    [['b'], 2],
    [['c'], 3],
    [['c', 'd'], 4],
    [['c', 'd', 0], 5],
    [['c', 'd', 1], 6],
    [['c', 'd', 1, 'e'], 6],
    [['c', 'd', 1, 'f"g'], 6],
    [['c', 'd', 1, 'h'], 7],
    [['c', 'd', 1, 'h', 0, 0], 7],
    [['c', 'd', 1, 'h', 1], 7],
    [['c.d'], 10],
  ])('%j is where it begins: %d', (path, line) => {
    expect(lines.of(path)).toBe(line);
  });

  test('that is not there is that of the nearest around it', () => {
    expect(lines.of(['c', 'd', 7, 'x'])).toBe(4);
    expect(lines.of(['nowhere'])).toBe(1);
  });

  test('is found in one long line as well', () => {
    const one = new JsonLines(JSON.stringify({ a: [{ b: 1 }], c: 2 }));
    expect(one.of(['a', 0, 'b'])).toBe(1);
    expect(one.of(['c'])).toBe(1);
  });

  test('counts from the first line, whatever comes before the object', () => {
    expect(new JsonLines('\n\n{\r\n"a": 1}').of(['a'])).toBe(4);
  });
});
