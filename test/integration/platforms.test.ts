import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ANNOTATIONS } from '../../src/api/group.ts';
import type { ImageSignatureRequest, SignSpec } from '../../src/api/image-signature-request.ts';
import { listSignatures, parseReference, platformManifests } from '../../src/oci/index.ts';
import { type PushedImage, pushImage } from '../support/images.ts';
import { waitFor } from '../support/processes.ts';
import { REGISTRY_KINDS } from '../support/registries.ts';
import { type Scenario, startScenario } from '../support/scenario.ts';
import { sharedControlPlane } from '../support/shared-control-plane.ts';
import { deadline, localClient } from '../support/signed-images.ts';

/** The last is an attestation's, as BuildKit writes it: no platform. */
const PLATFORMS = ['linux/amd64', 'linux/arm64', 'unknown/unknown'];
const KEY: SignSpec = { key: { secretRef: { name: 'signer' } }, platforms: 'IndexAndManifests' };

describe.each(REGISTRY_KINDS)('an index that is signed with its manifests, on a registry with %s (A5)', (kind) => {
  let scenario: Scenario;
  beforeAll(async () => {
    scenario = await startScenario(sharedControlPlane(), `platforms-${kind}`, { registry: kind });
    await scenario.trust({ repositories: ['team/app'] });
    await scenario.keySecret('signer');
  });
  afterAll(() => scenario?.stop());

  const push = (tag: string, content?: string): Promise<PushedImage> =>
    pushImage(scenario.registry.host, 'team/app', tag, {
      platforms: PLATFORMS,
      ...(content === undefined ? {} : { content }),
    });

  /** Digests of the platform manifests, by platform. */
  async function manifestsOf({ reference }: PushedImage): Promise<ReadonlyMap<string, string>> {
    const index = await localClient().getManifest(parseReference(reference), deadline());
    const manifests = platformManifests(index, reference) ?? [];
    return new Map(manifests.map(({ platform, descriptor }) => [platform, descriptor.digest]));
  }

  /** How many signatures each of these digests has. */
  async function signaturesOf({ repository }: PushedImage, digests: Iterable<string>): Promise<readonly number[]> {
    const client = localClient();
    const counts: number[] = [];
    for (const digest of digests) {
      const reference = parseReference(`${repository}@${digest}`);
      const subject = await client.resolve(reference, deadline());
      counts.push((await listSignatures(client, reference, subject, { max: 100 }, deadline())).signatures.length);
    }
    return counts;
  }

  const conditionOf = (request: ImageSignatureRequest, type: string): string | undefined =>
    request.status?.conditions?.find((condition) => condition.type === type)?.message;

  it('has one signature on each, made once, and a status for each; its attestation has none', async () => {
    const image = await push('key');
    await scenario.request('key', { images: [image.reference], sign: KEY, deletionPolicy: 'DeleteSignature' });
    const first = await scenario.waitForRequest('key', 'Ready', 'True', 'Succeeded');
    const manifests = await manifestsOf(image);
    expect([...manifests.keys()]).toEqual(['linux/amd64', 'linux/arm64']);
    expect(first.status?.images?.[0]).toMatchObject({
      digest: image.digest,
      verdict: 'Trusted',
      platforms: [...manifests].map(([platform, digest]) => ({ platform, digest, verdict: 'Trusted', signatures: 1 })),
    });
    expect(first.status?.summary).toMatchObject({ images: 1, signed: '1/1', verified: '1/1' });
    const again = await scenario.reconcileNow('key', 'again');
    expect(again.status?.ownSignatures).toEqual(first.status?.ownSignatures);
    expect(again.status?.ownSignatures?.map(({ subjectDigest }) => subjectDigest)).toEqual([
      image.digest,
      ...manifests.values(),
    ]);
    const index = await localClient().getManifest(parseReference(image.reference), deadline());
    const listed = (JSON.parse(index.bytes.toString()) as { manifests: { digest: string }[] }).manifests;
    expect(await signaturesOf(image, [image.digest, ...listed.map(({ digest }) => digest)])).toEqual([1, 1, 1, 0]);
  });

  it('loses them all, and nothing else, with the request (DeleteSignature)', async () => {
    const image = await push('key');
    const digests = [image.digest, ...(await manifestsOf(image)).values()];
    await scenario.plane.ok(['delete', 'isr', 'key', '-n', scenario.id, '--timeout=30s']);
    expect(await signaturesOf(image, digests)).toEqual([0, 0, 0]);
    if (kind === 'referrers') return;
    // Not even an empty index is left.
    for (const digest of digests) {
      const tag = digest.replace(':', '-');
      expect((await fetch(`http://${scenario.registry.host}/v2/team/app/manifests/${tag}`)).status).toBe(404);
    }
  });

  it('of one platform alone is signed as ever', async () => {
    const image = await pushImage(scenario.registry.host, 'team/app', 'single');
    await scenario.request('single', { images: [image.reference], sign: KEY });
    const { status } = await scenario.waitForRequest('single', 'Ready', 'True', 'Succeeded');
    expect(status?.images?.[0]?.platforms).toBeUndefined();
    expect(status?.ownSignatures?.map(({ subjectDigest }) => subjectDigest)).toEqual([image.digest]);
  });

  it('says which platform is not signed, signs the others, and goes on once it can', async () => {
    const image = await push('partly', 'partly');
    const arm = (await manifestsOf(image)).get('linux/arm64') ?? '';
    const client = localClient();
    const reference = parseReference(`${image.repository}@${arm}`);
    const { bytes, descriptor } = await client.getManifest(reference, deadline());
    await client.deleteManifest(reference, arm, deadline());
    await scenario.request('partly', { images: [image.reference], sign: KEY });
    const partly = await scenario.waitForRequest('partly', 'Signed', 'Unknown', 'NotSigned');
    expect(conditionOf(partly, 'Signed')).toContain(`1 of 1 image not signed; ${image.reference}: `);
    expect(conditionOf(partly, 'Signed')).toContain(arm);
    expect(conditionOf(partly, 'Verified')).toContain(`${image.reference} (linux/arm64)`);
    expect(partly.status?.images?.[0]).toMatchObject({
      verdict: 'Trusted',
      platforms: [
        { platform: 'linux/amd64', verdict: 'Trusted', signatures: 1 },
        { platform: 'linux/arm64', verdict: 'Unknown', cause: { reason: 'ImageNotFound' }, signatures: 0 },
      ],
    });
    expect(partly.status?.summary).toMatchObject({ signed: '0/1', verified: '0/1' });
    await client.pushManifest(reference, bytes, descriptor.mediaType, undefined, deadline());
    const whole = await scenario.reconcileNow('partly', 'whole');
    expect(whole.status?.summary).toMatchObject({ signed: '1/1', verified: '1/1' });
    expect(whole.status?.images?.[0]?.platforms?.map(({ signatures }) => signatures)).toEqual([1, 1]);
  });
});

