import { describe, expect, it } from 'vitest';
import type { CommandResult } from '../support/kubectl.ts';
import { sharedControlPlane } from '../support/shared-control-plane.ts';

const plane = sharedControlPlane();

type Change = (spec: Record<string, unknown>) => void;

const STATEMENT = {
  name: 'images',
  registryScopes: ['registry.example.com/team/app'],
  signatureVerification: { level: 'strict' },
  trustStores: ['ca:acme'],
  trustedIdentities: ['x509.subject: C=US, ST=WA, O=Acme'],
};
const PEM = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';

const GOOD: Readonly<Record<string, object>> = {
  TrustPolicy: { version: '1.0', trustPolicies: [STATEMENT] },
  TrustStore: { type: 'ca', caBundle: PEM },
  ImageSignatureRequest: {
    images: ['registry.example.com/team/app:v1'],
    sign: { key: { secretRef: { name: 'k' } }, expiry: '8760h', renewBefore: '720h' },
  },
};

/** Asks the API server what it would say to a manifest. */
function tryOut(kind: string, spec: object): Promise<CommandResult> {
  const manifest = {
    apiVersion: 'sealwatch.dev/v1alpha1',
    kind,
    metadata: { name: 'rule', namespace: 'default' },
    spec,
  };
  return plane.kubectl(['apply', '--dry-run=server', '-f', '-'], JSON.stringify(manifest));
}

function changed(kind: string, change: Change): object {
  const spec = structuredClone(GOOD[kind]) as Record<string, unknown>;
  change(spec);
  return spec;
}

const statement =
  (change: object): Change =>
  (spec) => {
    spec['trustPolicies'] = [{ ...STATEMENT, ...change }];
  };
const sign =
  (change: object): Change =>
  (spec) => {
    spec['sign'] = { ...(spec['sign'] as object), ...change };
  };
const aws =
  (change: object, profileArn = 'arn:aws:signer:us-west-2:111122223333:/signing-profiles/app'): Change =>
  (spec) => {
    spec['sign'] = { awsSigner: { profileArn }, ...change };
  };

