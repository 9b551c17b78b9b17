import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ImageController } from '../../../src/controllers/image.ts';
import type { Descriptor, RevocationResult } from '../../../src/notary/index.ts';
import { type ImageKey, imageKey, RevocationSweep, VerdictStore } from '../../../src/verification/index.ts';
import { type Chain, createChain } from '../../support/pki.ts';
import { RegistryWorld } from '../verification/registry-world.ts';

const MINUTE_MS = 60_000;
const VERIFY_INTERVAL_MS = 60 * MINUTE_MS;
const UNKNOWN: RevocationResult = { status: 'unknown', reason: 'crl.example cannot be reached' };

let chain: Chain;
beforeAll(async () => {
  chain = await createChain();
});

let world: RegistryWorld;
let image: Descriptor;
let key: ImageKey;
let verdicts: VerdictStore;
let controller: ImageController;
beforeEach(async () => {
  world = await new RegistryWorld(chain).start();
  image = world.platform('amd64');
  world.sign(image);
  key = imageKey(`${world.registry?.host}/app`, image.digest);
  verdicts = new VerdictStore();
  controller = new ImageController({
    verifier: world.verifier,
    verdicts,
    sweep: new RevocationSweep({
      source: { getRevocationStatus: () => Promise.reject(new Error('no job is here')) },
      clock: () => world.now,
      intervalMs: MINUTE_MS,
      concurrency: 1,
      onChange: () => undefined,
    }),
    clientOf: () => world.client,
    refusalHint: () => 'add it to --pull-secrets',
    clock: () => world.now,
    verifyIntervalMs: VERIFY_INTERVAL_MS,
    runningReferences: () => [`${world.registry?.host}/app:v1`],
    isRunning: () => true,
    isRequested: () => false,
  });
});
afterEach(() => world.stop());

const reconcile = () => controller.reconcile(key, AbortSignal.timeout(10_000));
const at = (ms: number): Date => new Date(world.started.getTime() + ms);

/** What a running image's revocation is worth, as OCSP or a CRL told it, and until when. */
function revocation(result: RevocationResult): void {
  world.checkRevocation = async () => result;
}

describe('a running image whose revocation is known until a moment (H6)', () => {
  beforeEach(() => revocation({ status: 'good', reason: 'not revoked', validUntil: at(10 * MINUTE_MS) }));

  it('is looked at again at that moment, without a request to the registry', async () => {
    expect((await reconcile()).requeueAfterMs).toBe(10 * MINUTE_MS);
    const requests = world.requests();
    world.now = at(10 * MINUTE_MS);
    revocation({ status: 'good', reason: 'not revoked', validUntil: at(15 * MINUTE_MS) });
    expect((await reconcile()).requeueAfterMs).toBe(5 * MINUTE_MS);
    expect(verdicts.get(key)?.verdict).toBe('Trusted');
    expect(world.requests()).toBe(requests);
  });

  it('is Revoked at that moment when a certificate was revoked meanwhile, and the cause says which and since when', async () => {
    await reconcile();
    world.now = at(10 * MINUTE_MS);
    const since = at(3 * MINUTE_MS);
    revocation({ status: 'revoked', kind: 'certificate', reason: 'why and by whom', revoked: ['CN=leaf'], since });
    await reconcile();
    expect(verdicts.get(key)).toMatchObject({
      verdict: 'Revoked',
      cause: { reason: 'CertificateRevoked', revoked: ['CN=leaf'], since: since.toISOString() },
    });
  });

  it('is Unknown at that moment when nobody can be asked: no verdict outlives what it was made from', async () => {
    await reconcile();
    world.now = at(10 * MINUTE_MS);
    revocation(UNKNOWN);
    const { requeueAfterMs = 0 } = await reconcile();
    expect(verdicts.get(key)).toMatchObject({
      verdict: 'Unknown',
      cause: { reason: 'RevocationUndetermined', message: expect.stringContaining(UNKNOWN.reason) },
      lastKnown: { verdict: 'Trusted', verifiedAt: world.started },
    });
    expect(requeueAfterMs).toBeLessThanOrEqual(5_000);
    const requests = world.requests();
    world.now = at(11 * MINUTE_MS);
    revocation({ status: 'good', reason: 'not revoked' });
    await reconcile();
    expect(verdicts.get(key)?.verdict).toBe('Trusted');
    expect(world.requests()).toBe(requests);
  });

  it('asks the registry again after a fault: what an index listed before is not taken for the present (A9)', async () => {
    const covered = world.platform('arm64');
    const index = world.index([covered]);
    world.tags.set('v1', index.digest);
    world.sign(index);
    key = imageKey(`${world.registry?.host}/app`, covered.digest);
    revocation({ status: 'good', reason: 'not revoked' });
    await reconcile();
    expect(verdicts.get(key)).toMatchObject({ verdict: 'Trusted', coveredBy: { digest: index.digest } });
    world.now = at(VERIFY_INTERVAL_MS);
    world.faults.set(`/referrers/${index.digest}`, 503);
    for (const _ of [1, 2]) {
      await reconcile();
      expect(verdicts.get(key)).toMatchObject({ verdict: 'Unknown', lastKnown: { verdict: 'Trusted' } });
    }
    world.faults.clear();
    await reconcile();
    expect(verdicts.get(key)?.verdict).toBe('Trusted');
  });

  it('is looked at again where a hold may be lifted', async () => {
    const held = { status: 'revoked', kind: 'certificate', reason: 'held', revoked: ['CN=leaf'] } as const;
    revocation({ ...held, validUntil: at(2 * MINUTE_MS) });
    expect((await reconcile()).requeueAfterMs).toBe(2 * MINUTE_MS);
    world.now = at(2 * MINUTE_MS);
    revocation({ status: 'good', reason: 'not revoked' });
    await reconcile();
    expect(verdicts.get(key)?.verdict).toBe('Trusted');
  });
});

describe('an image that the registry refuses to show', () => {
  it('is Unknown, and its cause says which setting would help (faults.md 50)', async () => {
    world.faults.set('/manifests/', 403);
    await reconcile();
    expect(verdicts.get(key)).toMatchObject({
      verdict: 'Unknown',
      cause: {
        reason: 'RegistryDenied',
        message: expect.stringMatching(/denies access .*; add it to --pull-secrets$/),
      },
    });
  });

  it('for another reason gets no such advice', async () => {
    world.faults.set('/manifests/', 503);
    await reconcile();
    expect(verdicts.get(key)?.cause?.message).not.toContain('--pull-secrets');
  });
});

describe('a running image whose registry throttles (faults.md 22)', () => {
  beforeEach(() => {
    revocation({ status: 'good', reason: 'not revoked' });
    world.faults.set('/v2/', 429);
  });

  it('is not verified yet while it is new, and Trusted when it gets through', async () => {
    expect((await reconcile()).requeueAfterMs).toBeLessThanOrEqual(5_000);
    expect(verdicts.get(key)).toBeUndefined();
    world.faults.clear();
    await reconcile();
    expect(verdicts.get(key)?.verdict).toBe('Trusted');
  });

  it('is Unknown once that has lasted five minutes; any other fault is told at once', async () => {
    await reconcile();
    world.now = at(5 * MINUTE_MS);
    await reconcile();
    expect(verdicts.get(key)).toMatchObject({ verdict: 'Unknown', cause: { reason: 'RegistryRateLimited' } });
    verdicts.delete(key);
    world.faults.set('/v2/', 500);
    await reconcile();
    expect(verdicts.get(key)?.cause?.reason).toBe('RegistryUnreachable');
  });
});
