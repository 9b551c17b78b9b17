import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { ImageSignatureRequest } from '../../src/api/image-signature-request.ts';
import {
  ecrCredentials,
  parseSigningProfileArn,
  SignerAdmin,
  SignerService,
  signerAttributes,
} from '../../src/aws/index.ts';
import { planRequest } from '../../src/controllers/request-plan.ts';
import { createPayload, MEDIA_TYPE_JWS, parseEnvelope } from '../../src/notary/index.ts';
import {
  deleteSignature,
  fetchSignature,
  listSignatures,
  parseReference,
  pushSignature,
  RegistryClient,
} from '../../src/oci/index.ts';
import { parseSettings } from '../../src/settings/index.ts';
import { createDispatcher } from '../../src/transport/index.ts';
import type { PolicyDocument } from '../support/aws-emulator/index.ts';
import { ACCOUNT, type AwsWorld, ecrHost, iamPolicy, REGION, startAwsWorld } from '../support/aws-world.ts';
import { pushImage } from '../support/images.ts';

const ROOT = join(import.meta.dirname, '../..');
const PROFILE = parseSigningProfileArn(`arn:aws:signer:${REGION}:${ACCOUNT}:/signing-profiles/shop`);
const { signal } = new AbortController();

let world: AwsWorld;
let service: SignerService;
let registry: RegistryClient;
let publicRegistry: RegistryClient;

beforeAll(async () => {
  world = await startAwsWorld();
  world.aws.createProfile({ name: 'shop' });
  const options = { endpoint: world.aws.endpoint, credentials: world.aws.credentials, maxAttempts: 1 };
  service = new SignerService(options);
  const ecr = ecrCredentials(options);
  const client = (credentials: typeof ecr | ReturnType<typeof ecr.as>): RegistryClient =>
    new RegistryClient({
      dispatcher: createDispatcher({
        ca: readFileSync(world.caFile, 'utf8'),
        proxy: { http: '', https: world.proxy.url, none: '' },
      }),
      credentials,
      plainHTTPHosts: () => false,
      userAgent: 'sealwatch-test',
      maxAttempts: 1,
      timeoutMs: 20_000,
    });
  registry = client(ecr);
  publicRegistry = client(ecr.as({ publicRegistry: 'authenticated' }));
});
afterAll(async () => {
  service?.close();
  await world?.stop();
});

/** From now on the operator's identity may do what these policies of config/iam say, and nothing else. */
async function may(...names: readonly string[]): Promise<void> {
  world.aws.identities.setPolicies(world.aws.credentials.principal.arn, await Promise.all(names.map(iamPolicy)));
}

/** How an action ends: `ok`, or what AWS said. */
async function ending(action: () => Promise<unknown>): Promise<string> {
  try {
    await action();
    return 'ok';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

let images = 0;
let repository: string;
beforeEach(async () => {
  images += 1;
  world.aws.identities.setServiceControlPolicies(ACCOUNT, [ALLOW_ALL]);
  repository = `shop/web-${images}`;
  await pushImage(world.registry.host, repository, 'v1');
});

const ALLOW_ALL: PolicyDocument = {
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }],
};

async function sign() {
  const subject = {
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    digest: `sha256:${'a'.repeat(64)}`,
    size: 1,
  };
  const signed = await service.signPayload({ profile: PROFILE, payload: createPayload(subject) }, signal);
  const envelope = parseEnvelope(signed.envelope, MEDIA_TYPE_JWS);
  return { envelope, ...(signerAttributes(envelope) ?? { jobArn: '', profileVersionArn: '' }) };
}

async function revocationStatus({ envelope, jobArn, profileVersionArn }: Awaited<ReturnType<typeof sign>>) {
  const { certificates, authenticSigningTime: signatureTimestamp = new Date(0) } = envelope;
  await service.getRevocationStatus({ jobArn, profileVersionArn, certificates, signatureTimestamp }, signal);
}

const imageOf = () => parseReference(`${ecrHost()}/${repository}:v1`);

