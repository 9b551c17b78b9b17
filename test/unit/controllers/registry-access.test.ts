import { describe, expect, it } from 'vitest';
import type { ImageSignatureRequest, ImageSignatureRequestSpec } from '../../../src/api/image-signature-request.ts';
import type { EcrIdentity } from '../../../src/aws/index.ts';
import { type RegistryClients, registryAccess } from '../../../src/controllers/registry-access.ts';
import type { KubernetesClient } from '../../../src/kubernetes/index.ts';
import { anonymous, type CredentialProvider, type RegistryClient } from '../../../src/oci/index.ts';
import { createTlsAuthority } from '../../support/tls-authority.ts';

const PUBLIC = 'public.ecr.aws/x1y2/web:v1';
const PRIVATE = '111122223333.dkr.ecr.eu-west-1.amazonaws.com/shop/web:v1';
const KEY = { key: { secretRef: { name: 'key' } } };
const SIGNER = { awsSigner: { profileArn: 'arn:aws:signer:eu-west-1:111122223333:/signing-profiles/shop' } };
const ROLE = 'arn:aws:iam::444455556666:role/pull';

/** Which identities of ECR a request's registry client asks with, in their order; `operator` for the operator's own. */
async function identitiesOf(
  spec: ImageSignatureRequestSpec,
  mayUseOperators: boolean,
  kubernetes: Pick<KubernetesClient, 'get'> = { get: () => Promise.reject(new Error('nothing is read')) },
): Promise<readonly unknown[]> {
  const asked: unknown[] = [];
  const noting = (what: unknown): CredentialProvider => ({
    credentialsFor: async () => {
      asked.push(what);
      return { kind: 'anonymous' };
    },
  });
  let used: CredentialProvider | undefined;
  // Only its identity counts: no request is made with it.
  const client = {} as RegistryClient;
  const clients: RegistryClients = {
    operator: client,
    operatorCredentials: noting('operator'),
    ecrCredentialsAs: (identity: EcrIdentity) => noting(identity),
    withCredentials: (credentials) => {
      used = credentials;
      return client;
    },
    allowsPlainHTTP: () => false,
  };
  const request: ImageSignatureRequest = {
    metadata: { name: 'web', namespace: 'shop', uid: 'u', resourceVersion: '1', creationTimestamp: '' },
    spec,
  };
  const { signal } = new AbortController();
  await registryAccess(request, mayUseOperators, clients, kubernetes as KubernetesClient, signal);
  if (used === undefined) return ['operator'];
  if (used === anonymous) return [];
  await used.credentialsFor('public.ecr.aws', 'x', signal);
  return asked;
}

describe('with which identity a request uses a registry (aws.md, "Amazon ECR")', () => {
  const authenticated = { publicRegistry: 'authenticated' };

  it.each<[string, ImageSignatureRequestSpec, boolean, readonly unknown[]]>([
    ['who only reads ECR Public needs none', { images: [PUBLIC] }, true, ['operator']],
    ['who pushes there by a grant asks AWS', { images: [PUBLIC], sign: SIGNER }, true, [authenticated, 'operator']],
    ['who signs with a key of its own does not', { images: [PUBLIC], sign: KEY }, false, []],
    ['a private registry gets the operator’s own', { images: [PRIVATE], sign: SIGNER }, true, ['operator']],
    [
      'a role comes before it',
      { images: [PRIVATE], registry: { assumeRoleArn: ROLE } },
      true,
      [{ roleArn: ROLE, ...authenticated }, 'operator'],
    ],
    [
      'a role stands alone where the operator’s own may not be used',
      { images: [PRIVATE], sign: KEY, registry: { assumeRoleArn: ROLE } },
      false,
      [{ roleArn: ROLE, ...authenticated }],
    ],
  ])('%s', async (_name, spec, mayUseOperators, expected) => {
    expect(await identitiesOf(spec, mayUseOperators)).toEqual(expected);
  });

  it.each([
    ['secretRefs', { secretRefs: [{ name: '..' }] }, 'Secret shop/..: expected a name'],
    ['serviceAccountName', { serviceAccountName: 'a/b' }, 'ServiceAccount shop/a/b: expected a name'],
    ['a pull secret of its ServiceAccount', { serviceAccountName: 'web' }, 'Secret shop/A: expected a name'],
  ])('refuses a name that no object can have, and says which: %s', async (_name, registry, message) => {
    const clients = {
      operatorCredentials: anonymous,
      ecrCredentialsAs: () => anonymous,
    } as unknown as RegistryClients;
    const kubernetes = { get: async () => ({ imagePullSecrets: [{ name: 'A' }] }) } as unknown as KubernetesClient;
    const request: ImageSignatureRequest = {
      metadata: { name: 'web', namespace: 'shop', uid: 'u', resourceVersion: '1', creationTimestamp: '' },
      spec: { images: [PRIVATE], registry },
    };
    const access = await registryAccess(request, true, clients, kubernetes, new AbortController().signal);
    expect(access).toMatchObject({ kind: 'refused', reason: 'InvalidSpec', message: expect.stringContaining(message) });
  });

  it.each([
    [true, [{}]],
    [false, []],
  ])(
    'with a CA of its own it gets none of the operator’s file, only its identity at ECR: %s',
    async (may, expected) => {
      const { rootPem } = await createTlsAuthority();
      const caBundleFrom = { configMapKeyRef: { name: 'ca', key: 'ca.crt' } };
      const kubernetes = { get: async () => ({ data: { 'ca.crt': rootPem } }) } as unknown as KubernetesClient;
      expect(await identitiesOf({ images: [PRIVATE], registry: { caBundleFrom } }, may, kubernetes)).toEqual(expected);
    },
  );
});
