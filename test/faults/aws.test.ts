import { readFile } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  AwsError,
  createSignerPlugin,
  type EcrAuthorization,
  ecrCredentials,
  parseSigningProfileArn,
  SignerService,
  signerAttributes,
} from '../../src/aws/index.ts';
import {
  createPayload,
  type Envelope,
  MEDIA_TYPE_JWS,
  parseEnvelope,
  type RevocationResult,
} from '../../src/notary/index.ts';
import { parseReference, RegistryClient } from '../../src/oci/index.ts';
import { createDispatcher } from '../../src/transport/index.ts';
import { RevocationSweep } from '../../src/verification/index.ts';
import { ACCOUNT, type AwsWorld, ecrHost, REGION, startAwsWorld } from '../support/aws-world.ts';
import { pushImage } from '../support/images.ts';
import { waitFor } from '../support/processes.ts';

const HOUR_MS = 60 * 60_000;
const { signal } = new AbortController();

let world: AwsWorld;
beforeAll(async () => {
  world = await startAwsWorld();
});
afterEach(() => world.aws.faults.up());
afterAll(() => world?.stop());

describe('ECR’s authorisation', () => {
  /** ECR's clock is the real one; the operator's moves on by `later`. */
  function ecrWithClock(): { readonly ecr: EcrAuthorization; readonly later: (ms: number) => void } {
    let offset = 0;
    const ecr = ecrCredentials({
      endpoint: world.aws.endpoint,
      credentials: world.aws.credentials,
      maxAttempts: 1,
      clock: () => new Date(Date.now() + offset),
    });
    return {
      ecr,
      later: (ms) => {
        offset += ms;
      },
    };
  }

  function tokenCalls(): number {
    return world.aws.requests.filter(({ operation }) => operation === 'GetAuthorizationToken').length;
  }

  async function clientOf(ecr: EcrAuthorization): Promise<RegistryClient> {
    return new RegistryClient({
      dispatcher: createDispatcher({
        ca: await readFile(world.caFile, 'utf8'),
        proxy: { http: '', https: world.proxy.url, none: '' },
      }),
      credentials: ecr,
      plainHTTPHosts: () => false,
      userAgent: 'sealwatch-test',
      maxAttempts: 1,
      timeoutMs: 20_000,
    });
  }

  it('24: the old token is used while it is valid, with one refresh in flight, and images are read all the while', async () => {
    const { ecr, later } = ecrWithClock();
    // Each reads with a client of its own, as each reconcile does: nothing but the token outlives it.
    const read = async () => (await clientOf(ecr)).resolve(reference, signal);
    await pushImage(world.registry.host, 'shop/web', 'throttled');
    const reference = parseReference(`${ecrHost()}/shop/web:throttled`);
    const { digest } = await read();
    expect(tokenCalls()).toBe(1);

    // Its last half hour has begun, and the refresh that is due is throttled.
    later(11.6 * HOUR_MS);
    world.aws.faults.throttle(1_000, 'GetAuthorizationToken');
    world.aws.faults.delay(100, 'GetAuthorizationToken');
    const reads = await Promise.all(Array.from({ length: 20 }, read));
    expect(new Set(reads.map((one) => one.digest))).toEqual(new Set([digest]));
    expect(tokenCalls()).toBe(2);

    // It is asked for again after a while, not at each use; and when it comes, it is the new one that is used.
    await read();
    expect(tokenCalls()).toBe(2);
    later(61_000);
    world.aws.faults.up();
    world.aws.expireEcrTokens();
    expect((await read()).digest).toBe(digest);
    expect(tokenCalls()).toBe(3);
    ecr.close();
  });

  it('23: a token that ECR refuses before its time costs one refresh and one retry for all who use it, and is used no more', async () => {
    const { ecr, later } = ecrWithClock();
    const client = await clientOf(ecr);
    await pushImage(world.registry.host, 'shop/web', 'refused');
    const reference = parseReference(`${ecrHost()}/shop/web:refused`);
    const { digest } = await client.resolve(reference, signal);
    const calls = tokenCalls();
    const refusals = (): number => world.front.records.filter(({ status }) => status === 403).length;
    const before = refusals();

    later(120_000);
    world.aws.expireEcrTokens();
    world.aws.faults.delay(100, 'GetAuthorizationToken');
    const reads = await Promise.all(Array.from({ length: 5 }, () => client.resolve(reference, signal)));
    expect(new Set(reads.map((one) => one.digest))).toEqual(new Set([digest]));
    expect([tokenCalls() - calls, refusals() - before]).toEqual([1, 5]);
    // The client, and whoever comes with a new one, have the new token at once.
    await client.resolve(reference, signal);
    await (await clientOf(ecr)).resolve(reference, signal);
    expect([tokenCalls() - calls, refusals() - before]).toEqual([1, 5]);

    // Refused right after it was got: that is no matter of the token, and AWS is not asked again.
    world.aws.expireEcrTokens();
    await expect(client.resolve(reference, signal)).rejects.toMatchObject({ code: 'Denied' });
    expect(tokenCalls() - calls).toBe(1);
    later(60_000);
    expect((await client.resolve(reference, signal)).digest).toBe(digest);
    expect(tokenCalls() - calls).toBe(2);
    ecr.close();
  });

  it('24: with no valid token left it is the registry’s rate limit, never a verdict about the image', async () => {
    const { ecr, later } = ecrWithClock();
    await ecr.credentialsFor(ecrHost(), 'shop/web', signal);
    later(12 * HOUR_MS);
    world.aws.faults.throttle(1_000, 'GetAuthorizationToken');
    const error = await ecr.credentialsFor(ecrHost(), 'shop/web', signal).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(AwsError);
    expect(error).toMatchObject({ code: 'Throttled', terminal: false });
    ecr.close();
  });
});