async function push(client = registry, reference = imageOf()) {
  const subject = await client.resolve(reference, signal);
  const artifact = { envelope: Buffer.from('{}'), mediaType: MEDIA_TYPE_JWS, annotations: {} };
  const pushed = await pushSignature(client, { ...reference, digest: subject.digest }, subject, artifact, signal);
  return { reference: { ...reference, digest: subject.digest }, subject, digest: pushed.digest };
}

async function readSignatures(): Promise<void> {
  const subject = await registry.resolve(imageOf(), signal);
  const reference = { ...imageOf(), digest: subject.digest };
  const { signatures } = await listSignatures(registry, reference, subject, { max: 10 }, signal);
  for (const signature of signatures) await fetchSignature(registry, reference, subject, signature, signal);
}

describe('the policies of config/iam, by the emulator’s own check of policies', () => {
  it('verify.json verifies, and can neither sign nor write', async () => {
    await may('sign');
    const signed = await sign();
    await push();
    await may('verify');
    expect(await ending(readSignatures)).toBe('ok');
    expect(await ending(() => revocationStatus(signed))).toBe('ok');
    expect(await ending(sign)).toContain(
      `is not authorized to perform: signer:SignPayload on resource: ${PROFILE.arn} because no identity-based policy allows the signer:SignPayload action; grant the operator's identity signer:SignPayload`,
    );
    // The answer to HEAD has no body that could say which right is missing.
    expect(await ending(push)).toContain('the registry denies access (403)');
    expect(world.front.records.at(-1)).toMatchObject({ action: 'ecr:BatchCheckLayerAvailability', status: 403 });
  });

  it('sign.json signs and verifies, with this profile and in these repositories alone', async () => {
    await may('sign');
    const signed = await sign();
    expect(await ending(push)).toBe('ok');
    expect(await ending(readSignatures)).toBe('ok');
    expect(await ending(() => revocationStatus(signed))).toBe('ok');
    const other = parseSigningProfileArn(world.aws.createProfile({ name: `other_${images}` }).arn);
    const payload = createPayload(signed.envelope.subject);
    expect(await ending(() => service.signPayload({ profile: other, payload }, signal))).toContain(other.arn);
    await pushImage(world.registry.host, 'team/web', 'v1');
    expect(await ending(() => registry.resolve(parseReference(`${ecrHost()}/team/web:v1`), signal))).toContain(
      'repository/team/web',
    );
  });

  it('optional-revoke-signatures.json is what revoking needs', async () => {
    await may('sign');
    const { jobArn } = await sign();
    const revoke = () => service.revokeSignature({ jobArn, profile: PROFILE, reason: 'test' }, signal);
    expect(await ending(revoke)).toContain(`signer:RevokeSignature on resource: ${jobArn}`);
    await may('sign', 'optional-revoke-signatures');
    expect(await ending(revoke)).toBe('ok');
  });

  it('optional-delete-signatures.json is what deleting needs', async () => {
    await may('sign');
    const { reference, subject, digest } = await push();
    const remove = () => deleteSignature(registry, reference, subject.digest, digest, signal);
    expect(await ending(remove)).toContain('ecr:BatchDeleteImage');
    await may('sign', 'optional-delete-signatures');
    expect(await ending(remove)).toBe('ok');
  });

  it('optional-assume-role.json is what a role of another account needs', async () => {
    const assumeRoleArn = 'arn:aws:iam::444455556666:role/signer';
    world.aws.identities.createRole(assumeRoleArn, [ACCOUNT]);
    const profile = parseSigningProfileArn(
      world.aws.createProfile({ name: `across_${images}`, accountId: '444455556666' }).arn,
    );
    const payload = createPayload({ mediaType: 'a/b', digest: `sha256:${'a'.repeat(64)}`, size: 1 });
    const across = async (): Promise<void> => {
      // Each with a client of its own: a session that was given stays good for an hour.
      const { endpoint, credentials } = world.aws;
      const own = new SignerService({ endpoint, stsEndpoint: endpoint, credentials, maxAttempts: 1 });
      await own.signPayload({ profile, payload, assumeRoleArn }, signal).finally(() => own.close());
    };
    await may('sign');
    expect(await ending(across)).toContain(`sts:AssumeRole on resource: ${assumeRoleArn}`);
    await may('sign', 'optional-assume-role');
    expect(await ending(across)).toBe('ok');
  });

  it('optional-ecr-public.json is what signing on ECR Public needs', async () => {
    const reference = parseReference('public.ecr.aws/x1y2/shop/web:v1');
    await pushImage(world.registry.host, 'x1y2/shop/web', 'v1');
    await may('sign');
    expect(await ending(() => push(publicRegistry, reference))).toContain(
      "grant the operator's identity ecr-public:GetAuthorizationToken and sts:GetServiceBearerToken",
    );
    await may('sign', 'optional-ecr-public');
    expect(await ending(() => push(publicRegistry, reference))).toBe('ok');
  });

  it('administrate.json is what sealwatch signer needs', async () => {
    const admin = new SignerAdmin({ endpoint: world.aws.endpoint, credentials: world.aws.credentials }, REGION);
    await may('sign');
    expect(await ending(() => admin.listProfiles(false, signal))).toContain('signer:ListSigningProfiles');
    await may('sign', 'administrate');
    const { versionArn } = await admin.putProfile(`admin_${images}`, { value: 12, type: 'MONTHS' }, signal);
    await admin.listProfiles(true, signal);
    await admin.describeProfile(`admin_${images}`, signal);
    const version = versionArn.slice(-10);
    await admin.revokeProfile({ name: `admin_${images}`, version, effectiveTime: new Date(), reason: 'test' }, signal);
    await admin.putProfile(`ended_${images}`, undefined, signal);
    await admin.cancelProfile(`ended_${images}`, signal);
    const { jobArn } = await sign();
    await service.revokeSignature({ jobArn, reason: 'test' }, signal);
    admin.close();
  });

  it('a service control policy bounds them all, and is told as what it is', async () => {
    await may('sign');
    world.aws.identities.setServiceControlPolicies(ACCOUNT, [
      ALLOW_ALL,
      { Version: '2012-10-17', Statement: [{ Effect: 'Deny', Action: 'signer:Sign*', Resource: '*' }] },
    ]);
    expect(await ending(sign)).toContain('with an explicit deny in a service control policy');
    expect(await ending(readSignatures)).toBe('ok');
  });
});

