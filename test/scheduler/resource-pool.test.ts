import { ResourcePool } from '../../src/scheduler/resource-pool';

test('jobs fit as long as there is enough of everything they want', () => {
  const pool = new ResourcePool({ memory: 10, disk: 1 });
  pool.take({ memory: 6, disk: 1 });
  expect(pool.fits({ memory: 4 })).toBe(true);
  expect(pool.fits({ memory: 5 })).toBe(false);
  expect(pool.fits({ memory: 1, disk: 1 })).toBe(false);
  pool.giveBack({ memory: 6, disk: 1 });
  expect(pool.fits({ memory: 10, disk: 1 })).toBe(true);
});

test('a job that wants nothing, or a resource that is not limited, always fits', () => {
  const pool = new ResourcePool({ memory: 1 });
  pool.take({ memory: 1, licences: 5 });
  expect(pool.fits(undefined)).toBe(true);
  expect(pool.fits({})).toBe(true);
  expect(pool.fits({ licences: 1000 })).toBe(true);
});

test('a job that wants more than there is gets all of it, and fits only while nobody else has any', () => {
  const pool = new ResourcePool({ memory: 10 });
  expect(pool.fits({ memory: 50 })).toBe(true);
  pool.take({ memory: 1 });
  expect(pool.fits({ memory: 50 })).toBe(false);
  pool.giveBack({ memory: 1 });
  pool.take({ memory: 50 });
  expect(pool.fits({ memory: 1 })).toBe(false);
  pool.giveBack({ memory: 50 });
  expect(pool.fits({ memory: 10 })).toBe(true);
});

test('fractions given back leave as much as there was, so that a job that wants all of it fits again', () => {
  const pool = new ResourcePool({ cpu: 1 });
  for (const share of [0.1, 0.2, 0.1]) pool.take({ cpu: share });
  for (const share of [0.1, 0.2, 0.1]) pool.giveBack({ cpu: share });
  expect(pool.fits({ cpu: 1 })).toBe(true);
});

test('as many fractions fit as make up the whole', () => {
  const pool = new ResourcePool({ cpu: 1 });
  pool.take({ cpu: 0.1 });
  pool.take({ cpu: 0.8 });
  expect(pool.fits({ cpu: 0.1 })).toBe(true);
});