describe('46: AWS Signer throttles', () => {
  const INTERVAL_MS = 300;
  let service: SignerService;
  let envelopes: readonly Envelope[];

  beforeAll(async () => {
    service = new SignerService({
      endpoint: world.aws.endpoint,
      credentials: world.aws.credentials,
      maxAttempts: 1,
    });
    const profile = parseSigningProfileArn(world.aws.createProfile({ name: 'throttled' }).arn);
    const made: Envelope[] = [];
    for (let i = 0; i < 5; i += 1) {
      const digest = `sha256:${String(i).repeat(64)}`;
      const subject = { mediaType: 'application/vnd.oci.image.manifest.v1+json', digest, size: 1 };
      const { envelope } = await service.signPayload({ profile, payload: createPayload(subject) }, signal);
      made.push(parseEnvelope(envelope, MEDIA_TYPE_JWS));
    }
    envelopes = made;
  });
  afterAll(() => service?.close());

  it('46: the sweep stretches, its lag is told, and no verdict changes until the throttling ends', async () => {
    const told: string[] = [];
    const results: string[] = [];
    const sweep = new RevocationSweep({
      source: service,
      clock: () => new Date(),
      intervalMs: INTERVAL_MS,
      concurrency: 2,
      onChange: (users) => told.push(...users),
      onChecked: (result) => results.push(result),
    });
    const plugin = createSignerPlugin(sweep);
    const judge = (): Promise<readonly RevocationResult[]> =>
      Promise.all(envelopes.map((envelope) => plugin.checkRevocation(envelope, { now: new Date(), signal })));
    const statuses = async (): Promise<readonly string[]> => (await judge()).map(({ status }) => status);
    const jobs = envelopes.map((envelope) => signerAttributes(envelope)?.jobArn ?? '');
    try {
      expect(new Set(await statuses())).toEqual(new Set(['good']));
      for (const [i, job] of jobs.entries()) sweep.setUses(`image-${i}`, [job]);

      world.aws.faults.throttle(1_000_000, 'GetRevocationStatus');
      results.length = 0;
      told.length = 0;
      // Far beyond the two intervals for which an answer would count in an outage.
      await waitFor('the lag of ten intervals', () => sweep.lagMs() > 10 * INTERVAL_MS);
      const asked = results.filter((result) => result === 'throttled').length;
      expect(asked).toBeGreaterThan(0);
      // Ten intervals would be fifty calls and more; stretched, it is a fraction.
      expect(asked).toBeLessThan(40);
      expect(new Set(results)).toEqual(new Set(['throttled']));
      expect(new Set(await statuses())).toEqual(new Set(['good']));
      expect(told).toEqual([]);

      // What was revoked meanwhile is told once Signer answers again.
      world.aws.revokeSignature(jobs[0] ?? '');
      world.aws.faults.up();
      await waitFor('the revocation to be told', () => told.includes('image-0'), 60_000);
      expect((await judge()).map(({ status }) => status)).toEqual(['revoked', 'good', 'good', 'good', 'good']);
      await waitFor('the lag to be made up', () => sweep.lagMs() <= 0, 60_000);
    } finally {
      await sweep.stop();
    }
  });

  it('46: signing is tried again with backoff, and is never terminal', async () => {
    const profile = parseSigningProfileArn(`arn:aws:signer:${REGION}:${ACCOUNT}:/signing-profiles/throttled`);
    const payload = createPayload({
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      digest: `sha256:${'a'.repeat(64)}`,
      size: 1,
    });
    const patient = new SignerService({ endpoint: world.aws.endpoint, credentials: world.aws.credentials });
    world.aws.faults.throttle(2, 'SignPayload');
    expect((await patient.signPayload({ profile, payload }, signal)).jobArn).toBeDefined();
    patient.close();

    world.aws.faults.throttle(1_000, 'SignPayload');
    const error = await service.signPayload({ profile, payload }, signal).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'Throttled', terminal: false });
  });
});
