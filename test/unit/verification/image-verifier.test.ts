import { createHash } from 'node:crypto';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { anonymous, RegistryClient } from '../../../src/oci/index.ts';
import { createDispatcher } from '../../../src/transport/index.ts';
import {
  createPolicySet,
  type ImageEvaluation,
  ImageVerifier,
  imageKey,
  type PolicySet,
  type VerifyRequest,
} from '../../../src/verification/index.ts';
import { type ForgeOptions, forgeJws, rfc3339 } from '../../support/forge-jws.ts';
import { checkRevocationOffline, verifyTimestampOffline } from '../../support/no-network.ts';
import { type Chain, createChain, unrelatedKey } from '../../support/pki.ts';
import { answer, startWireRegistry, type WireRegistry } from '../oci/wire-registry.ts';

const NOW = new Date();
const HOUR_MS = 3_600_000;
const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const NOTATION = 'application/vnd.cncf.notary.signature';
const EMPTY = {
  mediaType: 'application/vnd.oci.empty.v1+json',
  digest: 'sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a',
  size: 2,
};

let chain: Chain;
let stranger: Chain;
beforeAll(async () => {
  [chain, stranger] = [await createChain(), await createChain()];
});

/** A registry over HTTP with one image, whose signatures and faults the test chooses. */
class World {
  readonly #contents = new Map<string, Buffer>();
  readonly #signatures: { readonly digest: string; readonly size: number }[] = [];
  readonly subject: { readonly mediaType: string; readonly digest: string; readonly size: number };
  /** Status to answer in place of the content, by what the URL contains. */
  readonly faults = new Map<string, number>();
  registry: WireRegistry | undefined;
  policies: PolicySet | undefined;
  now = NOW;
  readonly verifier = new ImageVerifier({
    policies: () => this.policies ?? this.policyOf({}),
    findTrustStore: (type, name) =>
      type === 'ca' && name === 'acme' ? { type, name, certificates: chain.certificates.slice(-1) } : undefined,
    plugins: [],
    checkRevocation: checkRevocationOffline(),
    verifyTimestamp: verifyTimestampOffline(),
    clock: () => this.now,
    maxSignatures: 3,
    keptListMaxAgeMs: HOUR_MS,
    signatureCacheBytes: 1_000_000,
  });

