import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ImageSignatureRequest } from '../../src/api/image-signature-request.ts';
import { parseSigningProfileArn, SignerService } from '../../src/aws/index.ts';
import { createPayload, MEDIA_TYPE_JWS } from '../../src/notary/index.ts';
import { ACCOUNT, type AwsWorld, ecrHost, startAwsWorld } from '../support/aws-world.ts';
import { keysOf, profileArnOf, startEcrScenario } from '../support/ecr-scenario.ts';
import { type PushedImage, pushImage } from '../support/images.ts';
import { waitFor } from '../support/processes.ts';
import type { Scenario } from '../support/scenario.ts';
import { sharedControlPlane } from '../support/shared-control-plane.ts';
import { attach, localClient, subjectOf } from '../support/signed-images.ts';

/** One of the profile's days: signatures of `short` hold for sixteen of them. */
const DAY_MS = 1_000;
const PROFILES = ['shop', 'other', 'short'];

let world: AwsWorld;
let scenario: Scenario;
let ecr: SignerService;

beforeAll(async () => {
  world = await startAwsWorld({ emulator: { dayMs: DAY_MS } });
  world.aws.createProfile({ name: 'shop' });
  world.aws.createProfile({ name: 'other' });
  world.aws.createProfile({ name: 'short', validity: { value: 16, type: 'DAYS' } });
  ecr = new SignerService({
    endpoint: world.aws.endpoint,
    credentials: world.aws.identities.createAccessKey(ACCOUNT, 'ecr'),
  });
  scenario = await startEcrScenario(sharedControlPlane(), 'managed', world, {
    env: keysOf(world.aws.credentials),
    profileArns: PROFILES.map((name) => profileArnOf(name)),
  });
  await scenario.trust({ repositories: ['shop/web'], identities: PROFILES.map((name) => profileArnOf(name)) });
});
afterAll(async () => {
  ecr?.close();
  await scenario?.stop();
  await world?.stop();
});

/** An image that ECR signed when it was pushed, with its own identity and past the operator's. @returns it, and the signature's digest */
async function managed(tag: string, profile: string): Promise<readonly [PushedImage, string]> {
  const image = await pushImage(world.registry.host, 'shop/web', tag, { content: tag });
  const { envelope } = await ecr.signPayload(
    { profile: parseSigningProfileArn(profileArnOf(profile)), payload: createPayload(subjectOf(image)) },
    new AbortController().signal,
  );
  return [image, await attach(localClient(), image, envelope, MEDIA_TYPE_JWS)];
}

function request(tag: string, profile: string, more: object = {}): Promise<void> {
  const sign = { awsSigner: { profileArn: profileArnOf(profile) }, ...more };
  return scenario.request(tag, { images: [`${ecrHost()}/shop/web:${tag}`], sign });
}

/** What the operator did since a moment, in calls of AWS Signer and uploads to ECR. */
function watch(): () => { readonly signed: number; readonly uploads: number } {
  const [calls, records] = [world.aws.requests.length, world.front.records.length];
  return () => ({
    signed: world.aws.requests
      .slice(calls)
      .filter((one) => one.operation === 'SignPayload' && one.principalArn === world.aws.credentials.principal.arn)
      .length,
    uploads: world.front.records.slice(records).filter(({ action }) => action === 'ecr:PutImage').length,
  });
}

const signaturesOf = ({ status }: ImageSignatureRequest): readonly string[] =>
  (status?.images?.[0]?.signatures ?? []).map(({ digest }) => digest);
const verifiedSince = ({ status }: ImageSignatureRequest): string | undefined =>
  status?.conditions?.find(({ type }) => type === 'Verified')?.lastTransitionTime;

describe('an image that ECR managed signing signed on push (aws.md, "Amazon ECR")', () => {
  it('with the wanted profile is not signed again, neither at first nor later', async () => {
    const [image, signature] = await managed('wanted', 'shop');
    const did = watch();
    await request('wanted', 'shop');
    const first = await scenario.waitForRequest('wanted', 'Ready', 'True', 'Succeeded');
    expect(first.status?.images?.[0]).toMatchObject({ digest: image.digest, verdict: 'Trusted' });
    const later = await scenario.reconcileNow('wanted', 'later');
    for (const found of [first, later]) {
      expect(signaturesOf(found)).toEqual([signature]);
      expect(found.status?.ownSignatures ?? []).toEqual([]);
    }
    expect(did()).toEqual({ signed: 0, uploads: 0 });
  });

  it('with another profile is signed with the wanted one, once', async () => {
    const [, signature] = await managed('unwanted', 'other');
    const did = watch();
    await request('unwanted', 'shop');
    await scenario.waitForRequest('unwanted', 'Ready', 'True', 'Succeeded');
    const later = await scenario.reconcileNow('unwanted', 'later');
    expect(signaturesOf(later)).toContain(signature);
    expect([signaturesOf(later).length, later.status?.ownSignatures?.length]).toEqual([2, 1]);
    expect(did()).toEqual({ signed: 1, uploads: 1 });
  });
});

describe('renewBefore with AWS Signer, whose profile says how long a signature holds', () => {
  it('signs anew before the signature of ECR expires, then before the own one does, and is Trusted all the while', async () => {
    const [, signature] = await managed('short', 'short');
    const did = watch();
    // Longer than half their life: they are renewed at its half.
    await request('short', 'short', { renewBefore: '15s' });
    const first = await scenario.waitForRequest('short', 'Ready', 'True', 'Succeeded');
    expect([signaturesOf(first), did().signed]).toEqual([[signature], 0]);
    const renewed = await waitFor('the second signature of its own', async () => {
      const found = await scenario.getRequest('short');
      return (found.status?.ownSignatures?.length ?? 0) >= 2 ? found : undefined;
    });
    const jobs = new Set((renewed.status?.ownSignatures ?? []).map(({ jobArn }) => jobArn));
    expect([jobs.size, did()]).toEqual([2, { signed: 2, uploads: 2 }]);
    // It was not otherwise for a moment: by now the signature of ECR has expired.
    const { status } = await scenario.waitForRequest('short', 'Verified', 'True');
    expect(status?.images?.[0]?.verdict).toBe('Trusted');
    expect(verifiedSince(renewed)).toBe(verifiedSince(first));
    await scenario.request('short', { images: [`${ecrHost()}/shop/web:short`], suspend: true });
  });
});
