import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { sharedControlPlane } from '../support/shared-control-plane.ts';

const ROOT = join(import.meta.dirname, '../..');
const plane = sharedControlPlane();

const PEM = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';
const GOOD: Readonly<Record<string, object>> = {
  TrustPolicy: {
    version: '1.0',
    trustPolicies: [
      {
        name: 'images',
        registryScopes: ['registry.example.com/team/app'],
        signatureVerification: { level: 'strict' },
        trustStores: ['ca:acme'],
        trustedIdentities: ['x509.subject: C=US, ST=WA, O=Acme'],
      },
    ],
  },
  TrustStore: { type: 'ca', caBundle: PEM },
  ImageSignatureRequest: { images: ['registry.example.com/team/app:v1'] },
};

describe('manifests', () => {
  beforeAll(async () => {
    await plane.ok(['apply', '-f', join(ROOT, 'config/samples/10-namespace.yaml')]);
  });

  it('of config/samples apply unedited', async () => {
    const { code, stderr } = await plane.kubectl(['apply', '--dry-run=server', '-f', join(ROOT, 'config/samples')]);
    expect([code, stderr]).toEqual([0, '']);
  });

  it('of config/default render, and are what the API server knows', async () => {
    const { code, stdout } = await plane.kubectl(['kustomize', join(ROOT, 'config/default')]);
    expect(code).toBe(0);
    expect(stdout.match(/^kind: /gm)).toHaveLength(3 + 7 + 6);
    const cluster = await plane.kubectl(['apply', '--dry-run=server', '-k', join(ROOT, 'config/rbac')]);
    // The ServiceAccount's namespace is made by another part of config/default.
    expect(cluster.stderr).toMatch(/^(|Error from server \(NotFound\).*namespaces "sealwatch-system" not found\s*)$/);
  });

  it('of config/overlays/example render, with the image, the grants and the mounts of their own', async () => {
    const { code, stdout } = await plane.kubectl(['kustomize', join(ROOT, 'config/overlays/example')]);
    expect(code).toBe(0);
    for (const text of [
      'image: registry.example.com/platform/sealwatch:0.1.0',
      'eks.amazonaws.com/role-arn: arn:aws:iam::111122223333:role/sealwatch',
      '- namespaces: [shop]',
      'name: SEALWATCH_REGISTRY_CONFIG',
      'mountPath: /etc/registry',
      'mountPath: /etc/sealwatch',
    ]) {
      expect(stdout).toContain(text);
    }
  });

  it('written for kyverno-notation-aws apply after changing apiVersion alone', async () => {
    const manifests = `
apiVersion: sealwatch.dev/v1alpha1
kind: TrustStore
metadata: {name: aws-signer-ts}
spec:
  trustStoreName: aws-signer-ts
  type: signingAuthority
  caBundle: |-
    -----BEGIN CERTIFICATE-----
    MIICWTCCAd6gAwIBAgIRAMq5Lmt4rqnUdi8qM4eIGbYwCgYIKoZIzj0EAwMwbDEL
    -----END CERTIFICATE-----
---
apiVersion: sealwatch.dev/v1alpha1
kind: TrustPolicy
metadata: {name: tp-test-notation}
spec:
  trustPolicyName: tp-test-notation
  version: '1.0'
  trustPolicies:
  - name: aws-signer-tp
    registryScopes: ["*"]
    signatureVerification:
      level: strict
      override: {}
    trustStores: ["signingAuthority:aws-signer-ts"]
    trustedIdentities: ["arn:aws:signer:us-east-1:111122223333:/signing-profiles/kyverno"]
`;
    const { code, stderr } = await plane.kubectl(['apply', '--dry-run=server', '-f', '-'], manifests);
    expect([code, stderr]).toEqual([0, '']);
  });
});

describe('kubectl', () => {
  it.each([
    ['tst', 'NAME TYPE CERTS EXPIRES READY AGE'],
    ['tp', 'NAME STATEMENTS IMAGES TRUSTED REVOKED EXPIRED UNKNOWN READY AGE'],
    ['isr', 'NAME IMAGES SIGNED VERIFIED REVOKED EXPIRES LAST-CHECK READY AGE'],
  ])('get %s shows the columns of the design', async (short, columns) => {
    const kind = { tst: 'TrustStore', tp: 'TrustPolicy', isr: 'ImageSignatureRequest' }[short] ?? '';
    const name = `columns-${short}`;
    const manifest = {
      apiVersion: 'sealwatch.dev/v1alpha1',
      kind,
      metadata: { name, namespace: 'default' },
      spec: GOOD[kind],
    };
    await plane.apply(JSON.stringify(manifest));
    try {
      const [header = '', ...rows] = (await plane.ok(['get', short, name])).split('\n');
      expect(header.trim().split(/\s+/).join(' ')).toBe(columns);
      for (const row of [header, ...rows]) expect(row.trimEnd().length).toBeLessThanOrEqual(120);
    } finally {
      await plane.kubectl(['delete', short, name, '--wait=false']);
    }
  });

  it.each(['truststores', 'trustpolicies', 'imagesignaturerequests'])(
    'explain %s has a description for every field',
    async (resource) => {
      const crd = await plane.get<{
        readonly spec: { readonly versions: readonly [{ readonly schema: { readonly openAPIV3Schema: Schema } }] };
      }>('crd', `${resource}.sealwatch.dev`);
      const { properties = {} } = crd.spec.versions[0].schema.openAPIV3Schema;
      const bare = ['spec', 'status']
        .flatMap((part) => undescribed(properties[part] ?? {}, part))
        .filter((path) => path.includes('.'));
      expect(bare).toEqual([]);
      expect(await plane.ok(['explain', `${resource}.spec`])).toContain('DESCRIPTION');
    },
  );

  it('get sealwatch lists all three kinds', async () => {
    expect((await plane.kubectl(['get', 'sealwatch', '-A'])).code).toBe(0);
  });
});

interface Schema {
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
}

/** Paths of fields without a description. */
function undescribed(schema: Schema, path: string): string[] {
  const own = schema.description === undefined ? [path] : [];
  const inner = Object.entries(schema.properties ?? {}).flatMap(([name, field]) =>
    undescribed(field, `${path}.${name}`),
  );
  const items = Object.entries(schema.items?.properties ?? {}).flatMap(([name, field]) =>
    undescribed(field, `${path}[].${name}`),
  );
  return [...own, ...inner, ...items];
}
