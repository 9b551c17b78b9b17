import 'reflect-metadata';
import { createHash } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { createTsaChain, forgeTimestamp, OIDS, type TimestampOptions } from '../../../support/forge-timestamp.ts';
import { type Chain, type ChainOptions, createChain } from '../../../support/pki.ts';
import { TSA_FAULTS, without } from '../../../support/tsa-server.ts';
import {
  accepted,
  type Case,
  CHAIN,
  DAY_MS,
  forged,
  MINUTE_MS,
  NOW,
  policyWith,
  type Question,
  refused,
  stricter,
} from './case.ts';
import { byAuthority } from './headers.ts';

const TIMESTAMP = 'io.cncf.notary.timestampSignature';
const TSA: Chain = await createTsaChain();
const OTHER_TSA: Chain = await createTsaChain({ caName: 'Other Clock' });
/** Signed a month ago by a chain whose leaf has expired since, yesterday. */
const EXPIRED: Chain = await createChain({ caName: 'Expired', notAfter: new Date(NOW.getTime() - DAY_MS) });
const REFUSED = refused('authenticTimestamp');

interface Stamp {
  /** Default CHAIN. */
  readonly signer?: Chain;
  /** Default a minute ago. */
  readonly genTime?: Date;
  readonly change?: Partial<TimestampOptions> | ((options: TimestampOptions) => Partial<TimestampOptions>);
  /** In place of a token that is forged. */
  readonly token?: Buffer;
  readonly statement?: Parameters<typeof policyWith>[0];
  /** In the tsa store; default the root of TSA. */
  readonly roots?: readonly string[];
}

/** An envelope with a timestamp over its signature, and a policy that asks for one. */
function stamped({
  signer = CHAIN,
  genTime = new Date(NOW.getTime() - MINUTE_MS),
  ...rest
}: Stamp = {}): Partial<Question> {
  return {
    ...forged({
      key: signer.key,
      certificates: signer.certificates,
      text: (json) => {
        const envelope = JSON.parse(json) as { header: Record<string, unknown>; signature: string };
        const token = rest.token ?? tokenOver(Buffer.from(envelope.signature, 'base64url'), genTime, rest.change);
        envelope.header[TIMESTAMP] = token.toString('base64');
        return JSON.stringify(envelope);
      },
    }),
    ...asking(rest.statement),
    stores: { 'ca:acme': [signer.rootPem], 'tsa:clock': rest.roots ?? [TSA.rootPem] },
  };
}

function tokenOver(signature: Buffer, genTime: Date, change: Stamp['change'] = {}): Buffer {
  const plain: TimestampOptions = {
    tsa: TSA,
    imprint: { hash: 'sha256', digest: createHash('sha256').update(signature).digest() },
    genTime,
    accuracy: { seconds: 1 },
  };
  return forgeTimestamp({ ...plain, ...(typeof change === 'function' ? change(plain) : change) });
}

function asking(statement: Stamp['statement'] = {}): Pick<Question, 'policy'> {
  return policyWith({ trustStores: ['ca:acme', 'tsa:clock'], ...statement });
}

const level = (verifyTimestamp: string): Stamp['statement'] => ({
  signatureVerification: { level: 'strict', verifyTimestamp },
});
const by = async (options: ChainOptions): Promise<Partial<Question>> => {
  const tsa = await createTsaChain(options);
  return stamped({ change: { tsa }, roots: [tsa.rootPem] });
};
const unstamped = (statement: Stamp['statement'] = {}, signer = CHAIN): Partial<Question> => ({
  ...forged({ key: signer.key, certificates: signer.certificates }),
  ...asking(statement),
  stores: { 'ca:acme': [signer.rootPem], 'tsa:clock': [TSA.rootPem] },
});

function one(name: string, rule: string, ask: Case['ask'], expected: Case['expected'] = REFUSED): Case {
  return { name: `timestamp: ${name}`, rule, ask, expected };
}

const fault = (
  name:
    | 'badSignature'
    | 'sha1'
    | 'twoSigners'
    | 'tstInfoVersion2'
    | 'signedDataVersion1'
    | 'noCertificates'
    | 'noSigningCertificate'
    | 'wrongSigningCertificate'
    | 'otherImprintHash'
    | 'extraSignedAttribute',
) =>
  stamped({
    change: (plain) => (TSA_FAULTS[name].token as (options: TimestampOptions) => Partial<TimestampOptions>)(plain),
  });
const month = (): Date => new Date(NOW.getTime() - 30 * DAY_MS);
const purposes = (oids: string[], critical: boolean): x509.Extension[] => [
  new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
  new x509.ExtendedKeyUsageExtension(oids, critical),
];
const { timeStamping, codeSigning } = x509.ExtendedKeyUsage;