const RULES: readonly (readonly [string, string, Change, string | RegExp])[] = [
  [
    'TrustPolicy',
    'F1 another version',
    (spec) => {
      spec['version'] = '2.0';
    },
    'version must be "1.0"',
  ],
  [
    'TrustPolicy',
    'F1 no statement',
    (spec) => {
      spec['trustPolicies'] = [];
    },
    'should have at least 1 items',
  ],
  [
    'TrustPolicy',
    'F1 a name twice',
    (spec) => {
      spec['trustPolicies'] = [STATEMENT, { ...STATEMENT, registryScopes: ['r.example.com/b'] }];
    },
    'Duplicate value',
  ],
  ['TrustPolicy', 'F1 an empty name', statement({ name: '' }), 'should be at least 1 chars long'],
  ['TrustPolicy', 'F2 no scope', statement({ registryScopes: [] }), 'should have at least 1 items'],
  ['TrustPolicy', 'F2 * with others', statement({ registryScopes: ['*', 'r.example.com/a'] }), '"*" must stand alone'],
  [
    'TrustPolicy',
    'F2 a scope twice',
    statement({ registryScopes: ['r.example.com/a', 'r.example.com/a'] }),
    'Duplicate value',
  ],
  ['TrustPolicy', 'F2 a tag', statement({ registryScopes: ['r.example.com/a:v1'] }), 'without scheme, tag or digest'],
  [
    'TrustPolicy',
    'F2 a scheme',
    statement({ registryScopes: ['https://r.example.com/a'] }),
    'without scheme, tag or digest',
  ],
  ['TrustPolicy', 'F2 no repository', statement({ registryScopes: ['r.example.com'] }), 'a scope must be'],
  [
    'TrustPolicy',
    'F3 no trust store',
    statement({ trustStores: [] }),
    'trustStores are required unless the level is skip',
  ],
  ['TrustPolicy', 'F3 a bad type', statement({ trustStores: ['root:acme'] }), 'a trust store must be ca:NAME'],
  ['TrustPolicy', 'F3 the name ..', statement({ trustStores: ['ca:..'] }), 'a trust store must be ca:NAME'],
  [
    'TrustPolicy',
    'F3 stores with skip',
    statement({ signatureVerification: { level: 'skip' }, trustedIdentities: [] }),
    'trustStores are not allowed with level skip',
  ],
  [
    'TrustPolicy',
    'F4 skip for *',
    statement({
      registryScopes: ['*'],
      signatureVerification: { level: 'skip' },
      trustStores: [],
      trustedIdentities: [],
    }),
    'would trust every image',
  ],
  [
    'TrustPolicy',
    'F5 no identity',
    statement({ trustedIdentities: [] }),
    'trustedIdentities are required unless the level is skip',
  ],
  [
    'TrustPolicy',
    'F5 * with others',
    statement({ trustedIdentities: ['*', 'x509.subject: C=US, ST=WA, O=Acme'] }),
    '"*" must stand alone',
  ],
  ['TrustPolicy', 'F5 another form', statement({ trustedIdentities: ['CN=me'] }), 'a trusted identity must be'],
  [
    'TrustPolicy',
    'F5 identities with skip',
    statement({ signatureVerification: { level: 'skip' }, trustStores: [] }),
    'trustedIdentities are not allowed with level skip',
  ],
  [
    'TrustPolicy',
    'F6 a DN without ST',
    statement({ trustedIdentities: ['x509.subject: C=US, O=Acme'] }),
    'must have C, ST and O',
  ],
  [
    'TrustPolicy',
    'F6 a value in hex',
    statement({ trustedIdentities: ['x509.subject: C=US, ST=WA, O=#04'] }),
    'values in the form =#',
  ],
  [
    'TrustPolicy',
    'F6 an attribute twice',
    statement({ trustedIdentities: ['x509.subject: C=US, ST=WA, O=Acme, o=Other'] }),
    'no attribute may stand twice',
  ],
  [
    'TrustPolicy',
    'F6 several values',
    statement({ trustedIdentities: ['x509.subject: C=US, ST=WA, O=Acme+CN=x'] }),
    'may hold several values',
  ],
  [
    'TrustPolicy',
    'F5 a near miss of an ARN',
    statement({ trustedIdentities: ['arn:aws:signer:us-west-2:111122223333:signing-profiles/app'] }),
    'mind the slash before signing-profiles',
  ],
  [
    'TrustPolicy',
    'F2 * in two statements',
    (spec) => {
      spec['trustPolicies'] = ['a', 'b'].map((name) => ({ ...STATEMENT, name, registryScopes: ['*'] }));
    },
    'a scope may stand in one only',
  ],
  [
    'TrustPolicy',
    'F7 another level',
    statement({ signatureVerification: { level: 'lenient' } }),
    'Unsupported value: "lenient"',
  ],
  [
    'TrustPolicy',
    'F7 integrity overridden',
    statement({ signatureVerification: { level: 'strict', override: { integrity: 'log' } } }),
    'override.integrity is not allowed',
  ],
  [
    'TrustPolicy',
    'F7 an unknown check',
    statement({ signatureVerification: { level: 'strict', override: { colour: 'log' } } }),
    'override knows authenticity',
  ],
  [
    'TrustPolicy',
    'F7 an unknown action',
    statement({ signatureVerification: { level: 'strict', override: { expiry: 'ignore' } } }),
    'override values must be enforce, log',
  ],
  [
    'TrustPolicy',
    'F7 expiry skipped',
    statement({ signatureVerification: { level: 'strict', override: { expiry: 'skip' } } }),
    'only revocation may be overridden with skip',
  ],
  [
    'TrustPolicy',
    'F7 override with skip',
    statement({
      signatureVerification: { level: 'skip', override: { expiry: 'log' } },
      trustStores: [],
      trustedIdentities: [],
    }),
    'override is not allowed with level skip',
  ],
  [
    'TrustPolicy',
    'F8 another verifyTimestamp',
    statement({ signatureVerification: { level: 'strict', verifyTimestamp: 'never' } }),
    'Unsupported value: "never"',
  ],
  [
    'TrustStore',
    'both sources',
    (spec) => {
      spec['caBundleFrom'] = { configMapKeyRef: { namespace: 'a', name: 'b', key: 'c' } };
    },
    'exactly one of caBundle and caBundleFrom',
  ],
  [
    'TrustStore',
    'no source',
    (spec) => {
      delete spec['caBundle'];
    },
    'exactly one of caBundle and caBundleFrom',
  ],
  [
    'TrustStore',
    'an empty source',
    (spec) => {
      delete spec['caBundle'];
      spec['caBundleFrom'] = {};
    },
    'exactly one of configMapKeyRef and secretKeyRef',
  ],
  [
    'TrustStore',
    'F3 the name .',
    (spec) => {
      spec['trustStoreName'] = '.';
    },
    'trustStoreName may hold letters',
  ],
  [
    'TrustStore',
    'another type',
    (spec) => {
      spec['type'] = 'root';
    },
    'Unsupported value: "root"',
  ],
  [
    'TrustStore',
    'no PEM',
    (spec) => {
      spec['caBundle'] = 'MIIB';
    },
    'caBundle must hold PEM certificates',
  ],
  [
    'TrustStore',
    'a private key',
    (spec) => {
      spec['caBundle'] = `${PEM}-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n`;
    },
    'remove the private key',
  ],
  [
    'ImageSignatureRequest',
    'no image',
    (spec) => {
      spec['images'] = [];
    },
    'should have at least 1 items',
  ],
  [
    'ImageSignatureRequest',
    '65 images',
    (spec) => {
      spec['images'] = Array.from({ length: 65 }, (_, i) => `r.example.com/a:${i}`);
    },
    'must have at most 64 items',
  ],
  [
    'ImageSignatureRequest',
    'an image twice',
    (spec) => {
      spec['images'] = ['r.example.com/a', 'r.example.com/a'];
    },
    'Duplicate value',
  ],
  [
    'ImageSignatureRequest',
    'a scheme',
    (spec) => {
      spec['images'] = ['https://r.example.com/a'];
    },
    'an image reference has no scheme',
  ],
  [
    'ImageSignatureRequest',
    'a bad digest',
    (spec) => {
      spec['images'] = ['r.example.com/a@sha256:XYZ'];
    },
    'an image must be registry/repository:tag',
  ],
  [
    'ImageSignatureRequest',
    'two signers',
    sign({
      awsSigner: { profileArn: 'arn:aws:signer:us-west-2:111122223333:/signing-profiles/app' },
      expiry: undefined,
    }),
    'exactly one of sign.awsSigner and sign.key',
  ],
  [
    'ImageSignatureRequest',
    'no signer',
    (spec) => {
      spec['sign'] = { format: 'JWS' };
    },
    'exactly one of sign.awsSigner and sign.key',
  ],
  [
    'ImageSignatureRequest',
    'expiry with AWS Signer',
    aws({ expiry: '1h' }),
    'the validity period of the signing profile decides',
  ],
  ['ImageSignatureRequest', 'COSE with AWS Signer', aws({ format: 'COSE' }), 'AWS Signer makes JWS envelopes only'],
  [
    'ImageSignatureRequest',
    'timestamp with AWS Signer',
    aws({ timestamp: { url: 'http://tsa.example.com', trustStore: 't' } }),
    'sign.timestamp is for keys only',
  ],
  [
    'ImageSignatureRequest',
    'a near miss of an ARN',
    aws({}, 'arn:aws:signer:us-west-2:111122223333:signing-profiles/app'),
    'mind the slash before signing-profiles',
  ],
  [
    'ImageSignatureRequest',
    'a bad role',
    (spec) => {
      spec['sign'] = {
        awsSigner: {
          profileArn: 'arn:aws:signer:us-west-2:111122223333:/signing-profiles/app',
          assumeRoleArn: 'admin',
        },
      };
    },
    'assumeRoleArn must be arn:',
  ],
  [
    'ImageSignatureRequest',
    'a timestamp authority without an address',
    sign({ timestamp: { url: 'tsa.example.com', trustStore: 't' } }),
    'timestamp.url must be an address',
  ],
  [
    'ImageSignatureRequest',
    'a bad role for the registry',
    (spec) => {
      spec['registry'] = { assumeRoleArn: 'admin' };
    },
    'assumeRoleArn must be arn:',
  ],
  ['ImageSignatureRequest', 'a bad expiry', sign({ expiry: '1 year' }), 'expiry must be a duration such as 8760h'],
  [
    'ImageSignatureRequest',
    'renewal after expiry',
    sign({ expiry: '1h', renewBefore: '2h' }),
    'sign.renewBefore must be shorter than sign.expiry',
  ],
  [
    'ImageSignatureRequest',
    'B7 reserved metadata',
    sign({ userMetadata: { 'io.cncf.notary.x': 'y' } }),
    'are reserved',
  ],
  [
    'ImageSignatureRequest',
    'an interval of 1 s',
    (spec) => {
      spec['verify'] = { interval: '1s' };
    },
    'interval must be a duration of at least 10s',
  ],
  [
    'ImageSignatureRequest',
    'revoke with a key',
    (spec) => {
      spec['deletionPolicy'] = 'RevokeSignature';
    },
    'deletionPolicy RevokeSignature needs sign.awsSigner',
  ],
  [
    'ImageSignatureRequest',
    'delete without sign',
    (spec) => {
      delete spec['sign'];
      spec['deletionPolicy'] = 'DeleteSignature';
    },
    'deletionPolicy DeleteSignature needs sign',
  ],
];

describe('the API server', () => {
  it.each(Object.keys(GOOD))('accepts a good %s: the control of every rule', async (kind) => {
    expect(
      await tryOut(
        kind,
        changed(kind, () => undefined),
      ),
    ).toMatchObject({ code: 0 });
  });

  it.each([
    'x509.subject: C=US, ST=WA, O=Acme\\, O=1\\+1, CN=O',
    'x509.subject:CN=app,OU=team,O=Acme,S=WA,C=US',
    'arn:aws:signer:us-west-2:111122223333:/signing-profiles/app/AbCdEfGhIj',
    'arn:aws-us-gov:signer:us-gov-west-1:111122223333:/signing-profiles/app',
  ])('accepts the identity %s', async (identity) => {
    expect(
      await tryOut('TrustPolicy', changed('TrustPolicy', statement({ trustedIdentities: [identity] }))),
    ).toMatchObject({ code: 0 });
  });

  it.each(RULES)('refuses a %s with its own sentence: %s', async (kind, _rule, change, sentence) => {
    const { code, stderr } = await tryOut(kind, changed(kind, change));
    expect(code).toBe(1);
    expect(stderr).toContain(sentence);
  });
});
