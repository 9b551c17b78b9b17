import 'reflect-metadata';
import { createHmac } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MEDIA_TYPE_COSE, MEDIA_TYPE_JWS, signEnvelope } from '../../src/notary/index.ts';
import { type ForgeOptions, forgeJws, rfc3339 } from '../support/forge-jws.ts';
import { type PushedImage, pushImage } from '../support/images.ts';
import { type Chain, createChain } from '../support/pki.ts';
import { REGISTRY_KINDS, type Registry, type RegistryKind, startRegistry } from '../support/registries.ts';
import { attach, evaluate, localClient, subjectOf } from '../support/signed-images.ts';

// Bad signatures lie in real registries, each beside an image of its own; the verdict on the image is what counts.

const MINUTE_MS = 60_000;
const IDENTITY = 'x509.subject: C=US, ST=WA, O=Acme';
const client = localClient();
const DIGITAL_SIGNATURE = x509.KeyUsageFlags.digitalSignature;
const usage = (flags: number): x509.Extension => new x509.KeyUsagesExtension(flags, true);

let chain: Chain;
const registries = new Map<RegistryKind, Registry>();

beforeAll(async () => {
  chain = await createChain();
  for (const kind of REGISTRY_KINDS) registries.set(kind, await startRegistry(kind));
});
afterAll(async () => {
  for (const registry of registries.values()) await registry.stop();
});

type Forged = Partial<ForgeOptions> & { readonly chain?: Chain };

interface Fault {
  readonly title: string;
  readonly forge: (image: PushedImage) => Forged | Promise<Forged>;
  readonly cause: string;
  readonly message: RegExp;
  readonly identity?: string;
  readonly type?: 'signingAuthority';
}

const FAULTS: readonly Fault[] = [
  {
    title: '35: an unknown critical header (B4)',
    forge: () => ({
      protected: (header) => ({
        ...header,
        crit: ['io.cncf.notary.signingScheme', 'com.example.unheardOf'],
        'com.example.unheardOf': 'x',
      }),
    }),
    cause: 'IntegrityFailed',
    message: /critical attribute "com.example.unheardOf" is not understood/,
  },
  {
    title: '36: alg none (B5)',
    forge: () => ({ protected: (header) => ({ ...header, alg: 'none' }), signature: () => Buffer.from([0]) }),
    cause: 'IntegrityFailed',
    message: /algorithm "none", but the leaf's key gives ES256/,
  },
  {
    title: '36: alg HS256, with the public key as the secret (B5)',
    forge: () => ({
      protected: (header) => ({ ...header, alg: 'HS256' }),
      text: (text) => withHmac(text, chain),
    }),
    cause: 'IntegrityFailed',
    message: /algorithm "HS256", but the leaf's key gives ES256/,
  },
  {
    title: "36: an alg that is not the leaf's (B5)",
    forge: () => ({ protected: (header) => ({ ...header, alg: 'ES384' }) }),
    cause: 'IntegrityFailed',
    message: /algorithm "ES384", but the leaf's key gives ES256/,
  },
  ...(['digest', 'size', 'mediaType'] as const).map(
    (field): Fault => ({
      title: `37: a valid signature of another ${field} (A9, G)`,
      forge: (image) => ({ payload: payloadOf({ ...subjectOf(image), [field]: otherThan(image)[field] }) }),
      cause: 'OtherSubject',
      message: new RegExp(`signs another artifact: its ${field} is`),
    }),
  ),
  {
    title: '38: a leaf that may issue certificates (E4)',
    forge: async () => ({
      chain: await createChain({
        leafExtensions: [new x509.BasicConstraintsExtension(true, 0, true), usage(DIGITAL_SIGNATURE)],
      }),
    }),
    cause: 'IntegrityFailed',
    message: /the leaf must not be a certificate authority/,
  },
  {
    title: '38: a leaf with a wrong key usage (E4)',
    forge: async () => ({
      chain: await createChain({ leafExtensions: [usage(DIGITAL_SIGNATURE | x509.KeyUsageFlags.keyEncipherment)] }),
    }),
    cause: 'IntegrityFailed',
    message: /keyUsage of the leaf must not have keyEncipherment/,
  },
  {
    title: '38: a leaf for TLS servers (E4)',
    forge: async () => ({
      chain: await createChain({
        leafExtensions: [
          usage(DIGITAL_SIGNATURE),
          new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
        ],
      }),
    }),
    cause: 'IntegrityFailed',
    message: /extKeyUsage of the leaf must not have serverAuth/,
  },
  {
    title: '38: certificates in the wrong order (E2)',
    forge: () => ({ certificates: chain.certificates.toReversed() }),
    cause: 'IntegrityFailed',
    message: /put the leaf first|order the chain leaf first/,
  },
  {
    title: '38: an extra certificate (E2)',
    forge: () => ({ certificates: [...chain.certificates, ...chain.certificates.slice(-1)] }),
    cause: 'IntegrityFailed',
    message: /self-signed but is not the last/,
  },
  {
    title: '40: an authentic signing time that lies ahead (D)',
    forge: () => ({
      protected: (header) => signingAuthority(header, new Date(Date.now() + 10 * MINUTE_MS)),
    }),
    cause: 'TimestampFailed',
    message: /lies more than 5 minutes ahead of the clock/,
    type: 'signingAuthority',
  },
  {
    title: '41: a key that stands twice in the JSON (B1)',
    forge: () => ({ text: (text) => text.replace('{', '{"payload":"",') }),
    cause: 'SignatureMalformed',
    message: /the key "payload" twice/,
  },
  {
    title: '42: a DN that contains the trusted one and more in its value (F6)',
    forge: async () => ({ chain: await createChain({ subject: 'C=US,ST=WA,O=Acme Rockets,CN=Acme' }) }),
    cause: 'NotATrustedIdentity',
    message: /is none of the trusted identities/,
    identity: IDENTITY,
  },
  {
    title: '42: a DN that holds the trusted one as text (F6)',
    forge: async () => ({
      chain: await createChain({ subject: String.raw`C=DE,ST=BY,O=Evil,CN=x509.subject: C=US\, ST=WA\, O=Acme` }),
    }),
    cause: 'NotATrustedIdentity',
    message: /is none of the trusted identities/,
    identity: IDENTITY,
  },
];

