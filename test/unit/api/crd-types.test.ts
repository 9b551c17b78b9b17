import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { CONDITION_REASONS, type Condition } from '../../../src/api/conditions.ts';
import type {
  ImageSignatureRequestSpec,
  ImageSignatureRequestStatus,
  OwnSignature,
} from '../../../src/api/image-signature-request.ts';
import type {
  TrustPolicySpec,
  TrustPolicyStatement,
  TrustPolicyStatus,
  VerdictCounts,
} from '../../../src/api/trust-policy.ts';
import type {
  ObjectKeyReference,
  TrustStoreCertificateStatus,
  TrustStoreSpec,
  TrustStoreStatus,
} from '../../../src/api/trust-store.ts';
import {
  CAUSE_REASONS,
  type Cause,
  type SignatureCheckStatus,
  VERDICTS_WORST_FIRST,
} from '../../../src/api/verdict.ts';

/**
 * Holds src/api and crds/ together. The compiler sees to it that an example has every property of its type, and that
 * the required ones are named; the tests, that the CRD has the same properties and requires the same.
 */
const ROOT = join(import.meta.dirname, '../../..');

/** T with nothing optional, at any depth. */
type Full<T> = T extends string | number | boolean
  ? T
  : T extends readonly (infer Item)[]
    ? readonly [Full<Item>]
    : { readonly [Name in keyof T]-?: Full<NonNullable<T[Name]>> };

/** The properties of T that may not be left out. */
type Required<T> = { readonly [Name in keyof T as object extends Pick<T, Name> ? never : Name]: true };

const TIME = '2030-01-31T12:00:00Z';
const CONDITION: Full<Condition> = {
  type: 'Ready',
  status: 'True',
  reason: 'Succeeded',
  message: 'all is well',
  lastTransitionTime: TIME,
  observedGeneration: 1,
};
const BUNDLE = { namespace: 'trust', name: 'bundles', key: 'ca.crt' };
const COUNTS = { total: 6, trusted: 1, revoked: 1, expired: 1, untrusted: 1, unsigned: 1, unknown: 1 };
const CERTIFICATE = {
  subject: 'CN=Acme',
  issuer: 'CN=Acme',
  serialNumber: '01',
  sha256: 'ab',
  notBefore: TIME,
  notAfter: TIME,
};

