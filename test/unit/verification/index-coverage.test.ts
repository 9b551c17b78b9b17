import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Descriptor, RevocationResult } from '../../../src/notary/index.ts';
import { type ImageEvaluation, imageKey } from '../../../src/verification/index.ts';
import { type Chain, createChain } from '../../support/pki.ts';
import { RegistryWorld } from './registry-world.ts';

const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const INDEX = 'application/vnd.oci.image.index.v1+json';
const DOCKER_LIST = 'application/vnd.docker.distribution.manifest.list.v2+json';
const DOCKER_MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json';
const REVOKED: RevocationResult = { status: 'revoked', kind: 'certificate', reason: 'revoked', revoked: ['CN=leaf'] };

let chain: Chain;
let stranger: Chain;
beforeAll(async () => {
  [chain, stranger] = [await createChain(), await createChain()];
});

let world: RegistryWorld;
let arm: Descriptor;
let amd: Descriptor;
beforeEach(async () => {
  world = await new RegistryWorld(chain).start();
  [arm, amd] = [world.platform('arm64'), world.platform('amd64')];
});
afterEach(() => world.stop());

const told = ({ verdict, cause }: ImageEvaluation): string =>
  cause === undefined ? verdict : `${verdict} ${cause.reason}`;
const message = ({ cause }: ImageEvaluation): string => cause?.message ?? '';

/** Tags `v1` with an index of both platforms, signed. */
function signedIndex(by: Chain = chain): Descriptor {
  const index = world.index([amd, arm]);
  world.tags.set('v1', index.digest);
  world.sign(index, by);
  return index;
}

describe('a platform manifest without a signature of its own', () => {
  it('is covered by the signature of the index that its tag names, and the verdict says so (A9)', async () => {
    const index = signedIndex();
    const evaluation = await world.verify(arm);
    expect(told(evaluation)).toBe('Trusted');
    expect(evaluation.coveredBy).toEqual({ digest: index.digest });
    expect(evaluation.subject).toEqual(arm);
    expect(evaluation.signatures.map((signature) => signature.index)).toEqual([index.digest]);
  });

  it('is covered by a Docker manifest list too (A9)', async () => {
    const image = world.platform('s390x', DOCKER_MANIFEST);
    const index = world.index([image], DOCKER_LIST);
    world.tags.set('v1', index.digest);
    world.sign(index);
    expect((await world.verify(image)).coveredBy).toEqual({ digest: index.digest });
  });

  it('is covered by an index that a pod names by digest, or by a tag beside the own digest (A9)', async () => {
    const index = signedIndex();
    expect(told(await world.verify(arm, [`app@${index.digest}`]))).toBe('Trusted');
    expect(told(await world.verify(amd, [`app:v1@${amd.digest}`]))).toBe('Trusted');
  });

  it.each<[string, (image: Descriptor) => object, RegExp]>([
    ['another size', (image) => ({ ...image, size: image.size + 1 }), /lists its digest with another size or media/],
    ['another media type', (image) => ({ ...image, mediaType: DOCKER_MANIFEST }), /with another size or media type/],
    ['another digest', () => amd, /the index sha256:[0-9a-f]{12} that the tag v1 names now does not list it/],
  ])('is not covered by an index that lists it with %s (A9)', async (_name, entry, why) => {
    const index = world.index([entry(arm)]);
    world.tags.set('v1', index.digest);
    world.sign(index);
    const evaluation = await world.verify(arm);
    expect(told(evaluation)).toBe('Unsigned NoSignature');
    expect(message(evaluation)).toMatch(why);
    expect(evaluation.coveredBy).toBeUndefined();
  });

  it('is not covered by a manifest that only looks like an index (A9)', async () => {
    const fake = world.put(
      { schemaVersion: 2, mediaType: MANIFEST, config: {}, layers: [], manifests: [arm] },
      MANIFEST,
    );
    world.tags.set('v1', fake.digest);
    world.sign(fake);
    const evaluation = await world.verify(arm);
    expect(told(evaluation)).toBe('Unsigned NoSignature');
    expect(message(evaluation)).toContain('names another image now');
  });

  it('is not covered by an index within the index (A9)', async () => {
    const inner = world.index([arm]);
    const outer = world.index([inner]);
    world.tags.set('v1', outer.digest);
    world.sign(outer);
    expect(told(await world.verify(arm))).toBe('Unsigned NoSignature');
    expect(told(await world.verify(inner))).toBe('Unsigned NoSignature');
  });

  it('is not covered by an index of another repository, whatever a pod is named after (A9)', async () => {
    signedIndex();
    expect(told(await world.verify(arm, ['other:v1', 'app/x:v1']))).toBe('Unsigned NoSignature');
    expect(world.registry?.requests.some((request) => request.includes('/manifests/v1'))).toBe(false);
  });

  it('says that its index has no signature either (A9)', async () => {
    world.tags.set('v1', world.index([arm]).digest);
    const evaluation = await world.verify(arm);
    expect(told(evaluation)).toBe('Unsigned NoSignature');
    expect(message(evaluation)).toMatch(/no Notary Project signature; its index sha256:[0-9a-f]{12} has none either$/);
  });

  it('follows its index where that is revoked, and is told with what was revoked (A9)', async () => {
    const index = signedIndex();
    world.checkRevocation = async () => REVOKED;
    const evaluation = await world.verify(arm);
    expect(told(evaluation)).toBe('Revoked CertificateRevoked');
    expect(evaluation).toMatchObject({ coveredBy: { digest: index.digest }, cause: { revoked: ['CN=leaf'] } });
    expect(message(evaluation)).toMatch(
      /^signature sha256:[0-9a-f]{12} of its index sha256:[0-9a-f]{12} \(revocation\): revoked$/,
    );
  });

  it('is Untrusted where its index is signed by a stranger (A9)', async () => {
    signedIndex(stranger);
    expect(told(await world.verify(arm))).toBe('Untrusted NotFromTrustStore');
  });

  it('is not called full of signatures where only its index is (A7, A9)', async () => {
    const index = signedIndex(stranger);
    for (let i = 0; i < 3; i += 1) world.sign(index, stranger);
    const evaluation = await world.verify(arm);
    expect([evaluation.truncated, evaluation.signatures.length]).toEqual([false, 3]);
    expect(told(evaluation)).toBe('Untrusted TooManySignatures');
  });

  it('costs two requests more than the image alone, and nothing where the image has a signature (A9)', async () => {
    signedIndex();
    world.sign(amd);
    await world.verify(amd);
    const own = world.requests();
    expect(world.registry?.requests.some((request) => request.includes('/manifests/v1'))).toBe(false);
    await world.verify(arm);
    // Manifest and referrers of its own; the tag, the index' referrers, manifest and envelope of its signature.
    expect(world.requests() - own).toBe(6);
    const first = world.requests();
    await world.verify(arm);
    expect(world.requests() - first).toBe(2);
    await world.verify(arm, ['app:v1'], { list: 'kept' });
    expect(world.requests() - first).toBe(2);
  });
});

