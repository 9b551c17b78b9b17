import { type CborItem, encodeCbor, head, Raw, tagged } from '../../../support/cbor.ts';
import { type CoseHeader, epoch, type ForgeCoseOptions, forgeCose } from '../../../support/forge-cose.ts';
import { SUBJECT } from '../../../support/forge-jws.ts';
import { createChain } from '../../../support/pki.ts';
import {
  accepted,
  type Case,
  CHAIN,
  DAY_MS,
  MINUTE_MS,
  NOW,
  policyWith,
  type Question,
  refused,
  STRANGER,
  stricter,
  unverified,
} from './case.ts';

const [ALG, CRIT, CONTENT_TYPE, X5CHAIN] = [1, 2, 3, 33] as const;
const SCHEME = 'io.cncf.notary.signingScheme';
const TIME = 'io.cncf.notary.signingTime';
const AUTHENTIC_TIME = 'io.cncf.notary.authenticSigningTime';
const EXPIRY = 'io.cncf.notary.expiry';
const AGENT = 'io.cncf.notary.signingAgent';
const TIMESTAMP = 'io.cncf.notary.timestampSignature';
const STRICT_CBOR = 'bytes that decoders read differently have no place in what is signed';
const LOOSE = 'a value has one encoding: others would let an envelope be changed without its signature noticing';

const ago = (milliseconds: number): CborItem => epoch(new Date(NOW.getTime() - milliseconds));

function cose(options: Partial<ForgeCoseOptions> = {}): Partial<Question> {
  const envelope = forgeCose({ key: CHAIN.key, certificates: CHAIN.certificates, alg: 'ES256', now: NOW, ...options });
  return { envelope, mediaType: 'application/cose' };
}

/** Changes the protected header; undefined takes a label out. */
function signed(...changes: readonly (readonly [CborItem, CborItem | undefined])[]): Partial<Question> {
  return cose({
    protected: (header) => {
      const changed = new Map(header);
      for (const [label, value] of changes) {
        if (value === undefined) changed.delete(label);
        else changed.set(label, value);
      }
      return changed;
    },
  });
}

function beside(label: CborItem, value: CborItem | undefined): Partial<Question> {
  return cose({
    unprotected: (header) => {
      const changed = new Map(header);
      if (value === undefined) changed.delete(label);
      else changed.set(label, value);
      return changed;
    },
  });
}

const bytes = (change: (envelope: Buffer) => Buffer): Partial<Question> => cose({ bytes: change });
/** Replaces one of the four members, as encoded. */
const member = (index: 0 | 1 | 2 | 3, change: (item: Buffer) => Buffer): Partial<Question> =>
  cose({ members: (members) => members.map((item, i) => (i === index ? change(item) : item)) });
/** Replaces the protected header's bytes by entries in the order given, as they are. */
const entries = (change: (entries: (readonly [CborItem, CborItem])[]) => readonly (readonly [CborItem, CborItem])[]) =>
  cose({
    protected: (header) => {
      const changed = change([...header]);
      return Buffer.concat([head(5, changed.length), ...changed.flat().map(encodeCbor)]);
    },
  });
const critical = (...names: CborItem[]): readonly [CborItem, CborItem] => [CRIT, [SCHEME, ...names]];

function byAuthority(...changes: readonly (readonly [CborItem, CborItem | undefined])[]): Partial<Question> {
  const store = 'signingAuthority:acme';
  return {
    ...signed(
      [SCHEME, 'notary.x509.signingAuthority'],
      [TIME, undefined],
      [AUTHENTIC_TIME, ago(MINUTE_MS)],
      critical(AUTHENTIC_TIME),
      ...changes,
    ),
    ...policyWith({ trustStores: [store] }),
    stores: { [store]: [CHAIN.rootPem] },
  };
}

const REFUSED = refused('integrity');

function one(name: string, rule: string, ask: Case['ask'], expected: Case['expected'] = REFUSED): Case {
  return { name: `COSE: ${name}`, rule, ask, expected };
}

