import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensureTool } from '../../hack/tools/ensure.ts';
import { signatureAnnotations, signEnvelope } from '../../src/notary/index.ts';
import {
  anonymous,
  type CredentialProvider,
  deleteSignature,
  fetchSignature,
  listSignatures,
  OciError,
  parseReference,
  pushSignature,
  type RegistryClient,
} from '../../src/oci/index.ts';
import { type PushedImage, pushImage } from '../support/images.ts';
import { type Chain, createChain } from '../support/pki.ts';
import { REGISTRY_KINDS, type Registry, startRegistry } from '../support/registries.ts';
import { evaluate, localClient } from '../support/signed-images.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const run = promisify(execFile);
const NOTATION = 'application/vnd.cncf.notary.signature';

let chain: Chain;
const registries = new Map<string, Registry>();
const requests: string[] = [];

beforeAll(async () => {
  chain = await createChain();
  for (const kind of REGISTRY_KINDS) registries.set(kind, await startRegistry(kind));
});
afterAll(async () => {
  for (const registry of registries.values()) await registry.stop();
});

function hostOf(kind: string): string {
  return registries.get(kind)?.host ?? '';
}

function clientWith(credentials: CredentialProvider = anonymous): RegistryClient {
  return localClient({ credentials, onRequest: ({ operation }) => requests.push(operation) });
}

async function sign(client: RegistryClient, image: PushedImage): Promise<string> {
  const { mediaType, digest, size } = image;
  const now = new Date();
  const { certificates, key } = chain;
  const subject = { mediaType, digest, size };
  const envelope = await signEnvelope({
    subject,
    key,
    certificates,
    format: 'JWS',
    signingTime: now,
    signingAgent: 'test/1',
  });
  const artifact = {
    envelope: envelope.bytes,
    mediaType: envelope.mediaType,
    annotations: signatureAnnotations(certificates, now),
  };
  const pushed = await pushSignature(client, parseReference(image.reference), subject, artifact, signal());
  return pushed.digest;
}

function signal(): AbortSignal {
  return AbortSignal.timeout(20_000);
}

async function oras(...args: readonly string[]): Promise<string> {
  const folder = await temporaryFolder('oras');
  try {
    const { stdout } = await run(await ensureTool('oras'), args, {
      env: { ...process.env, DOCKER_CONFIG: folder.path },
      timeout: 60_000,
    });
    return stdout;
  } finally {
    await folder.remove();
  }
}

/** The verdict on an image, under a policy that trusts the chain for its repository. */
async function verdictOn(client: RegistryClient, reference: string, digest: string): Promise<string> {
  const repository = reference.replace(/:[^:/]+$/, '');
  return (await evaluate(client, { repository, digest }, { roots: chain.rootPem })).verdict;
}

describe.each(REGISTRY_KINDS)('on a registry with %s', (kind) => {
  const other = REGISTRY_KINDS.find((candidate) => candidate !== kind) ?? kind;

  it('oras discovers our signature beside its image', async () => {
    const image = await pushImage(hostOf(kind), 'oras/discover', 'v1');
    const digest = await sign(clientWith(), image);
    const found = await oras('discover', '--plain-http', '--format', 'json', image.reference);
    const { referrers } = JSON.parse(found) as {
      readonly referrers: readonly { readonly digest: string; readonly artifactType: string }[];
    };
    expect(referrers.map((referrer) => [referrer.digest, referrer.artifactType])).toEqual([[digest, NOTATION]]);
  });

  it(`a signature that oras copied with its image to a registry with ${other} verifies there`, async () => {
    const image = await pushImage(hostOf(kind), 'oras/copy', 'v1');
    const client = clientWith();
    await sign(client, image);
    const target = `${hostOf(other)}/oras/copy-of-${kind}:v1`;
    await oras('copy', '-r', '--from-plain-http', '--to-plain-http', image.reference, target);
    expect(await verdictOn(client, target, image.digest)).toBe('Trusted');
  });

  it('an image without a signature is Unsigned; with one it is Trusted, for four requests', async () => {
    const image = await pushImage(hostOf(kind), 'oras/count', 'v1');
    const client = clientWith();
    expect(await verdictOn(client, image.reference, image.digest)).toBe('Unsigned');
    await sign(client, image);
    requests.length = 0;
    expect(await verdictOn(client, image.reference, image.digest)).toBe('Trusted');
    // The registry has said before that it lacks the Referrers API: the tag is asked first.
    const list = kind === 'no-referrers' ? 'manifest' : 'referrers';
    expect(requests).toEqual(['manifest', list, 'manifest', 'blob']);
  });

  it('two signatures pushed at once are both listed, and deleting one leaves the other', async () => {
    const image = await pushImage(hostOf(kind), 'oras/both', 'v1');
    const client = clientWith();
    const reference = parseReference(image.reference);
    // Times in whole seconds make envelopes of one second equal but for ECDSA's randomness: two digests.
    const pushed = await Promise.all([sign(client, image), sign(client, image)]);
    const listed = async (): Promise<readonly string[]> => {
      const { signatures } = await listSignatures(client, reference, image, { max: 100 }, signal());
      return signatures.map(({ digest }) => digest).sort();
    };
    expect(await listed()).toEqual([...pushed].sort());
    await deleteSignature(client, reference, image.digest, pushed[0] ?? '', signal());
    expect(await listed()).toEqual([pushed[1]]);
    await deleteSignature(client, reference, image.digest, pushed[0] ?? '', signal());
    const [left] = (await listSignatures(client, reference, image, { max: 100 }, signal())).signatures;
    expect(left && (await fetchSignature(client, reference, image, left, signal())).mediaType).toBe(
      'application/jose+json',
    );
  });

  it('basic authentication: refused without credentials, never told as unsigned; signed and verified with them', async () => {
    const basic = { username: 'robot', password: 'pass:with:colons' };
    const registry = await startRegistry(kind, { basic });
    try {
      const image = await pushImage(registry.host, 'private/app', 'v1', { basic });
      const refused = clientWith();
      const error = await refused.resolve(parseReference(image.reference), signal()).catch((caught: unknown) => caught);
      expect(error).toBeInstanceOf(OciError);
      expect(error).toMatchObject({ code: 'Unauthorized' });
      expect(await verdictOn(refused, image.reference, image.digest)).toBe('Unknown');
      const allowed = clientWith({ credentialsFor: async () => ({ kind: 'basic', ...basic }) });
      await sign(allowed, image);
      expect(await verdictOn(allowed, image.reference, image.digest)).toBe('Trusted');
    } finally {
      await registry.stop();
    }
  });
});
