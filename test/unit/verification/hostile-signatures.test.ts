import { createHash } from 'node:crypto';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { RevocationChecker } from '../../../src/notary/index.ts';
import type { ArtifactStore } from '../../../src/oci/index.ts';
import { createPolicySet, type ImageEvaluation, ImageVerifier } from '../../../src/verification/index.ts';
import { forgeJws, rfc3339 } from '../../support/forge-jws.ts';
import { verifyTimestampOffline } from '../../support/no-network.ts';
import { type Chain, createChain } from '../../support/pki.ts';

const NOW = new Date();
const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const EMPTY = {
  mediaType: 'application/vnd.oci.empty.v1+json',
  digest: 'sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a',
  size: 2,
};
const MIB = 1024 * 1024;
const digestOf = (text: string): string => `sha256:${createHash('sha256').update(text).digest('hex')}`;
const SUBJECT = { mediaType: MANIFEST, digest: digestOf('image'), size: 5 };

let trusted: Chain;
let stranger: Chain;
beforeAll(async () => {
  [trusted, stranger] = [await createChain(), await createChain()];
});
afterEach(() => {
  vi.useRealTimers();
});

/** An envelope of anybody's, with so many bytes of junk in its unprotected header. */
function envelope({ key, certificates }: Chain, junk: number): Buffer {
  const header = (plain: object): Record<string, unknown> => ({ ...plain, junk: 'x'.repeat(junk) });
  const payload = JSON.stringify({ targetArtifact: SUBJECT });
  return forgeJws({ key, certificates, alg: 'ES256', now: NOW, payload, header });
}

type FetchBlob = ArtifactStore['fetchBlob'];

/** A store that lists these envelopes as signatures of the image. */
function storeOf(envelopes: readonly Buffer[], fetchBlob?: FetchBlob): ArtifactStore {
  const names = envelopes.map((_, i) => digestOf(`envelope ${i}`));
  const refuse = (): never => {
    throw new Error('nothing is pushed');
  };
  return {
    resolve: async () => SUBJECT,
    listReferrers: async () => ({
      referrers: names.map((_, i) => ({ mediaType: MANIFEST, digest: digestOf(`manifest ${i}`), size: i })),
    }),
    getManifest: async ({ digest = '' }) => {
      const i = names.findIndex((_, at) => digestOf(`manifest ${at}`) === digest);
      const layer = { mediaType: 'application/jose+json', digest: names[i], size: envelopes[i]?.length };
      const artifactType = 'application/vnd.cncf.notary.signature';
      const manifest = { schemaVersion: 2, artifactType, config: EMPTY, layers: [layer], subject: SUBJECT };
      return { descriptor: { mediaType: MANIFEST, digest, size: i }, bytes: Buffer.from(JSON.stringify(manifest)) };
    },
    fetchBlob: fetchBlob ?? (async (_, { digest }) => envelopes[names.indexOf(digest)] ?? Buffer.alloc(0)),
    signatureForm: 'artifactType',
    pushBlob: refuse,
    pushReferrer: refuse,
  };
}

const unrevoked: RevocationChecker = async () => ({ status: 'good', reason: 'not revoked' });

function verifierWith(checkRevocation: RevocationChecker = unrevoked): ImageVerifier {
  const statement = {
    name: 'app',
    registryScopes: ['*'],
    signatureVerification: { level: 'strict' },
    trustStores: ['ca:acme'],
    trustedIdentities: ['*'],
  };
  const metadata = { name: 'p', uid: 'p', creationTimestamp: rfc3339(NOW) };
  const policies = createPolicySet([{ metadata, spec: { version: '1.0', trustPolicies: [statement] } } as never]);
  return new ImageVerifier({
    policies: () => policies,
    findTrustStore: (type, name) => ({ type, name, certificates: trusted.certificates.slice(-1) }),
    plugins: [],
    checkRevocation,
    verifyTimestamp: verifyTimestampOffline(),
    clock: () => NOW,
    maxSignatures: 100,
    keptListMaxAgeMs: 0,
    signatureCacheBytes: MIB,
  });
}

