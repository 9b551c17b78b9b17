import { createHash } from 'node:crypto';
import type { Descriptor, RevocationChecker } from '../../../src/notary/index.ts';
import { anonymous, RegistryClient } from '../../../src/oci/index.ts';
import { createDispatcher } from '../../../src/transport/index.ts';
import {
  createPolicySet,
  ImageVerifier,
  type ImageVerifierOptions,
  type VerifyRequest,
} from '../../../src/verification/index.ts';
import { forgeJws, rfc3339 } from '../../support/forge-jws.ts';
import type { Chain } from '../../support/pki.ts';
import { answer, startWireRegistry, type WireRegistry } from '../oci/wire-registry.ts';

const HOUR_MS = 3_600_000;
const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const INDEX = 'application/vnd.oci.image.index.v1+json';
const NOTATION = 'application/vnd.cncf.notary.signature';
const EMPTY = {
  mediaType: 'application/vnd.oci.empty.v1+json',
  digest: 'sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a',
  size: 2,
};

/** A verifier, and a registry over HTTP with manifests, tags and the Referrers API. `app` is the one repository under a policy. */
export class RegistryWorld {
  readonly started = new Date();
  readonly chain: Chain;
  readonly #contents = new Map<string, { readonly bytes: Buffer; readonly type: string }>();
  readonly #referrers = new Map<string, Descriptor[]>();
  readonly tags = new Map<string, string>();
  /** Status to answer in place of the content, by what the URL contains. */
  readonly faults = new Map<string, number>();
  registry: WireRegistry | undefined;
  now = this.started;
  /** What was looked for in caches, and whether it was there. */
  readonly lookups: string[] = [];
  checkRevocation: RevocationChecker = async () => ({ status: 'good', reason: 'not revoked' });
  verifier = this.newVerifier();

  /** One that knows nothing but what a cache on disk gives it. */
  newVerifier(more: Partial<ImageVerifierOptions> = {}): ImageVerifier {
    return new ImageVerifier({
      policies: () => this.#policies(),
      findTrustStore: (type, name) =>
        type === 'ca' && name === 'acme' ? { type, name, certificates: this.chain.certificates.slice(-1) } : undefined,
      plugins: [],
      checkRevocation: (envelope, context) => this.checkRevocation(envelope, context),
      verifyTimestamp: async () => ({ status: 'unknown', reason: 'not asked' }),
      clock: () => this.now,
      maxSignatures: 3,
      keptListMaxAgeMs: HOUR_MS,
      signatureCacheBytes: 1_000_000,
      onLookup: (cache, isHit) => this.lookups.push(`${cache} ${isHit ? 'hit' : 'miss'}`),
      ...more,
    });
  }

  /** @param chain its root is the trust store `ca:acme` */
  constructor(chain: Chain) {
    this.chain = chain;
  }

  async start(): Promise<this> {
    this.registry = await startWireRegistry(({ url = '' }, response) => {
      const fault = [...this.faults].find(([part]) => url.includes(part))?.[1];
      if (fault !== undefined) return answer(response, fault);
      const name = url.slice(url.lastIndexOf('/') + 1).replace(/\?.*/, '');
      if (url.includes('/referrers/')) {
        const manifests = this.#referrers.get(name) ?? [];
        const body = JSON.stringify({ schemaVersion: 2, mediaType: INDEX, manifests });
        return answer(response, 200, body, { 'content-type': INDEX });
      }
      const content = this.#contents.get(this.tags.get(name) ?? name);
      const unknown = '{"errors":[{"code":"MANIFEST_UNKNOWN"}]}';
      return content === undefined
        ? answer(response, 404, unknown)
        : answer(response, 200, content.bytes, { 'content-type': content.type });
    });
    return this;
  }

  #policies() {
    const statement = {
      name: 'app',
      registryScopes: [`${this.registry?.host}/app`],
      signatureVerification: { level: 'strict' as const },
      trustStores: ['ca:acme'],
      trustedIdentities: ['*'],
    };
    return createPolicySet([
      {
        metadata: { name: 'p', uid: 'p', creationTimestamp: rfc3339(this.started) },
        spec: { version: '1.0', trustPolicies: [statement] },
      },
    ]);
  }

  put(content: object | Buffer, mediaType: string): Descriptor {
    const bytes = Buffer.isBuffer(content) ? content : Buffer.from(JSON.stringify(content));
    const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
    this.#contents.set(digest, { bytes, type: mediaType });
    return { mediaType, digest, size: bytes.byteLength };
  }

  platform(content: string, mediaType = MANIFEST): Descriptor {
    return this.put({ schemaVersion: 2, mediaType, config: EMPTY, layers: [], content }, mediaType);
  }

  index(manifests: readonly object[], mediaType = INDEX, more: object = {}): Descriptor {
    return this.put({ schemaVersion: 2, mediaType, manifests, ...more }, mediaType);
  }

  /** Takes a signature out of the list, as its deletion does. */
  unsign(subject: Descriptor, signature: string): void {
    const left = (this.#referrers.get(subject.digest) ?? []).filter(({ digest }) => digest !== signature);
    this.#referrers.set(subject.digest, left);
  }

  /** Adds a signature of a subject to the registry. */
  sign(subject: Descriptor, by: Chain = this.chain): string {
    const payload = JSON.stringify({ targetArtifact: subject });
    const envelope = forgeJws({ key: by.key, certificates: by.certificates, alg: 'ES256', now: this.started, payload });
    const layer = this.put(envelope, 'application/jose+json');
    const manifest = { schemaVersion: 2, mediaType: MANIFEST, artifactType: NOTATION, config: EMPTY };
    const signature = this.put({ ...manifest, layers: [layer], subject }, MANIFEST);
    const entry = { ...signature, artifactType: NOTATION };
    this.#referrers.set(subject.digest, [...(this.#referrers.get(subject.digest) ?? []), entry]);
    return signature.digest;
  }

  /** Lists signatures by the tag schema (notary.md A5). */
  tag(subject: Descriptor, signatures: readonly string[]): void {
    const entries = signatures.map((digest) => {
      const { bytes, type } = this.#contents.get(digest) ?? { bytes: Buffer.of(), type: MANIFEST };
      return { mediaType: type, digest, size: bytes.byteLength, artifactType: NOTATION };
    });
    this.tags.set(subject.digest.replace(':', '-'), this.index(entries).digest);
  }

  readonly client = new RegistryClient({
    dispatcher: createDispatcher({ allowAddresses: ['127.0.0.0/8'] }),
    credentials: anonymous,
    plainHTTPHosts: () => true,
    userAgent: 'test',
    maxAttempts: 1,
    timeoutMs: 5_000,
  });

  /** Verifies an image of `app` that was asked for by such names, `app:v1` say. */
  verify(image: Descriptor, named: readonly string[] = ['app:v1'], more: Partial<VerifyRequest> = {}) {
    const { client } = this;
    const host = this.registry?.host ?? '';
    const reference = { registry: host, repository: 'app', digest: image.digest };
    const namedAs = (): string[] => named.map((name) => `${host}/${name}`);
    return this.verifier.verify({ reference, client, list: 'registry', namedAs, ...more }, AbortSignal.timeout(10_000));
  }

  requests(): number {
    return this.registry?.requests.length ?? 0;
  }

  async stop(): Promise<void> {
    await this.registry?.stop();
  }
}