  constructor() {
    const image = JSON.stringify({ schemaVersion: 2, mediaType: MANIFEST, config: EMPTY, layers: [] });
    this.subject = { mediaType: MANIFEST, ...this.#put(image) };
  }

  async start(): Promise<this> {
    this.registry = await startWireRegistry(({ url = '' }, response) => {
      const fault = [...this.faults].find(([part]) => url.includes(part))?.[1];
      if (fault !== undefined) return answer(response, fault);
      if (url.includes('/referrers/')) {
        const manifests = this.#signatures.map((each) => ({ mediaType: MANIFEST, artifactType: NOTATION, ...each }));
        const type = 'application/vnd.oci.image.index.v1+json';
        const index = JSON.stringify({ schemaVersion: 2, mediaType: type, manifests });
        return answer(response, 200, index, { 'content-type': type });
      }
      const content = this.#contents.get(url.slice(url.lastIndexOf('/') + 1));
      if (content === undefined) return answer(response, 404);
      const type = url.includes('/manifests/') ? MANIFEST : 'application/octet-stream';
      return answer(response, 200, content, { 'content-type': type });
    });
    return this;
  }

  policyOf(statement: object): PolicySet {
    const host = this.registry?.host ?? '';
    const spec = {
      version: '1.0',
      trustPolicies: [
        {
          name: 'app',
          registryScopes: [`${host}/app`],
          signatureVerification: { level: 'strict' as const },
          trustStores: ['ca:acme'],
          trustedIdentities: ['*'],
          ...statement,
        },
      ],
    };
    return createPolicySet([{ metadata: { name: 'p', uid: 'p', creationTimestamp: rfc3339(NOW) }, spec }]);
  }

  /** Adds a signature; what it says of the image can be changed. */
  sign(options: Partial<ForgeOptions> = {}, by: Chain = chain): string {
    const payload = JSON.stringify({ targetArtifact: this.subject });
    return this.attach(
      forgeJws({ key: by.key, certificates: by.certificates, alg: 'ES256', now: NOW, payload, ...options }),
    );
  }

  /** Adds a signature with any bytes as its envelope. */
  attach(envelope: Buffer | string): string {
    const layer = { mediaType: 'application/jose+json', ...this.#put(envelope) };
    const manifest = { schemaVersion: 2, mediaType: MANIFEST, artifactType: NOTATION, config: EMPTY };
    const put = this.#put(JSON.stringify({ ...manifest, layers: [layer], subject: this.subject }));
    this.#signatures.push(put);
    return put.digest;
  }

  unlist(): void {
    this.#signatures.length = 0;
  }

  verify(more: Partial<VerifyRequest> = {}): Promise<ImageEvaluation> {
    const client = new RegistryClient({
      dispatcher: createDispatcher({ allowAddresses: ['127.0.0.0/8'] }),
      credentials: anonymous,
      plainHTTPHosts: () => true,
      userAgent: 'test',
      maxAttempts: 1,
      timeoutMs: 5_000,
    });
    const reference = { registry: this.registry?.host ?? '', repository: 'app', digest: this.subject.digest };
    return this.verifier.verify({ reference, client, list: 'registry', ...more }, AbortSignal.timeout(10_000));
  }

  /** How often the registry was asked for something whose URL contains this. */
  asked(part: string): number {
    return this.registry?.requests.filter((request) => request.includes(part)).length ?? 0;
  }

  #put(content: Buffer | string): { readonly digest: string; readonly size: number } {
    const bytes = Buffer.from(content);
    const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
    this.#contents.set(digest, bytes);
    return { digest, size: bytes.byteLength };
  }
}

let world: World;
beforeEach(async () => {
  world = await new World().start();
});
afterEach(() => world.registry?.stop());

/** `Trusted`, or `Untrusted NotFromTrustStore`. */
const told = ({ verdict, cause }: ImageEvaluation): string =>
  cause === undefined ? verdict : `${verdict} ${cause.reason}`;

describe('ImageVerifier', () => {
  it('trusts an image with a signature that passes, and says under which statement', async () => {
    world.sign();
    const evaluation = await world.verify();
    expect(told(evaluation)).toBe('Trusted');
    expect(evaluation).toMatchObject({ statement: { name: 'p/app' }, subject: world.subject });
  });

  it('an image without a signature is Unsigned', async () => {
    expect(told(await world.verify())).toBe('Unsigned NoSignature');
  });

  it.each<[string, () => unknown, string]>([
    ['a stranger', () => world.sign({}, stranger), 'Untrusted NotFromTrustStore'],
    ['a forged signature', () => world.sign({ key: unrelatedKey() }), 'Untrusted IntegrityFailed'],
    ['an envelope that is no JSON', () => world.attach('<html>'), 'Untrusted SignatureMalformed'],
    [
      'another digest (faults.md 37)',
      () =>
        world.sign({
          payload: JSON.stringify({ targetArtifact: { ...world.subject, digest: `sha256:${'0'.repeat(64)}` } }),
        }),
      'Untrusted OtherSubject',
    ],
    [
      'another size (faults.md 37)',
      () => world.sign({ payload: JSON.stringify({ targetArtifact: { ...world.subject, size: 1 } }) }),
      'Untrusted OtherSubject',
    ],
    [
      'another media type (faults.md 37)',
      () => world.sign({ payload: JSON.stringify({ targetArtifact: { ...world.subject, mediaType: 'text/plain' } }) }),
      'Untrusted OtherSubject',
    ],
  ])('%s does not pass', async (_, attach, expected) => {
    attach();
    expect(told(await world.verify())).toBe(expected);
  });

  it('a good signature behind bad and unreadable ones passes (notary.md A8; faults.md 31)', async () => {
    world.faults.set(world.attach('unreachable'), 503);
    world.attach('<html>');
    world.sign();
    const { verdict, signatures } = await world.verify();
    expect(verdict).toBe('Trusted');
    expect(signatures.map(({ kind }) => kind)).toEqual(['unreachable', 'evaluated', 'evaluated']);
  });

  it('stops at the limit with a reason of its own (notary.md A7; faults.md 30)', async () => {
    for (let i = 0; i < 3; i += 1) world.attach(`junk ${i}`);
    world.sign();
    const evaluation = await world.verify();
    expect(told(evaluation)).toBe('Untrusted TooManySignatures');
    expect(evaluation.signatures).toHaveLength(3);
  });

  it.each([
    [500, 'Unknown RegistryUnreachable'],
    [401, 'Unknown RegistryDenied'],
    [403, 'Unknown RegistryDenied'],
    [429, 'Unknown RegistryRateLimited'],
  ])(
    'a registry that answers %d says nothing of the image (notary.md A4; faults.md 21, 22)',
    async (status, expected) => {
      world.sign();
      for (const part of ['/manifests/', '/referrers/']) {
        world.faults.clear();
        world.faults.set(part, status);
        const evaluation = await world.verify();
        expect(told(evaluation)).toBe(expected);
        expect(evaluation.subject).toBeUndefined();
      }
    },
  );

  it('a registry that is down is Unknown', async () => {
    await world.registry?.stop();
    expect(told(await world.verify())).toBe('Unknown RegistryUnreachable');
  });

  it('a list once read stands in for a registry that throttles or refuses, for its time, but not for one that is down', async () => {
    world.sign();
    await world.verify();
    for (const [status, expected] of [
      [429, 'Trusted'],
      [401, 'Trusted'],
      [503, 'Unknown RegistryUnreachable'],
    ] as const) {
      world.faults.set('/referrers/', status);
      expect(told(await world.verify())).toBe(expected);
    }
    world.faults.set('/referrers/', 429);
    world.now = new Date(NOW.getTime() + HOUR_MS);
    expect(told(await world.verify())).toBe('Unknown RegistryRateLimited');
  });

  it('a kept list asks the registry nothing; time and policy are judged all the same', async () => {
    const expiry = new Date(NOW.getTime() + HOUR_MS);
    world.sign({
      protected: (header) => ({
        ...header,
        crit: ['io.cncf.notary.signingScheme', 'io.cncf.notary.expiry'],
        'io.cncf.notary.expiry': rfc3339(expiry),
      }),
    });
    const { changesAt, expiresAt } = await world.verify();
    expect(expiresAt?.getTime()).toBe(Math.floor(expiry.getTime() / 1_000) * 1_000);
    expect(changesAt).toEqual(expiresAt);
    const before = world.registry?.requests.length;
    world.now = expiry;
    expect(told(await world.verify({ list: 'kept' }))).toBe('Expired SignatureExpired');
    world.now = NOW;
    world.policies = world.policyOf({ trustStores: ['ca:other'] });
    expect((await world.verify({ list: 'kept' })).verdict).toBe('Unknown');
    expect(world.registry?.requests).toHaveLength(before ?? 0);
    world.verifier.forget(imageKey(`${world.registry?.host}/app`, world.subject.digest));
    await world.verify({ list: 'kept' });
    expect(world.asked('/referrers/')).toBe(2);
  });

  it('a signature is fetched once, and one that is gone from the list no longer counts', async () => {
    world.sign();
    await world.verify();
    await world.verify();
    expect(world.asked('/blobs/')).toBe(1);
    world.unlist();
    expect(told(await world.verify())).toBe('Unsigned NoSignature');
  });

  it('stops at the first that passes, unless all are asked for', async () => {
    world.sign();
    world.sign({}, stranger);
    expect((await world.verify()).signatures).toHaveLength(1);
    const evaluation = await world.verify({ exhaustive: true });
    expect([evaluation.verdict, evaluation.signatures.length]).toEqual(['Trusted', 2]);
  });

  it('metadata that is required and not signed is fatal', async () => {
    world.sign();
    expect(told(await world.verify({ requiredMetadata: { team: 'a' } }))).toBe('Untrusted UserMetadataMismatch');
  });

  it('skip is trusted, and no statement Uncovered, without a call to the registry (notary.md G)', async () => {
    world.policies = world.policyOf({
      signatureVerification: { level: 'skip' },
      trustStores: undefined,
      trustedIdentities: undefined,
    });
    expect(told(await world.verify())).toBe('Trusted');
    world.policies = createPolicySet([]);
    expect(told(await world.verify())).toBe('Uncovered NoStatementApplies');
    expect(world.registry?.requests).toEqual([]);
  });

  it('an image that only an invalid policy names is Unknown, not Uncovered, and costs no call', async () => {
    world.policies = world.policyOf({ trustedIdentities: [] });
    const evaluation = await world.verify();
    expect(told(evaluation)).toBe('Unknown PolicyInvalid');
    expect(evaluation.cause?.message).toMatch(/^the TrustPolicy p names this repository and is invalid: .*F5/);
    expect(evaluation.statement?.name).toBe('p/app');
    expect(world.registry?.requests).toEqual([]);
  });

  it('signatures read where no statement applies are called Trusted by nobody', async () => {
    world.sign();
    world.policies = createPolicySet([]);
    const evaluation = await world.verify({ exhaustive: true });
    expect(told(evaluation)).toBe('Uncovered NoStatementApplies');
    expect(evaluation.signatures.map((each) => each.kind === 'evaluated' && each.outcome.verdict)).toEqual(['Unknown']);
  });
});
