import { Claims } from '../../src/util/claims';

test('the newest claim counts, and those before it come back in whatever order they end', () => {
  const claims = new Claims<string>();
  expect([claims.newest, claims.isEmpty]).toEqual([undefined, true]);
  const endFirst = claims.claim('first');
  const endSecond = claims.claim('second');
  const endThird = claims.claim('third');
  expect(claims.newest).toBe('third');
  endSecond();
  expect(claims.newest).toBe('third');
  endThird();
  expect(claims.newest).toBe('first');
  endFirst();
  expect(claims.isEmpty).toBe(true);
});

test('a claim that is given back twice takes no other with it, also where the values are the same', () => {
  const claims = new Claims<string>();
  const end = claims.claim('same');
  claims.claim('same');
  end();
  end();
  expect([claims.newest, claims.isEmpty]).toEqual(['same', false]);
});

test('each change is told, and nothing that is none', () => {
  let changes = 0;
  const claims = new Claims<undefined>(() => (changes += 1));
  const end = claims.claim(undefined);
  end();
  end();
  expect(changes).toBe(2);
});