/** COSE envelopes (notary.md C). */
export const COSE: readonly Case[] = [
  one('a plain envelope', 'C1', cose(), accepted()),
  one(
    'no CBOR',
    'C1',
    bytes(() => Buffer.from('{}')),
  ),
  one(
    'nothing at all',
    'C1',
    bytes(() => Buffer.alloc(0)),
  ),
  one(
    'no tag',
    'C1',
    bytes((all) => all.subarray(1)),
  ),
  one(
    'the tag of COSE_Sign',
    'C1',
    bytes((all) => Buffer.concat([Buffer.from('d862', 'hex'), all.subarray(1)])),
  ),
  one(
    'the tag twice',
    'C1',
    bytes((all) => Buffer.concat([Buffer.from('d2', 'hex'), all])),
  ),
  one(
    'three members',
    'C1',
    bytes((all) => Buffer.concat([Buffer.from('d283', 'hex'), all.subarray(2)])),
  ),
  one(
    'a byte after the end',
    'C1',
    bytes((all) => Buffer.concat([all, Buffer.alloc(1)])),
  ),
  one(
    'a byte short',
    'C1',
    bytes((all) => all.subarray(0, -1)),
  ),
  one(
    'an array without a length',
    'C1',
    bytes((all) => Buffer.concat([Buffer.from('d29f', 'hex'), all.subarray(2), Buffer.from('ff', 'hex')])),
  ),
  one(
    'a detached payload',
    'C1',
    member(2, () => encodeCbor(null)),
  ),
  one('an empty payload', 'B1', cose({ payload: '' })),
  one(
    'a payload as text',
    'C1',
    member(2, (item) => Buffer.concat([head(3, item.length - 2), item.subarray(2)])),
  ),
  one(
    'an empty signature',
    'C1',
    member(3, () => encodeCbor(Buffer.alloc(0))),
  ),
  one(
    'a signature that is null',
    'C1',
    member(3, () => encodeCbor(null)),
  ),
  one(
    'a changed bit of the signature',
    'C5',
    cose({ signature: (raw) => Buffer.from(raw.map((byte, i) => (i === 7 ? byte ^ 1 : byte))) }),
    unverified,
  ),
  one('an ECDSA signature in DER', 'B5', cose({ dsaEncoding: 'der' }), unverified),
  one(
    'another payload under the signature',
    'C5',
    member(2, () => encodeCbor(Buffer.from(JSON.stringify({ targetArtifact: { ...SUBJECT, size: 1 } })))),
    unverified,
  ),
  one(
    'signed as a countersignature',
    'C5',
    cose({ toBeSigned: (all) => Buffer.from(all.toString('latin1').replace('jSignature1', 'jSignature0'), 'latin1') }),
    unverified,
  ),
  one(
    'a protected header that is a map, not bytes',
    'C2',
    member(0, () => Buffer.from('a0', 'hex')),
  ),
  one(
    'an unprotected header that is a list',
    'C3',
    member(1, () => encodeCbor([])),
  ),
  one(
    'a protected header with a byte after its map',
    'C2',
    cose({ protected: (header) => Buffer.concat([encodeCbor(header), Buffer.alloc(1)]) }),
    refused('integrity', 'integrity', /protected header is not strict CBOR/),
  ),
  one(
    'a label twice in the protected header',
    'C1',
    entries((all) => [...all, [ALG, -7]]),
  ),
  one(
    'a label twice in the unprotected header',
    'C1',
    member(1, (map) =>
      Buffer.concat([Buffer.from([map.readUInt8(0) + 1]), encodeCbor(X5CHAIN), encodeCbor([]), map.subarray(1)]),
    ),
  ),
  one(
    'labels in another order',
    'C2',
    entries((all) => all.toReversed()),
    accepted(),
  ),
  one(
    'a length that is not the shortest',
    'C1',
    member(2, (item) => Buffer.concat([head(2, item.length - 2, 4), item.subarray(2)])),
    stricter('integrity', LOOSE),
  ),
  one(
    'an integer that is not the shortest',
    'C1',
    entries((all) => all.map(([label, value]) => [label, label === ALG ? new Raw('3806') : value])),
    stricter('integrity', LOOSE),
  ),
  // alg
  one('no alg', 'C2', signed([ALG, undefined])),
  one('alg as text', 'C2', signed([ALG, 'ES256'])),
  one('ES384 over a key on P-256', 'B5', signed([ALG, -35])),
  one('PS256 over a key on P-256', 'B5', signed([ALG, -37])),
  one('HMAC', 'B5', signed([ALG, 5])),
  one('RS256', 'B5', signed([ALG, -257])),
  one('EdDSA', 'B5', signed([ALG, -8])),
  // crit
  one('no crit', 'C4', signed([CRIT, undefined])),
  one('an empty crit', 'C4', signed([CRIT, []])),
  one('a crit that is text', 'C4', signed([CRIT, SCHEME])),
  one('a scheme that is not critical', 'B3', signed([CRIT, ['a.b']], ['a.b', 1])),
  one('a critical label that is not there', 'B3', signed(critical('com.example.absent'))),
  one('a critical number that is not there', 'C4', signed(critical(99))),
  one(
    'alg in crit',
    'B3',
    signed(critical(ALG)),
    stricter('integrity', 'RFC 9052 §3.1: what every implementation understands is not critical'),
  ),
  one(
    'the signing time in crit',
    'B3',
    signed(critical(TIME)),
    stricter('integrity', 'a claimed time is no attribute that a verifier must process'),
  ),
  one('the scheme twice in crit', 'B3', signed(critical(SCHEME)), stricter('integrity', STRICT_CBOR)),
  one(
    'an unknown critical attribute',
    'B4',
    signed(critical('com.example.mustKnow'), ['com.example.mustKnow', 1]),
    stricter('integrity', 'whoever made it critical said: refuse what you do not understand'),
  ),
  one(
    'an unknown critical number',
    'C4',
    signed(critical(99), [99, 1]),
    stricter('integrity', 'whoever made it critical said: refuse what you do not understand'),
  ),
  one(
    'an unknown attribute that is not critical',
    'B4',
    signed(['com.example.mayKnow', [1, 'two', null, true]]),
    accepted(),
  ),
  one('an unknown number that is not critical', 'C4', signed([99, Buffer.from('x')]), accepted()),
  // Content type, scheme and times
  one('no content type', 'B2', signed([CONTENT_TYPE, undefined])),
  one('another content type', 'B2', signed([CONTENT_TYPE, 'application/json'])),
  one('a content type by number', 'B2', signed([CONTENT_TYPE, 50])),
  one('no scheme', 'B2', signed([SCHEME, undefined], [CRIT, ['a.b']], ['a.b', 1])),
  one('an unknown scheme', 'B2', signed([SCHEME, 'notary.x509.other'])),
  one('no signing time', 'B2', signed([TIME, undefined])),
  one('a signing time as text', 'B2', signed([TIME, '2026-01-01T00:00:00Z'])),
  one('a signing time as text under tag 0', 'C1', signed([TIME, tagged(0, '2026-01-01T00:00:00Z')])),
  one('a signing time without a tag', 'B2', signed([TIME, Math.floor(NOW.getTime() / 1000)])),
  one(
    'a signing time with a fraction',
    'C1',
    signed([TIME, tagged(1, new Raw('fb41d954fc40200000'))]),
    stricter('integrity', 'times are whole seconds: a number that may be rounded is none'),
  ),
  one(
    'the time of the other scheme beside its own',
    'C4',
    signed([AUTHENTIC_TIME, ago(0)], critical(AUTHENTIC_TIME)),
    stricter('integrity', 'a signature has one time, and the scheme says whose', /notary\.md B3/),
  ),
  one('an expiry that is not critical', 'B3', signed([EXPIRY, ago(-DAY_MS)])),
  one('an expiry to come', 'D', signed([EXPIRY, ago(-DAY_MS)], critical(EXPIRY)), accepted()),
  one('an expiry before the signing time', 'B2', signed([EXPIRY, ago(DAY_MS)], critical(EXPIRY))),
  one('an expired signature', 'D', signed([EXPIRY, ago(1000)], critical(EXPIRY)), refused('expiry')),
  one(
    'a verification plugin that is not here',
    'B4',
    signed(['io.cncf.notary.verificationPlugin', 'x'], critical('io.cncf.notary.verificationPlugin')),
    refused('integrity', 'other', /plugin "x", which is not supported/),
  ),
  one('a signing authority', 'D', byAuthority(), accepted()),
  one('a signing authority without its time', 'B2', byAuthority([AUTHENTIC_TIME, undefined], critical())),
  one('a signing authority whose time is not critical', 'B3', byAuthority(critical())),
  one(
    'a signing authority with a claimed time beside',
    'C4',
    byAuthority([TIME, ago(0)]),
    stricter('integrity', 'a signature has one time, and the scheme says whose', /notary\.md B3/),
  ),
  // The unprotected header
  one('no chain', 'C3', beside(X5CHAIN, undefined)),
  one('an empty chain', 'C3', beside(X5CHAIN, [])),
  one('a chain of text', 'C3', beside(X5CHAIN, ['x'])),
  one('a chain of what is no certificate', 'C3', beside(X5CHAIN, [Buffer.from('x')])),
  one('one certificate as bytes', 'C3', async () => {
    const single = await createChain({ length: 1 });
    const chain: CoseHeader = new Map([[X5CHAIN, single.certificates[0]?.raw ?? Buffer.alloc(0)]]);
    return { ...cose({ key: single.key, unprotected: () => chain }), stores: { 'ca:acme': [single.rootPem] } };
  }),
  one(
    'one certificate as an array',
    'C3',
    async () => {
      const { key, certificates, rootPem } = await createChain({ length: 1 });
      return { ...cose({ key, certificates }), stores: { 'ca:acme': [rootPem] } };
    },
    accepted(),
  ),
  one('the chain of another', 'C5', cose({ certificates: STRANGER.certificates }), unverified),
  one('an unknown unprotected attribute', 'C3', beside('vendor.note', [1, 2]), accepted()),
  one('a signing agent that is a number', 'C3', beside(AGENT, 7), accepted()),
  one(
    'a timestamp that is text',
    'C3',
    beside(TIMESTAMP, 'x'),
    stricter('integrity', 'a timestamp that is there is one'),
  ),
  one(
    'an empty timestamp',
    'C3',
    beside(TIMESTAMP, Buffer.alloc(0)),
    stricter('integrity', 'a timestamp that is there is one'),
  ),
  one(
    'a label in both headers',
    'C3',
    beside(ALG, -7),
    stricter('integrity', 'RFC 9052 §3: the labels of the two headers are disjoint'),
  ),
  // The rest is as in JWS.
  one(
    'a key twice in the payload',
    'B1',
    cose({ payload: JSON.stringify({ targetArtifact: SUBJECT }).replace('"digest"', '"digest":"sha256:0","digest"') }),
    stricter('integrity', 'parsers differ in which of two keys counts'),
  ),
  one('another image', 'G', { ...cose(), subject: { ...SUBJECT, size: 1 } }, refused('descriptor', 'other')),
  one(
    'a PSS salt of 20 bytes',
    'B5',
    async () => {
      const { key, certificates, rootPem } = await createChain({ key: 'RSA-2048', caKey: 'P-256' });
      return { ...cose({ key, certificates, alg: 'PS256', saltLength: 20 }), stores: { 'ca:acme': [rootPem] } };
    },
    unverified,
  ),
];
