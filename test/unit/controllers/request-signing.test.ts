import { expect, it } from 'vitest';
import { signImage } from '../../../src/controllers/request-signing.ts';
import { OciError } from '../../../src/oci/index.ts';
import { createKeySigner } from '../../../src/signing/key-signer.ts';
import { createChain } from '../../support/pki.ts';
import { deadline, localClient } from '../../support/signed-images.ts';

const SUBJECT = {
  mediaType: 'application/vnd.oci.image.manifest.v1+json',
  digest: `sha256:${'a'.repeat(64)}`,
  size: 400,
};

it('signs nothing by a list of before a restart while the registry is out of reach: it may be signed already', async () => {
  const chain = await createChain();
  const asked: unknown[] = [];
  const signer = createKeySigner({
    certificatePem: chain.pem,
    privateKeyPem: chain.keyPem,
    format: 'JWS',
    signingAgent: 'test/1',
  });
  const reference = { registry: '127.0.0.1:1', repository: 'app', digest: SUBJECT.digest };
  const repository = '127.0.0.1:1/app';
  const outcome = await signImage(
    {
      request: {
        apiVersion: 'sealwatch.dev/v1alpha1',
        kind: 'ImageSignatureRequest',
        metadata: {
          name: 'r',
          namespace: 'n',
          uid: 'u',
          resourceVersion: '1',
          creationTimestamp: '2026-01-01T00:00:00Z',
        },
        spec: { images: [`${repository}:v1`] },
      },
      plan: { by: { kind: 'key', secretName: 's' }, format: 'JWS', renewBeforeMs: 0, withPlatforms: false },
      client: localClient({ onRequest: (request) => asked.push(request) }),
      signer: { ...signer, sign: () => expect.fail('signed') },
      own: [],
      image: { text: `${repository}:v1`, repository, reference },
      reference,
      evaluation: {
        repository,
        subject: SUBJECT,
        verdict: 'Unknown',
        signatures: [],
        truncated: false,
        evaluatedAt: new Date(),
        standsInFor: new OciError('Unreachable', 'the registry is down'),
      },
      now: new Date(),
    },
    deadline(),
  );
  expect(outcome).toEqual({
    problem: { reason: 'Undetermined', message: 'the registry is down', terminal: false },
  });
  expect(asked).toEqual([]);
});