const FULL = {
  truststores: {
    spec: {
      trustStoreName: 'acme',
      type: 'ca',
      caBundle: 'PEM',
      caBundleFrom: { configMapKeyRef: BUNDLE, secretKeyRef: BUNDLE },
    } satisfies Full<TrustStoreSpec>,
    status: {
      observedGeneration: 1,
      certificates: [CERTIFICATE],
      certificateCount: 1,
      earliestExpiry: TIME,
      lastGoodBundle: 'PEM',
      conditions: [CONDITION],
    } satisfies Full<TrustStoreStatus>,
  },
  trustpolicies: {
    spec: {
      trustPolicyName: 'acme',
      version: '1.0',
      trustPolicies: [
        {
          name: 'images',
          registryScopes: ['*'],
          signatureVerification: { level: 'strict', override: {}, verifyTimestamp: 'always' },
          trustStores: ['ca:acme'],
          trustedIdentities: ['*'],
        },
      ],
    } satisfies Full<TrustPolicySpec>,
    status: {
      observedGeneration: 1,
      statementCount: 1,
      images: COUNTS,
      pods: COUNTS,
      conditions: [CONDITION],
    } satisfies Full<TrustPolicyStatus>,
  },
  imagesignaturerequests: {
    spec: {
      images: ['registry.example.com/team/app:v1'],
      sign: {
        awsSigner: { profileArn: 'arn', assumeRoleArn: 'arn' },
        key: { secretRef: { name: 'key' } },
        format: 'JWS',
        expiry: '8760h',
        userMetadata: {},
        timestamp: { url: 'http://tsa.example.com', trustStore: 'tsa' },
        platforms: 'Index',
        renewBefore: '720h',
      },
      verify: { interval: '1h', requiredMetadata: {} },
      registry: {
        secretRefs: [{ name: 'pull' }],
        serviceAccountName: 'builder',
        caBundleFrom: { configMapKeyRef: { name: 'ca', key: 'ca.crt' }, secretKeyRef: { name: 'ca', key: 'ca.crt' } },
        plainHTTP: false,
        assumeRoleArn: 'arn',
      },
      deletionPolicy: 'Retain',
      suspend: false,
    } satisfies Full<ImageSignatureRequestSpec>,
    status: {
      observedGeneration: 1,
      lastHandledReconcileAt: 'now',
      lastHandledSignAnewAt: TIME,
      images: [
        {
          reference: 'registry.example.com/team/app:v1',
          digest: 'sha256:ab',
          mediaType: 'application/vnd.oci.image.manifest.v1+json',
          verdict: 'Trusted',
          cause: { reason: 'SigningJobRevoked', message: 'revoked', revoked: ['arn'], since: TIME },
          coveredBy: { digest: 'sha256:ef' },
          lastKnown: { verdict: 'Trusted', verifiedAt: TIME },
          statement: 'acme/images',
          signatures: [
            {
              digest: 'sha256:cd',
              index: 'sha256:ef',
              format: 'JWS',
              scheme: 'notary.x509',
              signedAt: TIME,
              expiresAt: TIME,
              signer: 'CN=Acme',
              jobArn: 'arn',
              profileVersionArn: 'arn',
              verdict: 'Trusted',
              checks: [{ type: 'integrity', action: 'enforce', result: 'passed', reason: 'intact' }],
            },
          ],
          omittedSignatures: 0,
          platforms: [
            {
              platform: 'linux/arm64',
              digest: 'sha256:12',
              verdict: 'Revoked',
              cause: { reason: 'SigningJobRevoked', message: 'revoked', revoked: ['arn'], since: TIME },
              signatures: 1,
            },
          ],
          omittedPlatforms: 0,
          lastVerifiedTime: TIME,
          nextVerificationTime: TIME,
        },
      ],
      ownSignatures: [
        {
          repository: 'registry.example.com/team/app',
          subjectDigest: 'sha256:ab',
          digest: 'sha256:cd',
          signedAt: TIME,
          expiresAt: TIME,
          jobArn: 'arn',
          profileVersionArn: 'arn',
        },
      ],
      summary: { images: 1, signed: '1/1', verified: '1/1', revoked: 0, expires: TIME, lastCheck: TIME },
      conditions: [CONDITION],
    } satisfies Full<ImageSignatureRequestStatus>,
  },
} as const;

type Image = NonNullable<ImageSignatureRequestStatus['images']>[number];
type Signature = NonNullable<Image['signatures']>[number];
type Sign = NonNullable<ImageSignatureRequestSpec['sign']>;
type Registry = NonNullable<ImageSignatureRequestSpec['registry']>;
type RegistryCas = NonNullable<Registry['caBundleFrom']>;

const CONDITION_REQUIRES = {
  type: true,
  status: true,
  reason: true,
  message: true,
  lastTransitionTime: true,
} satisfies Required<Condition>;
const NAME = { name: true } as const;
const NAME_AND_KEY = { name: true, key: true } as const satisfies Required<NonNullable<RegistryCas['secretKeyRef']>>;
const BUNDLE_REQUIRES = { namespace: true, name: true, key: true } satisfies Required<ObjectKeyReference>;
const COUNTS_REQUIRE = {
  total: true,
  trusted: true,
  revoked: true,
  expired: true,
  untrusted: true,
  unsigned: true,
  unknown: true,
} satisfies Required<VerdictCounts>;

