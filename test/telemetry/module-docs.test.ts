import { ADAPTERS, runIntercepted, runKept, runMessages, runOperations, runRequests } from './full-application';
import { makeTempDir } from '../support/command';
jest.setTimeout(60_000);
test('x', async () => {
  const out: Record<string, any> = {};
  const add = (l: any, tag = '') => { for (const s of l.spans) { const k = `${tag}${s.name} kind=${s.kind}`; out[k] ??= {}; for (const [a, v] of Object.entries(s.attributes)) (out[k][a] ??= new Set()).add(v); for (const e of s.events) (out[k]['EVENT ' + e.name] ??= new Set()).add(Object.keys(e.attributes).join()); } };
  const ops = await runOperations(); add(ops);
  for (const a of ADAPTERS) add(await runRequests(a), a + ' ');
  add(await runIntercepted(), 'I ');
  add(await runMessages(makeTempDir()));
  add(await runKept(), 'K ');
  for (const [k, v] of Object.entries(out)) { process.stderr.write(k + '\n'); for (const [a, s] of Object.entries(v as any)) process.stderr.write('   ' + a + ' ' + JSON.stringify([...(s as any)]).slice(0, 150) + '\n'); }
  process.stderr.write(JSON.stringify([...ops.measured].filter(([n]) => n.startsWith('method')))+'\n');
  process.stderr.write(JSON.stringify(ops.records.map((r) => [r.severityText, r.severityNumber, r.body, r.attributes, r.spanContext?.traceId]))+'\n');
});
