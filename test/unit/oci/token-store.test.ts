import { expect, it } from 'vitest';
import { TokenStore } from '../../../src/oci/token-store.ts';

it('a token that is asked for is told as a hit while it is kept and was not refused', async () => {
  const lookups: boolean[] = [];
  const store = new TokenStore((isHit) => lookups.push(isHit));
  const request = {
    registry: 'r.example',
    challenge: { kind: 'bearer', realm: new URL('https://auth.example/token') },
    scope: 'repository:app:pull',
    credentials: { kind: 'basic', username: 'robot', password: 'secret' },
  } as const;
  let tokens = 0;
  const get = (refused?: string) =>
    store.get(
      request,
      refused,
      async () => {
        tokens += 1;
        return {
          status: 200,
          headers: new Map(),
          body: Buffer.from(JSON.stringify({ token: `t${tokens}` })),
          secrets: [],
        };
      },
      AbortSignal.timeout(10_000),
    );
  await get();
  const { header } = await get();
  await get(header);
  expect([lookups, tokens]).toEqual([[false, true, false], 2]);
});