/** What each object requires, by its path. */
const REQUIRED: Readonly<Record<keyof typeof FULL, Readonly<Record<string, object>>>> = {
  truststores: {
    spec: { type: true } satisfies Required<TrustStoreSpec>,
    'spec.caBundleFrom': {} satisfies Required<NonNullable<TrustStoreSpec['caBundleFrom']>>,
    'spec.caBundleFrom.configMapKeyRef': BUNDLE_REQUIRES,
    'spec.caBundleFrom.secretKeyRef': BUNDLE_REQUIRES,
    status: {} satisfies Required<TrustStoreStatus>,
    'status.certificates[]': {
      subject: true,
      issuer: true,
      serialNumber: true,
      sha256: true,
      notBefore: true,
      notAfter: true,
    } satisfies Required<TrustStoreCertificateStatus>,
    'status.conditions[]': CONDITION_REQUIRES,
  },
  trustpolicies: {
    spec: { version: true, trustPolicies: true } satisfies Required<TrustPolicySpec>,
    'spec.trustPolicies[]': {
      name: true,
      registryScopes: true,
      signatureVerification: true,
    } satisfies Required<TrustPolicyStatement>,
    'spec.trustPolicies[].signatureVerification': { level: true } satisfies Required<
      TrustPolicyStatement['signatureVerification']
    >,
    status: {} satisfies Required<TrustPolicyStatus>,
    'status.images': COUNTS_REQUIRE,
    'status.pods': COUNTS_REQUIRE,
    'status.conditions[]': CONDITION_REQUIRES,
  },
  imagesignaturerequests: {
    spec: { images: true } satisfies Required<ImageSignatureRequestSpec>,
    'spec.sign': {} satisfies Required<Sign>,
    'spec.sign.awsSigner': { profileArn: true } satisfies Required<NonNullable<Sign['awsSigner']>>,
    'spec.sign.key': { secretRef: true } satisfies Required<NonNullable<Sign['key']>>,
    'spec.sign.key.secretRef': NAME satisfies Required<NonNullable<Sign['key']>['secretRef']>,
    'spec.sign.timestamp': { url: true, trustStore: true } satisfies Required<NonNullable<Sign['timestamp']>>,
    'spec.verify': {} satisfies Required<NonNullable<ImageSignatureRequestSpec['verify']>>,
    'spec.registry': {} satisfies Required<Registry>,
    'spec.registry.secretRefs[]': NAME satisfies Required<NonNullable<Registry['secretRefs']>[number]>,
    'spec.registry.caBundleFrom': {} satisfies Required<RegistryCas>,
    'spec.registry.caBundleFrom.configMapKeyRef': NAME_AND_KEY,
    'spec.registry.caBundleFrom.secretKeyRef': NAME_AND_KEY,
    status: {} satisfies Required<ImageSignatureRequestStatus>,
    'status.summary': { images: true, signed: true, verified: true, revoked: true } satisfies Required<
      NonNullable<ImageSignatureRequestStatus['summary']>
    >,
    'status.images[]': { reference: true, verdict: true } satisfies Required<Image>,
    'status.images[].cause': { reason: true, message: true } satisfies Required<Cause>,
    'status.images[].coveredBy': { digest: true } satisfies Required<NonNullable<Image['coveredBy']>>,
    'status.images[].lastKnown': { verdict: true, verifiedAt: true } satisfies Required<
      NonNullable<Image['lastKnown']>
    >,
    'status.images[].platforms[]': {
      platform: true,
      digest: true,
      verdict: true,
      signatures: true,
    } satisfies Required<NonNullable<Image['platforms']>[number]>,
    'status.images[].platforms[].cause': { reason: true, message: true } satisfies Required<Cause>,
    'status.images[].signatures[]': { digest: true, verdict: true, checks: true } satisfies Required<Signature>,
    'status.images[].signatures[].checks[]': {
      type: true,
      action: true,
      result: true,
      reason: true,
    } satisfies Required<SignatureCheckStatus>,
    'status.ownSignatures[]': {
      repository: true,
      subjectDigest: true,
      digest: true,
      signedAt: true,
    } satisfies Required<OwnSignature>,
    'status.conditions[]': CONDITION_REQUIRES,
  },
};

interface Schema {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly enum?: readonly string[];
}