interface Manifest {
  readonly kind: string;
  readonly data?: Readonly<Record<string, string>>;
}

describe('docs/aws-setup.md', () => {
  const page = readFileSync(join(ROOT, 'docs/aws-setup.md'), 'utf8');

  it('says what each policy of config/iam is for', () => {
    const files = readdirSync(join(ROOT, 'config/iam'));
    expect(files.filter((file) => !page.includes(`(../config/iam/${file})`))).toEqual([]);
  });

  it('has manifests that mean what they say', () => {
    const manifests = [...page.matchAll(/^```yaml\n(.*?)^```$/gms)].map(([, text = '']) => parse(text) as Manifest);
    expect(manifests.map(({ kind }) => kind)).toEqual([
      'ServiceAccount',
      'Deployment',
      'ConfigMap',
      'ImageSignatureRequest',
    ]);
    const { grants, ecrRoles } = parseSettings(manifests[2]?.data?.['config.yaml'] ?? '');
    const request = manifests[3] as unknown as ImageSignatureRequest;
    const planned = planRequest(request);
    if (planned.kind !== 'plan') throw new Error(planned.message);
    const roleArn = request.spec.registry?.assumeRoleArn ?? '';
    expect(ecrRoles.get('444455556666')).toBe(roleArn);
    const asked = {
      namespace: request.metadata.namespace ?? '',
      namespaceLabels: {},
      profileArn: request.spec.sign?.awsSigner?.profileArn ?? '',
      roleArns: [roleArn, request.spec.sign?.awsSigner?.assumeRoleArn ?? ''],
      repository: planned.plan.images[0]?.repository ?? '',
    };
    expect(grants.check(asked)).toEqual({ granted: true });
  });

  it('has documents that are JSON, with a version', () => {
    const blocks = [...page.matchAll(/^```json\n(.*?)^```$/gms)].map(([, text = '']) => JSON.parse(text) as unknown);
    expect(blocks.length).toBeGreaterThan(2);
    for (const block of blocks)
      expect(block).toMatchObject({ Version: '2012-10-17', Statement: [{ Effect: 'Allow' }] });
  });
});
