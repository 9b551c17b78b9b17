import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { NotaryError, type SignatureFormat, signEnvelope } from '../../../src/notary/index.ts';
import { SUBJECT } from '../../support/forge-jws.ts';
import { writeImageLayout } from '../../support/image-layout.ts';
import { type Judge, startJudge } from '../../support/judge.ts';
import { type Chain, type ChainOptions, createChain, leafExtensions } from '../../support/pki.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { CHAIN, DAY_MS, NOW, STRANGER } from './cases/case.ts';

let judge: Judge;

beforeAll(async () => {
  judge = await startJudge();
});
afterAll(() => judge?.stop());

type Signer = Pick<Chain, 'certificates' | 'key' | 'keyPem'>;

const withCertificates = (...indexes: number[]): Signer => ({
  ...CHAIN,
  certificates: indexes.flatMap((index) => CHAIN.certificates.slice(index, index + 1)),
});
const chainOf = (options: ChainOptions) => (): Promise<Signer> => createChain(options);
const leafWith = (...extensions: x509.Extension[]) => chainOf({ leafExtensions: extensions });
const usage = (flags: x509.KeyUsageFlags, critical = true): x509.Extension =>
  new x509.KeyUsagesExtension(flags, critical);

/** Name, rule, who signs: neither does. */
const REFUSED: readonly (readonly [string, string, () => Signer | Promise<Signer>])[] = [
  ['another key', 'B5', () => ({ ...CHAIN, key: STRANGER.key, keyPem: STRANGER.keyPem })],
  ['the root first', 'E2', () => ({ ...CHAIN, certificates: CHAIN.certificates.toReversed() })],
  ['no root', 'E2', () => withCertificates(0, 1)],
  ['no intermediate', 'E2', () => withCertificates(0, 2)],
  ['the leaf alone, issued by another', 'E1', () => withCertificates(0)],
  ['the root twice', 'E2', () => withCertificates(0, 1, 2, 2)],
  ['certificates signed with SHA-1', 'E2', chainOf({ hash: 'SHA-1', caKey: 'RSA-2048' })],
  ['an expired leaf', 'D', chainOf({ notAfter: new Date(NOW.getTime() - DAY_MS) })],
  ['a leaf that is not valid yet', 'D', chainOf({ notBefore: new Date(NOW.getTime() + DAY_MS) })],
  ['expired CAs', 'D', chainOf({ caNotAfter: new Date(NOW.getTime() - DAY_MS) })],
  ['a leaf without keyUsage', 'E4', leafWith()],
  [
    'a leaf that may certify',
    'E4',
    leafWith(usage(x509.KeyUsageFlags.digitalSignature | x509.KeyUsageFlags.keyCertSign)),
  ],
  [
    'a leaf for TLS',
    'E4',
    leafWith(...leafExtensions().slice(0, 1), new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth])),
  ],
  [
    'a CA that may not certify',
    'E3',
    chainOf({
      caExtensions: (depth) => [
        new x509.BasicConstraintsExtension(true, depth, true),
        usage(x509.KeyUsageFlags.cRLSign),
      ],
    }),
  ],
];

async function bothSign(signer: Signer, format: SignatureFormat) {
  const { certificates, key, keyPem } = signer;
  const ours = await signEnvelope({
    subject: SUBJECT,
    key,
    certificates,
    format,
    signingTime: new Date(),
    signingAgent: 'sealwatch/conformance',
  }).catch((error: unknown) => error);
  const theirs = await judge.ask({
    operation: 'sign',
    subject: SUBJECT,
    format: format === 'JWS' ? 'jws' : 'cose',
    key: keyPem,
    chain: certificates.map(String).join(''),
  });
  return { ours, theirs };
}

it.each(['JWS', 'COSE'] as const)('a control: both sign in %s with a key and its chain (B5, E2)', async (format) => {
  const { ours, theirs } = await bothSign(CHAIN, format);
  expect(ours).toHaveProperty('bytes');
  expect(theirs).toMatchObject({ ok: true });
});

it.each(REFUSED)('neither signs with %s (%s)', async (_name, _rule, signer) => {
  const { ours, theirs } = await bothSign(await signer(), 'JWS');
  expect(ours).toBeInstanceOf(NotaryError);
  expect(theirs).toMatchObject({ ok: false });
});

it('neither signs reserved user metadata (B7)', async () => {
  const userMetadata = { 'io.cncf.notary.x': 'y' };
  const { certificates, key, keyPem, pem } = CHAIN;
  const common = { subject: SUBJECT, key, certificates, format: 'JWS', signingTime: NOW, signingAgent: 'x' } as const;
  await expect(signEnvelope({ ...common, userMetadata })).rejects.toThrow(/is reserved/);
  const layout = await temporaryFolder('reserved');
  try {
    const { digest } = await writeImageLayout(layout.path, 'v1', 'reserved');
    const where = { layout: layout.path, reference: `local/app@${digest}` };
    const request = { operation: 'sign', format: 'jws', key: keyPem, chain: pem, ...where } as const;
    expect(await judge.ask({ ...request, userMetadata })).toMatchObject({
      ok: false,
      error: expect.stringContaining('reserved prefix'),
    });
    expect(await judge.ask({ ...request, userMetadata: { x: 'y' } })).toMatchObject({ ok: true, digest });
  } finally {
    await layout.remove();
  }
});