describe('the types of src/api and the CRDs', () => {
  describe.each(Object.keys(FULL) as (keyof typeof FULL)[])('%s', (plural) => {
    const schema = schemaOf(plural);

    it('have the same properties', () => {
      const ofTypes = ['spec', 'status'].flatMap((part) => exampleLeaves(FULL[plural][part as 'spec'], part));
      const ofCrd = ['spec', 'status'].flatMap((part) => schemaLeaves(schema.properties?.[part] ?? {}, part));
      expect(ofCrd.sort()).toEqual(ofTypes.sort());
    });

    it('require the same', () => {
      const ofCrd = ['spec', 'status'].flatMap((part) => schemaObjects(schema.properties?.[part] ?? {}, part));
      const required = ofCrd.map(([path, object]) => [path, [...(object.required ?? [])].sort()]);
      const ofTypes = Object.entries(REQUIRED[plural]).map(([path, names]) => [path, Object.keys(names).sort()]);
      expect(Object.fromEntries(required)).toEqual(Object.fromEntries(ofTypes));
    });
  });

  it('know the same verdicts', () => {
    const images = schemaOf('imagesignaturerequests').properties?.['status']?.properties?.['images'];
    expect([...(images?.items?.properties?.['verdict']?.enum ?? [])].sort()).toEqual([...VERDICTS_WORST_FIRST].sort());
  });
});

describe('every reason', () => {
  const source = globSync('src/**/*.ts', { cwd: ROOT })
    .filter((path) => !/api[\\/](conditions|verdict)\.ts$/.test(path))
    .map((path) => readFileSync(join(ROOT, path), 'utf8'))
    .join('\n');

  it.each([
    ['of a condition', CONDITION_REASONS],
    ['of a verdict', CAUSE_REASONS],
  ])('%s is CamelCase, stands once, and is given by something', (_what, reasons) => {
    expect(new Set(reasons).size).toBe(reasons.length);
    for (const reason of reasons) {
      // metav1.Condition's own pattern, narrowed to CamelCase.
      expect(reason).toMatch(/^[A-Z][A-Za-z0-9]{0,99}$/);
      expect(source.includes(`'${reason}'`), `${reason} is given by nothing`).toBe(true);
    }
  });
});

function schemaOf(plural: string): Schema {
  const crd = parse(readFileSync(join(ROOT, `crds/sealwatch.dev_${plural}.yaml`), 'utf8')) as {
    readonly spec: { readonly versions: readonly [{ readonly schema: { readonly openAPIV3Schema: Schema } }] };
  };
  return crd.spec.versions[0].schema.openAPIV3Schema;
}

/** `path: type` of everything below an example that has no properties of its own. */
function exampleLeaves(value: unknown, path: string): string[] {
  if (Array.isArray(value)) return exampleLeaves(value[0], `${path}[]`);
  if (typeof value !== 'object' || value === null) return [`${path}: ${typeof value}`];
  const entries = Object.entries(value);
  return entries.length === 0
    ? [`${path}: map`]
    : entries.flatMap(([name, of]) => exampleLeaves(of, `${path}.${name}`));
}

function schemaLeaves(schema: Schema, path: string): string[] {
  if (schema.items !== undefined) return schemaLeaves(schema.items, `${path}[]`);
  if (schema.type !== 'object') return [`${path}: ${schema.type === 'integer' ? 'number' : schema.type}`];
  const entries = Object.entries(schema.properties ?? {});
  return entries.length === 0 ? [`${path}: map`] : entries.flatMap(([name, of]) => schemaLeaves(of, `${path}.${name}`));
}

function schemaObjects(schema: Schema, path: string): (readonly [string, Schema])[] {
  if (schema.items !== undefined) return schemaObjects(schema.items, `${path}[]`);
  if (schema.properties === undefined) return [];
  return [
    [path, schema],
    ...Object.entries(schema.properties).flatMap(([name, of]) => schemaObjects(of, `${path}.${name}`)),
  ];
}
