import {
  describeFailure,
  type Failure,
  type FailureReason,
  failureTail,
  isWorthRetrying,
} from '../../src/scheduler/failure';

/** One failure of each reason, what is said of it, and whether it is worth another attempt. The compiler says if one is missing. */
const ALL: { readonly [R in FailureReason]: readonly [Extract<Failure, { reason: R }>, string, boolean] } = {
  'exit-non-zero': [{ reason: 'exit-non-zero', exitCode: 2, tail: ['make: error'] }, 'exit status 2', true],
  killed: [{ reason: 'killed', signal: 'SIGKILL' }, 'killed by SIGKILL', true],
  timeout: [
    { reason: 'timeout', limitMs: 90_000, attempts: 2, maxAttempts: 3, kind: 'build' },
    'after 2/3 attempts, the build exceeded the maximum time of 1m30s',
    false,
  ],
  'could-not-start': [{ reason: 'could-not-start', message: 'no make' }, 'could not start: no make', false],
  'input-missing': [{ reason: 'input-missing', path: 'a.c' }, 'input a.c does not exist', false],
  'output-missing': [
    { reason: 'output-missing', path: 'a.o' },
    'the command succeeded but did not write its output a.o',
    true,
  ],
  'check-unknown': [{ reason: 'check-unknown', message: 'no log' }, 'no log', true],
  'check-failed': [{ reason: 'check-failed', message: 'package test failed' }, 'package test failed', true],
  cancelled: [{ reason: 'cancelled' }, 'cancelled', false],
  'runner-lost': [{ reason: 'runner-lost' }, 'killed together with the runner process that started it', true],
  simulated: [{ reason: 'simulated' }, 'simulated failure', true],
  'agent-error': [{ reason: 'agent-error', message: 'Internal error: x' }, 'Internal error: x', false],
};

test.each(Object.values(ALL))('$reason is described in one line', (failure, description, worthRetrying) => {
  expect(describeFailure(failure)).toBe(description);
  expect(describeFailure(failure)).not.toMatch(/[\r\n]/);
  expect(isWorthRetrying(failure)).toBe(worthRetrying);
});

test('tests that ran out of time are called a check', () => {
  const failure = { reason: 'timeout', limitMs: 8 * 3_600_000, attempts: 1, maxAttempts: 1, kind: 'test' } as const;
  expect(describeFailure(failure)).toBe('after 1/1 attempts, the check exceeded the maximum time of 8h0m0s');
});

test('what tells most stands behind the words that people look for', () => {
  const telling = 'x.c:3:5: error: no';
  expect(describeFailure({ reason: 'exit-non-zero', exitCode: 1, telling })).toBe('exit status 1: x.c:3:5: error: no');
  expect(describeFailure({ reason: 'killed', signal: 'SIGKILL', telling })).toBe(
    'killed by SIGKILL: x.c:3:5: error: no',
  );
});

test('a description stays one line where the message has more', () => {
  expect(describeFailure({ reason: 'agent-error', message: 'first\nsecond' })).not.toContain('\n');
});

test('the tail is what the failure has of the output, or nothing', () => {
  expect(failureTail(ALL['exit-non-zero'][0])).toEqual(['make: error']);
  expect(failureTail({ reason: 'killed', signal: 'SIGSEGV' })).toEqual([]);
  expect(failureTail({ reason: 'cancelled' })).toEqual([]);
});

test('a reason that nobody knows is an error of ours', () => {
  expect(() => describeFailure({ reason: 'surprise' } as unknown as Failure)).toThrow(/^Internal error: /);
});