describe.each(REGISTRY_KINDS)('on a registry with %s', (kind) => {
  it.each(FAULTS.map((fault) => [fault.title, fault] as const))('%s is Untrusted', async (_, fault) => {
    const { verdict, cause, signatures } = await judge(kind, fault);
    expect(signatures).toHaveLength(1);
    expect({ verdict, reason: cause?.reason }).toEqual({ verdict: 'Untrusted', reason: fault.cause });
    expect(cause?.message).toMatch(fault.message);
  });

  it('the control: without a fault each is Trusted, by both schemes', async () => {
    expect((await judge(kind, { forge: () => ({}), identity: IDENTITY })).verdict).toBe('Trusted');
    const authority = {
      forge: () => ({ protected: (header: Record<string, unknown>) => signingAuthority(header, new Date()) }),
      type: 'signingAuthority',
    } as const;
    expect((await judge(kind, authority)).verdict).toBe('Trusted');
  });

  it.each([
    ['cut short', (bytes: Buffer) => bytes.subarray(0, -1)],
    ['with a byte behind it', (bytes: Buffer) => Buffer.concat([bytes, Buffer.from([0])])],
    [
      'of indefinite length',
      (bytes: Buffer) => Buffer.concat([Buffer.from([0xd2, 0x9f]), bytes.subarray(2), Buffer.from([0xff])]),
    ],
  ])('41: CBOR %s is Untrusted (C1)', async (_, change) => {
    const image = await newImage(kind);
    const { key, certificates } = chain;
    const good = await signEnvelope({
      subject: subjectOf(image),
      key,
      certificates,
      format: 'COSE',
      signingTime: new Date(),
      signingAgent: 'test/1',
    });
    await attach(client, image, change(Buffer.from(good.bytes)), MEDIA_TYPE_COSE);
    const refused = await evaluate(client, image, { roots: chain.rootPem });
    expect([refused.verdict, refused.cause?.reason]).toEqual(['Untrusted', 'SignatureMalformed']);
    // The same envelope whole, behind the bad one (A8).
    await attach(client, image, good.bytes, MEDIA_TYPE_COSE);
    expect((await evaluate(client, image, { roots: chain.rootPem })).verdict).toBe('Trusted');
  });
});

async function judge(
  kind: RegistryKind,
  fault: Omit<Fault, 'title' | 'cause' | 'message'>,
): ReturnType<typeof evaluate> {
  const image = await newImage(kind);
  const { chain: own = chain, ...changes } = await fault.forge(image);
  const envelope = forgeJws({
    key: own.key,
    certificates: own.certificates,
    alg: 'ES256',
    now: new Date(),
    payload: payloadOf(subjectOf(image)),
    ...changes,
  });
  await attach(client, image, envelope, MEDIA_TYPE_JWS);
  return evaluate(client, image, {
    roots: own.rootPem,
    ...(fault.type === undefined ? {} : { type: fault.type }),
    ...(fault.identity === undefined ? {} : { identities: [fault.identity] }),
  });
}

let images = 0;
async function newImage(kind: RegistryKind): Promise<PushedImage> {
  images += 1;
  return pushImage(registries.get(kind)?.host ?? '', `faults/app-${images}`, 'v1');
}

function payloadOf(targetArtifact: object): string {
  return JSON.stringify({ targetArtifact });
}

/** What another artifact would have in each field. */
function otherThan({ size }: PushedImage) {
  return { digest: `sha256:${'0'.repeat(64)}`, size: size + 1, mediaType: 'application/vnd.oci.image.index.v1+json' };
}

function signingAuthority(header: Record<string, unknown>, at: Date): Record<string, unknown> {
  const { 'io.cncf.notary.signingTime': _, ...rest } = header;
  return {
    ...rest,
    crit: ['io.cncf.notary.signingScheme', 'io.cncf.notary.authenticSigningTime'],
    'io.cncf.notary.signingScheme': 'notary.x509.signingAuthority',
    'io.cncf.notary.authenticSigningTime': rfc3339(at),
  };
}

/** The text with an HMAC in place of the signature, whose secret everybody knows: the leaf's public key. */
function withHmac(text: string, { certificates }: Chain): string {
  const { protected: header, payload, signature } = JSON.parse(text) as Record<string, string>;
  const secret = certificates[0]?.publicKey.export({ type: 'spki', format: 'pem' }) ?? '';
  const mac = createHmac('sha256', secret).update(`${header}.${payload}`).digest('base64url');
  return text.replace(String(signature), mac);
}
