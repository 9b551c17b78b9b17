import { SUBJECT } from '../../../support/forge-jws.ts';
import { createChain } from '../../../support/pki.ts';
import {
  accepted,
  type Case,
  CHAIN,
  forgedBy,
  policyWith,
  type Question,
  refused,
  SCOPE,
  STRANGER,
  stricter,
  unverified,
  wider,
} from './case.ts';

const SINGLE = await createChain({ length: 1 });
const pemAt = (index: number): string => CHAIN.certificates.at(index)?.toString() ?? '';

function identities(...trustedIdentities: string[]): Pick<Question, 'policy'> {
  return policyWith({ trustedIdentities });
}

/** A leaf of this subject, and the identities that a policy trusts. */
async function subjectAgainst(subject: string, ...trusted: string[]): Promise<Partial<Question>> {
  return { ...(await forgedBy({ subject })), ...identities(...trusted) };
}

const atLevel = (level: string): Pick<Question, 'policy'> => policyWith({ signatureVerification: { level } });

/** Who is trusted: stores, identities, levels and what is compared with the image (notary.md E6, F, G). */
export const TRUST: readonly Case[] = [
  {
    name: 'the root of another in the store',
    rule: 'E6',
    ask: { stores: { 'ca:acme': [STRANGER.rootPem] } },
    expected: refused('authenticity'),
  },
  {
    name: 'an intermediate in the store',
    rule: 'E6',
    ask: { stores: { 'ca:acme': [pemAt(1)] } },
    expected: accepted(),
  },
  {
    name: 'a root with the same name and another key in the store',
    rule: 'E6',
    ask: async () => ({ stores: { 'ca:acme': [(await createChain()).rootPem] } }),
    expected: refused('authenticity'),
  },
  {
    name: 'the single self-signed certificate in the store',
    rule: 'F9',
    ask: async () => ({ ...(await forgedBy({ length: 1 })) }),
    expected: accepted(),
  },
  {
    name: 'the leaf in the store',
    rule: 'F9',
    ask: { stores: { 'ca:acme': [pemAt(0)] } },
    expected: refused('policy', 'authenticity'),
  },
  {
    name: 'a store without certificates',
    rule: 'F9',
    ask: { stores: { 'ca:acme': [] } },
    expected: refused('policy', 'authenticity', /expected at least one block/),
  },
  {
    name: 'a store whose file is no certificate',
    rule: 'F9',
    ask: { stores: { 'ca:acme': ['not a certificate'] } },
    expected: refused('policy', 'authenticity', /expected at least one block/),
  },
  {
    name: 'a store with a private key',
    rule: 'F9',
    ask: { stores: { 'ca:acme': [CHAIN.rootPem + SINGLE.keyPem] } },
    expected: refused('policy', 'authenticity', /found PRIVATE KEY/),
  },
  { name: 'a store that is not there', rule: 'F3', ask: { stores: {} }, expected: refused('authenticity') },
  {
    name: 'a store of another type only',
    rule: 'F3',
    ask: { stores: { 'signingAuthority:acme': [CHAIN.rootPem] } },
    expected: refused('authenticity'),
  },
  {
    name: 'the root in the second of two stores',
    rule: 'E6',
    ask: {
      ...policyWith({ trustStores: ['ca:other', 'ca:acme'] }),
      stores: { 'ca:other': [STRANGER.rootPem], 'ca:acme': [CHAIN.rootPem] },
    },
    expected: accepted(),
  },
  {
    name: 'the root beside another in one store',
    rule: 'E6',
    ask: { stores: { 'ca:acme': [STRANGER.rootPem, CHAIN.rootPem] } },
    expected: accepted(),
  },
  {
    name: 'one store holds the root, another is not there',
    rule: 'E6',
    ask: { ...policyWith({ trustStores: ['ca:acme', 'ca:gone'] }) },
    expected: wider(
      'the certificate is in a store that the policy names; a store that is missing can only add to that',
    ),
  },
  {
    name: 'a store that the statement does not name',
    rule: 'E6',
    ask: {
      ...policyWith({ trustStores: ['ca:other'] }),
      stores: { 'ca:other': [STRANGER.rootPem], 'ca:acme': [CHAIN.rootPem] },
    },
    expected: refused('authenticity'),
  },
  // Identities; the leaf is C=US,ST=WA,L=Seattle,O=Acme,CN=Test Signer.
  ...[
    ['exactly the subject', 'C=US,ST=WA,L=Seattle,O=Acme,CN=Test Signer'],
    ['in another order', 'CN=Test Signer,O=Acme,L=Seattle,ST=WA,C=US'],
    ['a subset', 'C=US,ST=WA,O=Acme'],
    ['with white space round the RDNs', ' C=US , ST=WA ,  O=Acme'],
    ['with S for ST', 'C=US,S=WA,O=Acme'],
    ['with an escaped letter in hex', 'C=US,ST=WA,O=\\41cme'],
    ['with white space behind the sign', 'C= US,ST= WA,O= Acme'],
  ].map(
    ([name, dn]): Case => ({
      name: `a trusted identity ${name}`,
      rule: 'F6',
      ask: identities(`x509.subject:${dn}`),
      expected: accepted(),
    }),
  ),
  ...[
    ['of another common name', 'C=US,ST=WA,O=Acme,CN=Other'],
    ['with part of a value', 'C=US,ST=WA,O=Acm'],
    ['with a value that begins alike', 'C=US,ST=WA,O=Acme Rockets'],
    ['in other case', 'C=US,ST=WA,O=ACME'],
    ['with an attribute that the subject lacks', 'C=US,ST=WA,O=Acme,OU=Security'],
    ['with white space inside the value', 'C=US,ST=WA,O=Acme,CN=Test  Signer'],
  ].map(
    ([name, dn]): Case => ({
      name: `a trusted identity ${name}`,
      rule: 'F6',
      ask: identities(`x509.subject:${dn}`),
      expected: refused('authenticity'),
    }),
  ),
  {
    name: 'the second of two trusted identities',
    rule: 'F5',
    ask: identities('x509.subject:C=DE,ST=BE,O=Acme', 'x509.subject:C=US,ST=WA,O=Acme'),
    expected: accepted(),
  },
  {
    name: 'a profile of AWS Signer alone as identity',
    rule: 'F5',
    ask: identities('arn:aws:signer:us-west-2:111122223333:/signing-profiles/acme'),
    expected: refused('authenticity'),
  },
  {
    name: 'the issuer as identity',
    rule: 'F6',
    ask: identities('x509.subject:C=US,ST=WA,O=Acme,CN=Test Root CA'),
    expected: refused('authenticity'),
  },
  {
    name: 'a comma in the subject, escaped in the policy',
    rule: 'F6',
    ask: () => subjectAgainst('C=US,ST=WA,O=Acme\\, Inc.,CN=x', 'x509.subject:C=US,ST=WA,O=Acme\\, Inc.'),
    expected: accepted(),
  },
  {
    name: 'quotes, plus and angle brackets in the subject',
    rule: 'F6',
    ask: () =>
      subjectAgainst(
        'C=US,ST=WA,O=A \\"B\\" \\+ \\<C\\>\\; D\\\\E,CN=x',
        'x509.subject:C=US,ST=WA,O=A \\"B\\" \\+ \\<C\\>\\; D\\\\E',
      ),
    expected: accepted(),
  },
  {
    name: 'letters beyond ASCII',
    rule: 'F6',
    ask: () => subjectAgainst('C=DE,ST=Köln,O=Müller & Söhne,CN=x', 'x509.subject:C=DE,ST=Köln,O=Müller & Söhne'),
    expected: accepted(),
  },
  {
    name: 'an equals sign in a value',
    rule: 'F6',
    ask: () => subjectAgainst('C=US,ST=WA,O=a=b,CN=x', 'x509.subject:C=US,ST=WA,O=a=b'),
    expected: accepted(),
  },
  {
    name: 'a subject with two OUs',
    rule: 'F6',
    ask: () => subjectAgainst('C=US,ST=WA,O=Acme,OU=a,OU=b', 'x509.subject:C=US,ST=WA,O=Acme'),
    expected: refused('authenticity'),
  },
  {
    name: 'a subject with an RDN of two values',
    rule: 'F6',
    ask: () => subjectAgainst('C=US,ST=WA,O=Acme+CN=x', 'x509.subject:C=US,ST=WA,O=Acme'),
    expected: stricter('authenticity', 'such an RDN is one attribute or two, as one reads it'),
  },
  {
    name: 'a subject without ST',
    rule: 'F6',
    ask: () => subjectAgainst('C=US,O=Acme,CN=x', 'x509.subject:C=US,ST=WA,O=Acme'),
    expected: refused('authenticity'),
  },
  {
    name: 'a subject with a mail address',
    rule: 'F6',
    ask: () => subjectAgainst('C=US,ST=WA,O=Acme,E=a@b.example', 'x509.subject:C=US,ST=WA,O=Acme'),
    expected: wider('the policy’s attributes are in the subject; that it has more is no reason to refuse it'),
  },
  // Levels.
  {
    name: 'an unknown root where authenticity is logged',
    rule: 'F7',
    ask: { ...atLevel('audit'), stores: { 'ca:acme': [STRANGER.rootPem] } },
    expected: accepted('authenticity'),
  },
  {
    name: 'an unknown root at level permissive',
    rule: 'F7',
    ask: { ...atLevel('permissive'), stores: { 'ca:acme': [STRANGER.rootPem] } },
    expected: refused('authenticity'),
  },
  {
    name: 'an unknown root where authenticity is overridden to log',
    rule: 'F7',
    ask: {
      ...policyWith({ signatureVerification: { level: 'strict', override: { authenticity: 'log' } } }),
      stores: { 'ca:acme': [STRANGER.rootPem] },
    },
    expected: accepted('authenticity'),
  },
  {
    name: 'revocation skipped by override',
    rule: 'F7',
    ask: policyWith({ signatureVerification: { level: 'strict', override: { revocation: 'skip' } } }),
    expected: accepted(),
  },
  {
    name: 'a broken signature at level audit',
    rule: 'F7',
    ask: async () => ({ ...atLevel('audit'), ...(await brokenSignature()) }),
    expected: unverified,
  },
  // The image.
  ...[
    { name: 'another digest', subject: { ...SUBJECT, digest: `sha256:${'0'.repeat(64)}` } },
    { name: 'another size', subject: { ...SUBJECT, size: SUBJECT.size + 1 } },
    { name: 'another media type', subject: { ...SUBJECT, mediaType: 'application/vnd.oci.image.index.v1+json' } },
  ].flatMap(({ name, subject }): Case[] => [
    { name: `an image of ${name}`, rule: 'G', ask: { subject }, expected: refused('descriptor', 'other') },
    {
      name: `an image of ${name} at level audit`,
      rule: 'G',
      ask: { subject, ...atLevel('audit') },
      expected: refused('descriptor', 'other'),
    },
  ]),
  {
    name: 'required metadata that is not signed',
    rule: 'G',
    ask: { requiredMetadata: { build: '1' } },
    expected: refused('userMetadata', 'other'),
  },
  {
    name: 'required metadata at level audit',
    rule: 'G',
    ask: { requiredMetadata: { build: '1' }, ...atLevel('audit') },
    expected: refused('userMetadata', 'other'),
  },
  {
    name: 'required metadata of another value',
    rule: 'G',
    ask: async () => ({ requiredMetadata: { build: '1' }, ...(await withMetadata({ build: '11' })) }),
    expected: refused('userMetadata', 'other'),
  },
  {
    name: 'required metadata among other metadata',
    rule: 'G',
    ask: async () => ({ requiredMetadata: { build: '1' }, ...(await withMetadata({ build: '1', also: '2' })) }),
    expected: accepted(),
  },
  {
    name: 'a statement for another repository',
    rule: 'F2',
    ask: policyWith({ registryScopes: ['registry.example/acme/other'] }),
    expected: refused('policy', 'policy', /no statement applies/),
  },
  {
    name: 'a statement for exactly this repository',
    rule: 'F2',
    ask: policyWith({ registryScopes: ['registry.example/acme/other', SCOPE] }),
    expected: accepted(),
  },
  {
    name: 'a statement for the repository above',
    rule: 'F2',
    ask: policyWith({ registryScopes: ['registry.example/acme'] }),
    expected: refused('policy', 'policy', /no statement applies/),
  },
];

async function brokenSignature(): Promise<Partial<Question>> {
  return forgedBy({}, { signature: (bytes) => Buffer.from(bytes.map((byte, i) => (i === 9 ? byte ^ 4 : byte))) });
}

async function withMetadata(annotations: Record<string, string>): Promise<Partial<Question>> {
  return forgedBy({}, { payload: JSON.stringify({ targetArtifact: { ...SUBJECT, annotations } }) });
}