function verify(
  verifier: ImageVerifier,
  client: ArtifactStore,
  signal = new AbortController().signal,
): Promise<ImageEvaluation> {
  const reference = { registry: 'registry.example', repository: 'app', digest: SUBJECT.digest };
  return verifier.verify({ reference, client, list: 'registry' }, signal);
}

/** Gives nothing until it is told to stop. */
const never = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));

describe('signatures that anybody pushed', () => {
  it('hold no memory in proportion to their size: outcomes keep 4 MiB of envelopes in all (notary.md A6, A7)', async () => {
    const envelopes = [1.5, 1.5, 1.5, 0, 1.5, 0].map((mib) => envelope(stranger, mib * MIB));
    const { verdict, signatures } = await verify(verifierWith(), storeOf(envelopes));
    expect(verdict).toBe('Untrusted');
    const held = signatures.map((each) => each.kind === 'evaluated' && each.outcome.envelope !== undefined);
    expect(held).toEqual([true, true, false, true, false, true]);
    const outcomes = signatures.map((each) => (each.kind === 'evaluated' ? each.outcome.decisive?.code : each.kind));
    expect(new Set(outcomes)).toEqual(new Set(['NotFromTrustStore']));
  });

  it('do not hide a good one behind them, whatever its own size (notary.md A8; faults.md 31)', async () => {
    const junk = [1, 2, 3, 4].map(() => envelope(stranger, 2 * MIB));
    const { verdict, signatures } = await verify(verifierWith(), storeOf([...junk, envelope(trusted, 5 * MIB)]));
    expect(verdict).toBe('Trusted');
    expect(signatures.at(-1)).toMatchObject({ outcome: { envelope: { format: 'JWS' } } });
  });

  it('are in memory one at a time where they are large, however many images are verified at once (notary.md A6)', async () => {
    const bytes = envelope(stranger, 1.5 * MIB);
    let [now, most] = [0, 0];
    const client = storeOf([bytes, bytes], async () => {
      now += 1;
      most = Math.max(most, now);
      await new Promise((resolve) => setTimeout(resolve, 5));
      now -= 1;
      return bytes;
    });
    const verifier = verifierWith();
    const verdicts = await Promise.all([1, 2, 3, 4].map(() => verify(verifier, client)));
    expect(verdicts.map(({ signatures }) => signatures.length)).toEqual([2, 2, 2, 2]);
    expect(most).toBe(1);
  });

  it('of a registry that never ends end in time, as Unknown (faults.md 34)', async () => {
    vi.useFakeTimers();
    const large = envelope(stranger, 1.5 * MIB);
    const client = storeOf([large, large, large], (_, __, ___, signal) => never(signal));
    const verifier = verifierWith();
    // The second one waits for its turn behind the first.
    const both = Promise.all([verify(verifier, client), verify(verifier, client)]);
    await vi.advanceTimersByTimeAsync(2 * 60_000);
    for (const { verdict, cause, signatures } of await both) {
      expect(verdict).toBe('Unknown');
      expect(cause).toMatchObject({
        reason: 'RegistryUnreachable',
        message: expect.stringMatching(/no time was left/),
      });
      expect(signatures.map(({ kind }) => kind)).toEqual(['unreachable', 'unreachable', 'unreachable']);
    }
  });

  it('are Unknown, too, where the time went with a revocation service, and never Revoked (faults.md 43)', async () => {
    vi.useFakeTimers();
    const client = storeOf([envelope(trusted, 0)]);
    const pending = verify(
      verifierWith((_, { signal }) => never(signal)),
      client,
    );
    await vi.advanceTimersByTimeAsync(2 * 60_000);
    expect((await pending).verdict).toBe('Unknown');
  });

  it('are left when whoever asked goes: that is no verdict', async () => {
    const asked = new AbortController();
    const client = storeOf([envelope(trusted, 0)]);
    const pending = verify(
      verifierWith((_, { signal }) => {
        setTimeout(() => asked.abort(new Error('the queue stops')));
        return never(signal);
      }),
      client,
      asked.signal,
    );
    await expect(pending).rejects.toThrow('the queue stops');
  });
});