describe('an index that is signed with its manifests', () => {
  let scenario: Scenario;
  beforeAll(async () => {
    scenario = await startScenario(sharedControlPlane(), 'platforms-aws', { registry: 'no-referrers' });
    await scenario.trust({ repositories: ['team/app'] });
    await scenario.keySecret('signer');
  });
  afterAll(() => scenario?.stop());

  it('with AWS Signer has a job for each; the revocation of one is told with its platform; all are revoked with the request', async () => {
    const image = await pushImage(scenario.registry.host, 'team/app', 'aws', { platforms: PLATFORMS });
    const awsSigner = { profileArn: scenario.profileArn(scenario.id.replaceAll('-', '_')) };
    const sign: SignSpec = { awsSigner, platforms: 'IndexAndManifests' };
    await scenario.request('aws', { images: [image.reference], sign, deletionPolicy: 'RevokeSignature' });
    const { status } = await scenario.waitForRequest('aws', 'Ready', 'True', 'Succeeded');
    const jobs = status?.ownSignatures?.map(({ jobArn }) => jobArn ?? '') ?? [];
    expect(new Set(jobs).size).toBe(3);

    scenario.aws.revokeSignature(jobs[2] ?? '');
    const revoked = await scenario.waitForRequest('aws', 'Stalled', 'True', 'SignatureRevoked');
    const stalled = revoked.status?.conditions?.find(({ type }) => type === 'Stalled');
    expect(stalled?.message).toContain(`${image.reference} (linux/arm64): `);
    expect(stalled?.message).toContain(ANNOTATIONS.signAnewRequestedAt);
    // The index's signature covers it still (A9).
    expect(revoked.status?.images?.[0]?.platforms?.map(({ verdict }) => verdict)).toEqual(['Trusted', 'Trusted']);
    expect(revoked.status?.summary).toMatchObject({ signed: '0/1', verified: '1/1' });

    await scenario.plane.ok(['delete', 'isr', 'aws', '-n', scenario.id, '--timeout=30s']);
    const calls = scenario.aws.requests.filter(({ operation }) => operation === 'RevokeSignature');
    expect(calls).toHaveLength(3);
  });

  it('has each renewed before it expires', async () => {
    const image = await pushImage(scenario.registry.host, 'team/app', 'renew', { platforms: PLATFORMS });
    const sign: SignSpec = { ...KEY, expiry: '16s', renewBefore: '15s' };
    await scenario.request('renew', { images: [image.reference], sign });
    const renewed = await waitFor('each to be signed twice', async () => {
      const request = await scenario.getRequest('renew');
      return (request.status?.ownSignatures?.length ?? 0) >= 6 ? request : undefined;
    });
    const subjects = (renewed.status?.ownSignatures ?? []).map(({ subjectDigest }) => subjectDigest);
    expect(subjects.slice(3, 6)).toEqual(subjects.slice(0, 3));
  });
});