describe('a tag that moves', () => {
  it('takes nothing back from what runs: the index that covered it still does (A9)', async () => {
    const index = signedIndex();
    await world.verify(arm);
    world.tags.set('v1', world.index([amd]).digest);
    expect((await world.verify(arm)).coveredBy).toEqual({ digest: index.digest });
    world.tags.delete('v1');
    expect((await world.verify(arm)).coveredBy).toEqual({ digest: index.digest });
  });

  it('is followed where no index that is known passes: a rebuild that was signed covers it (A9)', async () => {
    signedIndex(stranger);
    expect((await world.verify(arm)).verdict).toBe('Untrusted');
    const signed = world.index([arm], INDEX, { annotations: { build: '2' } });
    world.sign(signed);
    world.tags.set('v1', signed.digest);
    expect((await world.verify(arm)).coveredBy).toEqual({ digest: signed.digest });
  });

  it('without an index known from before covers no more, and the cause says why (A9)', async () => {
    signedIndex();
    world.tags.delete('v1');
    const evaluation = await world.verify(arm);
    expect(told(evaluation)).toBe('Unsigned NoSignature');
    expect(message(evaluation)).toContain('the tag v1 is not in the registry any more');
  });

  it('a reference that comes later is asked for, once, although the list is kept (A9)', async () => {
    const index = signedIndex();
    expect((await world.verify(arm, [])).verdict).toBe('Unsigned');
    expect((await world.verify(arm, ['app:v1'], { list: 'kept' })).coveredBy).toEqual({ digest: index.digest });
    world.verifier.forget(imageKey(`${world.registry?.host}/app`, arm.digest));
    expect((await world.verify(arm, [])).verdict).toBe('Unsigned');
  });
});

describe('a fault while the index is looked for', () => {
  it.each([
    ['the tag', '/manifests/v1', 503, 'Unknown RegistryUnreachable'],
    ['the tag, refused', '/manifests/v1', 403, 'Unknown RegistryDenied'],
    ['the tag, throttled', '/manifests/v1', 429, 'Unknown RegistryRateLimited'],
  ])('%s: Unknown, never Unsigned (A9; faults.md 21)', async (_name, part, status, expected) => {
    signedIndex();
    world.faults.set(part, status);
    const evaluation = await world.verify(arm);
    expect(told(evaluation)).toBe(expected);
    expect(message(evaluation)).toMatch(/^whether an index covers the image: /);
  });

  it("the index' signatures: Unknown, never Unsigned (A9; faults.md 21)", async () => {
    const index = signedIndex();
    world.faults.set(`/referrers/${index.digest}`, 503);
    expect(told(await world.verify(arm))).toBe('Unknown RegistryUnreachable');
  });

  it('a 404 that no registry says is no answer: Unknown (A9)', async () => {
    signedIndex();
    world.faults.set('/manifests/v1', 404);
    expect(told(await world.verify(arm))).toBe('Unknown RegistryUnreachable');
  });

  it('takes no Revoked back (A9)', async () => {
    world.checkRevocation = async () => REVOKED;
    world.sign(arm);
    world.faults.set('/manifests/v1', 503);
    expect(told(await world.verify(arm))).toBe('Revoked CertificateRevoked');
  });

  it('throttling changes nothing where the tag was answered before (A9; faults.md 22)', async () => {
    world.tags.set('v1', world.index([amd]).digest);
    expect((await world.verify(arm)).verdict).toBe('Unsigned');
    world.faults.set('/manifests/v1', 429);
    expect((await world.verify(arm)).verdict).toBe('Unsigned');
    world.faults.set('/manifests/v1', 503);
    expect((await world.verify(arm)).verdict).toBe('Unknown');
  });
});
