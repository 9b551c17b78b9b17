import type {
  Statement,
  TimestampVerifier,
  VerificationPlugin,
  VerifySignatureInput,
} from '../../../src/notary/index.ts';
import { SUBJECT } from '../../support/forge-jws.ts';
import type { ChainOptions } from '../../support/pki.ts';
import { NOW, statementOf, VALIDITY } from '../../unit/notary/harness.ts';

export const N = 'io.cncf.notary';
/** RFC 3161 token of the good envelopes; what is in it is for its verifier, which knows this one. */
export const TOKEN = Buffer.from('a token');
const AN_HOUR_AGO = new Date(NOW.getTime() - 3_600_000);
const NEXT_YEAR = new Date('2027-06-15T12:00:00Z');

/** Headers by the names of JWS, in order; times as dates. Each format writes them in its own way. */
export type Header = ReadonlyMap<string, unknown>;

export const KIND_NAMES = ['plain', 'full', 'authority', 'RSA', 'single'] as const;
export type KindName = (typeof KIND_NAMES)[number];
export type Format = 'JWS' | 'COSE';

/** One kind of good envelope, and how it is verified. */
export interface Kind {
  readonly chain: ChainOptions;
  readonly alg: string;
  readonly header: Header;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly unprotected: Header;
  readonly storeType: 'ca' | 'signingAuthority';
  readonly statement: Statement;
  readonly verification: Partial<VerifySignatureInput>;
}

const PLUGIN: VerificationPlugin = {
  name: 'com.example.plugin',
  version: '1.2.3',
  attributes: new Set(['com.example.job']),
  refuse: () => undefined,
  matchesIdentity: () => ({ trusted: true }),
  checkRevocation: async () => ({ status: 'good', reason: 'nothing revoked' }),
};

const verifyTimestamp: TimestampVerifier = async ({ timestampToken }) =>
  timestampToken !== undefined && TOKEN.equals(timestampToken)
    ? { status: 'valid', notBefore: AN_HOUR_AGO, notAfter: AN_HOUR_AGO }
    : { status: 'invalid', reason: 'the token is another' };

const own = (alg: string): [string, unknown][] => [
  ['alg', alg],
  ['cty', 'application/vnd.cncf.notary.payload.v1+json'],
];
const plain = (alg: string): Header =>
  new Map([
    ...own(alg),
    ['crit', [`${N}.signingScheme`]],
    [`${N}.signingScheme`, 'notary.x509'],
    [`${N}.signingTime`, AN_HOUR_AGO],
  ]);
const x509 = { storeType: 'ca', statement: statementOf(), unprotected: new Map(), verification: {} } as const;

/** The good envelopes that mutations start from. */
export const KINDS: Readonly<Record<KindName, Kind>> = {
  plain: { ...x509, chain: VALIDITY, alg: 'ES256', header: plain('ES256') },
  RSA: { ...x509, chain: { ...VALIDITY, key: 'RSA-2048' }, alg: 'PS256', header: plain('PS256') },
  single: {
    ...x509,
    chain: { ...VALIDITY, length: 1, key: 'P-384', hash: 'SHA-384' },
    alg: 'ES384',
    header: plain('ES384'),
  },
  full: {
    chain: VALIDITY,
    alg: 'ES256',
    header: new Map<string, unknown>([
      ...own('ES256'),
      [
        'crit',
        [
          `${N}.signingScheme`,
          `${N}.expiry`,
          `${N}.verificationPlugin`,
          `${N}.verificationPluginMinVersion`,
          'com.example.job',
        ],
      ],
      [`${N}.signingScheme`, 'notary.x509'],
      [`${N}.signingTime`, AN_HOUR_AGO],
      [`${N}.expiry`, NEXT_YEAR],
      [`${N}.verificationPlugin`, PLUGIN.name],
      [`${N}.verificationPluginMinVersion`, '1.0.0'],
      ['com.example.job', 'job-1'],
      ['com.example.note', { of: ['nobody', 1, true, null] }],
    ]),
    annotations: { build: '7' },
    unprotected: new Map<string, unknown>([
      [`${N}.timestampSignature`, TOKEN],
      [`${N}.signingAgent`, 'example/1.0'],
    ]),
    storeType: 'ca',
    statement: statementOf({ trustStores: ['ca:acme', 'tsa:acme'], verifyTimestamp: 'always' }),
    verification: { plugins: [PLUGIN], verifyTimestamp, requiredMetadata: { build: '7' } },
  },
  authority: {
    chain: VALIDITY,
    alg: 'ES256',
    header: new Map<string, unknown>([
      ...own('ES256'),
      [
        'crit',
        [
          `${N}.signingScheme`,
          `${N}.authenticSigningTime`,
          `${N}.expiry`,
          `${N}.verificationPlugin`,
          'com.example.job',
        ],
      ],
      [`${N}.signingScheme`, 'notary.x509.signingAuthority'],
      [`${N}.authenticSigningTime`, AN_HOUR_AGO],
      [`${N}.expiry`, NEXT_YEAR],
      [`${N}.verificationPlugin`, PLUGIN.name],
      ['com.example.job', 'job-1'],
    ]),
    unprotected: new Map([[`${N}.signingAgent`, 'example/1.0']]),
    storeType: 'signingAuthority',
    statement: statementOf({ trustStores: ['signingAuthority:acme'] }),
    verification: { plugins: [PLUGIN] },
  },
};

/** The payload's JSON text of a good envelope. */
export function payloadOf({ annotations }: Kind): string {
  return JSON.stringify({ targetArtifact: { ...SUBJECT, ...(annotations === undefined ? {} : { annotations }) } });
}