/** RFC 3161 timestamps (notary.md I, E7). */
export const TIMESTAMPS: readonly Case[] = [
  one('a good one', 'I', stamped(), accepted()),
  one('none, where the policy asks for one', 'I', unstamped()),
  one(
    'none, where the policy asks for one once a certificate has expired',
    'F8',
    unstamped(level('afterCertExpiry')),
    accepted(),
  ),
  one('none, and the leaf has expired', 'F8', unstamped(level('afterCertExpiry'), EXPIRED)),
  one(
    'a good one of an expired leaf, from when it was valid',
    'I',
    stamped({ signer: EXPIRED, genTime: month() }),
    accepted(),
  ),
  one(
    'the same, asked for after expiry',
    'F8',
    stamped({ signer: EXPIRED, genTime: month(), statement: level('afterCertExpiry') }),
    accepted(),
  ),
  one('a good one of an expired leaf, from after it expired', 'I', stamped({ signer: EXPIRED })),
  one(
    'one that may be from after the leaf expired',
    'I',
    stamped({
      signer: EXPIRED,
      genTime: new Date(NOW.getTime() - DAY_MS - 1000),
      change: { accuracy: { seconds: 10 } },
    }),
  ),
  one(
    'a bad one of a valid leaf, asked for after expiry',
    'F8',
    stamped({ token: Buffer.from('no token'), statement: level('afterCertExpiry') }),
    accepted(),
  ),
  one(
    'a bad one where the policy names no tsa store',
    'I',
    stamped({ token: Buffer.from('no token'), statement: { trustStores: ['ca:acme'] } }),
    accepted(),
  ),
  one(
    'one that is logged',
    'F7',
    stamped({ token: Buffer.from('no token'), statement: { signatureVerification: { level: 'permissive' } } }),
    accepted('authenticTimestamp'),
  ),
  one('bytes that are no token', 'I', stamped({ token: Buffer.from('no token') })),
  one(
    'over another signature',
    'I',
    stamped({ change: { imprint: { hash: 'sha256', digest: createHash('sha256').update('other').digest() } } }),
  ),
  one('with SHA-512 of the signature of another', 'I', fault('otherImprintHash')),
  one('of an authority that the store does not have', 'I', stamped({ change: { tsa: OTHER_TSA } })),
  one(
    'of one of two authorities',
    'I',
    stamped({ change: { tsa: OTHER_TSA }, roots: [TSA.rootPem, OTHER_TSA.rootPem] }),
    accepted(),
  ),
  one('with a store that is not there', 'I', { ...stamped(), stores: { 'ca:acme': [CHAIN.rootPem] } }),
  one(
    'with an intermediate in the store',
    'F9',
    stamped({ roots: [TSA.certificates[1]?.toString() ?? ''] }),
    refused('policy', 'authenticTimestamp'),
  ),
  one('whose signature is changed', 'I', fault('badSignature')),
  one('signed with SHA-1', 'I', fault('sha1')),
  one(
    'of two signers',
    'I',
    fault('twoSigners'),
    stricter('authenticTimestamp', 'RFC 3161 §2.4.2: a token has one signer, the authority'),
  ),
  one('of SignedData version 1', 'I', fault('signedDataVersion1')),
  one('of TSTInfo version 2', 'I', fault('tstInfoVersion2')),
  one('without certificates', 'I', fault('noCertificates')),
  one('without signing-certificate', 'I', fault('noSigningCertificate')),
  one('whose signing-certificate is another', 'I', fault('wrongSigningCertificate')),
  one('with a signed attribute more', 'I', fault('extraSignedAttribute'), accepted()),
  one('without messageDigest', 'I', stamped({ change: { attributes: without(OIDS.messageDigest) } })),
  one('without contentType', 'I', stamped({ change: { attributes: without(OIDS.contentType) } })),
  one(
    'with a byte after the token',
    'I',
    stamped({ change: { token: (token) => Buffer.concat([token, Buffer.alloc(1)]) } }),
  ),
  one(
    'from before the authority was valid',
    'I',
    stamped({ signer: CHAIN, genTime: new Date(NOW.getTime() - 400 * DAY_MS) }),
  ),
  one(
    'from an hour ahead of the clock',
    'I',
    stamped({ genTime: new Date(NOW.getTime() + 60 * MINUTE_MS) }),
    stricter('authenticTimestamp', 'an authority whose clock is wrong shows no time'),
  ),
  one(
    'of an authority that has expired since',
    'I',
    async () => {
      const tsa = await createTsaChain({ notAfter: new Date(NOW.getTime() - DAY_MS) });
      return stamped({ genTime: month(), change: { tsa }, roots: [tsa.rootPem] });
    },
    accepted(),
  ),
  one('of an authority for code signing', 'E7', () => by({ leafExtensions: purposes([codeSigning], true) })),
  one('of an authority for code signing too', 'E7', () =>
    by({ leafExtensions: purposes([timeStamping, codeSigning], true) }),
  ),
  one('of an authority whose purpose is not critical', 'E7', () =>
    by({ leafExtensions: purposes([timeStamping], false) }),
  ),
  one('of an authority without keyUsage', 'E7', () => by({ leafExtensions: purposes([timeStamping], true).slice(1) })),
  one('of an authority with RSA 3072', 'I', () => by({ key: 'RSA-3072', caKey: 'RSA-2048' }), accepted()),
  one(
    'with RSASSA-PSS',
    'I',
    async () => {
      const tsa = await createTsaChain({ key: 'RSA-2048', caKey: 'RSA-2048' });
      return stamped({ change: { tsa, pss: true }, roots: [tsa.rootPem] });
    },
    accepted(),
  ),
  one(
    'beside a signing authority, which has a time of its own',
    'D',
    async () => {
      const { policy, stores = {}, ...rest } = byAuthority();
      const [statement] = policy?.trustPolicies ?? [];
      const trustStores = ['signingAuthority:acme', 'tsa:clock'];
      return {
        ...rest,
        ...policyWith({ ...statement, trustStores }),
        stores: { ...stores, 'tsa:clock': [TSA.rootPem] },
      };
    },
    accepted(),
  ),
];
