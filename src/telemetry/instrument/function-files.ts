import type { Session } from 'node:inspector';

// biome-ignore lint/suspicious/noExplicitAny: whatever Node's inspector answers
type Answer = any;
// biome-ignore lint/complexity/noBannedTypes: any function or class
type AnyFunction = Function;

/**
 * Asks V8 in which file each function is written: a path, a `file:` or `node:` URL, or undefined where it does not say (a function that is not written in JavaScript,
 * a Node without an inspector, or one that forbids it).
 *
 * It makes V8 list all scripts of the process, which takes a tenth of a second or two, once; nothing is stopped or slowed afterwards.
 */
export function filesOf(functions: readonly AnyFunction[]): (string | undefined)[] {
  let session: Session | undefined;
  try {
    const inspector = require('node:inspector') as typeof import('node:inspector');
    session = new inspector.Session();
    session.connect();
    return ask(session, functions);
  } catch {
    return functions.map(() => undefined);
  } finally {
    session?.disconnect();
  }
}

/** Where V8 finds what it is asked about; a property of the global object for as long as the question takes. */
const ASKED = 'spanwright.functions';
const ASKED_KEY = Symbol.for(ASKED);

function ask(session: Session, functions: readonly AnyFunction[]): (string | undefined)[] {
  const post = poster(session);
  const contexts: number[] = [];
  const urls = new Map<string, string>();
  session.on('Runtime.executionContextCreated', ({ params }: Answer) => contexts.push(params.context.id));
  session.on('Debugger.scriptParsed', ({ params }: Answer) => urls.set(params.scriptId, params.url));
  post('Runtime.enable');
  post('Debugger.enable');
  const holder = globalThis as { [ASKED_KEY]?: readonly AnyFunction[] };
  holder[ASKED_KEY] = functions;
  try {
    const of = `globalThis[Symbol.for('${ASKED}')]`;
    // Test runners give each test file a global object of its own.
    const contextId = contexts.find((id) => {
      const { result } = post('Runtime.evaluate', { expression: `typeof ${of}`, contextId: id });
      return result.value === 'object';
    });
    return functions.map((_, at) => {
      const { result } = post('Runtime.evaluate', { expression: `${of}[${at}]`, contextId, objectGroup: ASKED });
      const { internalProperties = [] } = post('Runtime.getProperties', {
        objectId: result.objectId,
        ownProperties: true,
      });
      const location = internalProperties.find(({ name }: Answer) => name === '[[FunctionLocation]]');
      return urls.get(location?.value?.value?.scriptId) || undefined;
    });
  } finally {
    delete holder[ASKED_KEY];
  }
}

/** A session with one's own thread answers before `post` returns. */
function poster(session: Session): (method: string, params?: object) => Answer {
  return (method, params = {}) => {
    let answer: Answer;
    let failure: Error | null = new Error(`V8 did not answer ${method}`);
    session.post(method as never, params as never, (error: Error | null, result: Answer) => {
      failure = error;
      answer = result;
    });
    if (failure) throw failure;
    return answer;
  };
}
