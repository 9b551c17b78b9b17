import {
  AwsError,
  ecrCredentials,
  parseSigningProfileArn,
  SignerService,
  signerAttributes,
} from '../../src/aws/index.ts';
import { createPayload, MEDIA_TYPE_JWS, parseEnvelope } from '../../src/notary/index.ts';
import { OciError, parseReference, pushSignature, RegistryClient } from '../../src/oci/index.ts';
import { createDispatcher } from '../../src/transport/index.ts';

/** A call of src/aws, by the credentials and the way that the environment gives. */
type Request =
  | { readonly kind: 'resolve'; readonly reference: string; readonly roleArn?: string }
  | { readonly kind: 'push'; readonly reference: string; readonly publicRegistry?: 'authenticated' }
  | { readonly kind: 'sign'; readonly profileArn: string; readonly maxAttempts?: number };

const signal = AbortSignal.timeout(40_000);

async function run(request: Request): Promise<unknown> {
  if (request.kind === 'sign') return sign(request.profileArn, request.maxAttempts);
  const ecr = ecrCredentials();
  const { publicRegistry } = request.kind === 'push' ? request : {};
  const { roleArn } = request.kind === 'resolve' ? request : {};
  const client = new RegistryClient({
    dispatcher: createDispatcher(),
    credentials: ecr.as({
      ...(roleArn === undefined ? {} : { roleArn }),
      ...(publicRegistry === undefined ? {} : { publicRegistry }),
    }),
    plainHTTPHosts: () => false,
    userAgent: 'sealwatch-test',
    maxAttempts: 1,
    timeoutMs: 30_000,
  });
  const reference = parseReference(request.reference);
  const subject = await client.resolve(reference, signal);
  if (request.kind === 'resolve') return subject.digest;
  const artifact = { envelope: Buffer.from('{}'), mediaType: MEDIA_TYPE_JWS, annotations: {} };
  const pushed = await pushSignature(client, { ...reference, digest: subject.digest }, subject, artifact, signal);
  return pushed.digest;
}

/** Signs, and asks what of it is revoked. */
async function sign(profileArn: string, maxAttempts = 2): Promise<readonly string[]> {
  const service = new SignerService({ maxAttempts });
  const subject = {
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    digest: `sha256:${'a'.repeat(64)}`,
    size: 1,
  };
  const payload = createPayload(subject);
  const signed = await service.signPayload({ profile: parseSigningProfileArn(profileArn), payload }, signal);
  const envelope = parseEnvelope(signed.envelope, MEDIA_TYPE_JWS);
  const attributes = signerAttributes(envelope);
  if (attributes === undefined || envelope.authenticSigningTime === undefined) throw new Error('no Signer signature');
  const { jobArn, profileVersionArn } = attributes;
  const { certificates, authenticSigningTime: signatureTimestamp } = envelope;
  const status = { jobArn, profileVersionArn, certificates, signatureTimestamp };
  return (await service.getRevocationStatus(status, signal)).revokedEntities;
}

try {
  const ok = await run(JSON.parse(process.argv[2] ?? '{}') as Request);
  console.log(JSON.stringify({ ok }));
} catch (error) {
  if (!(error instanceof AwsError) && !(error instanceof OciError)) throw error;
  console.log(JSON.stringify({ error: { code: error.code, message: error.message } }));
}
process.exit();
