import { readFileSync } from 'node:fs';
import { JsonLines, type JsonPath, parseJson } from '../util/json-text';
import { describeSystemError, UserError } from '../util/user-error';
import { type Layer, layerOfOptions, type TelemetryFindings, textOfPath } from './telemetry-layers';
import { asObject } from './value-kinds';

/**
 * What a JSON file says, as a layer: its `telemetry` section, or the whole of it where it has none.
 *
 * @param path absolute
 * @param by who named the file
 */
export function layerOfFile(path: string, by: string, findings: TelemetryFindings): Layer | undefined {
  let text: string;
  let json: unknown;
  try {
    // Editors on Windows begin a file with this mark.
    text = readFileSync(path, 'utf8').replace(/^\uFEFF/, '');
    json = parseJson(text, path);
  } catch (error) {
    if (error instanceof UserError) return findings.refuseAs(error);
    return findings.refuse(by, `cannot read ${path}: ${describeSystemError(error)}`);
  }
  const section = asObject(json)?.telemetry;
  const above: JsonPath = section === undefined ? [] : ['telemetry'];
  const lines = new JsonLines(text);
  const nameOf = (way: JsonPath) => {
    const name = textOfPath([...above, ...way]);
    return `${path}:${lines.of([...above, ...way])}${name && `: ${name}`}`;
  };
  const layer = layerOfOptions('file', section ?? json, nameOf, findings);
  const next = layer.find('configFile');
  if (next) findings.refuse(next.by, 'a file cannot name a further one');
  return layer;
}
