import { afterEach, expect, it, vi } from 'vitest';
import { createChain } from '../../support/pki.ts';
import { RegistryWorld } from './registry-world.ts';

const world = await new RegistryWorld(await createChain()).start();
afterEach(async () => {
  vi.restoreAllMocks();
  await world.registry?.stop();
});

it('images that are judged from what is kept leave the event loop its turns', async () => {
  const image = world.platform('arm64');
  world.sign(image);
  expect((await world.verify(image)).verdict).toBe('Trusted');
  const asked = world.requests();

  let now = performance.now();
  // Each look at the clock is 10 ms later.
  vi.spyOn(performance, 'now').mockImplementation(() => {
    now += 10;
    return now;
  });
  const turns = vi.fn<() => void>();
  const count = (): void => {
    turns();
    setImmediate(count).unref();
  };
  setImmediate(count).unref();
  for (let i = 0; i < 5; i += 1) expect((await world.verify(image, [], { list: 'kept' })).verdict).toBe('Trusted');
  expect(world.requests()).toBe(asked);
  expect(turns.mock.calls.length).toBeGreaterThanOrEqual(4);
});
