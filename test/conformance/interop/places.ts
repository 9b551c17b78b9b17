import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { Descriptor } from '../../../src/notary/index.ts';
import {
  type ArtifactStore,
  anonymous,
  fetchSignature,
  listSignatures,
  OciLayout,
  parseReference,
  pushSignature,
  RegistryClient,
} from '../../../src/oci/index.ts';
import { createDispatcher } from '../../../src/transport/index.ts';
import { writeImageLayout } from '../../support/image-layout.ts';
import type { JudgeTarget } from '../../support/judge.ts';
import { type RegistryKind, type RegistryOptions, startRegistry } from '../../support/registries.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const TIMEOUT_MS = 20_000;

/** A signature as it lies beside its image. */
export interface StoredSignature {
  readonly envelope: Uint8Array;
  readonly mediaType: string;
}

/** An image of its own for one cell of the matrix, so that the one signature beside it is that cell's. */
export interface PlacedImage {
  readonly subject: Descriptor;
  /** `registry/repository`: what the trust policy names. */
  readonly scope: string;
  /** How notation-go reaches it. */
  readonly target: JudgeTarget;
  readonly push: (
    signature: StoredSignature & { readonly annotations: Readonly<Record<string, string>> },
  ) => Promise<void>;
  readonly list: () => Promise<readonly StoredSignature[]>;
}

/** Where images and signatures lie. */
export interface Place {
  readonly name: string;
  readonly createImage: () => Promise<PlacedImage>;
  readonly stop: () => Promise<void>;
}

/** A real registry, reached by Sealwatch's own client. @param basic credentials that it asks for */
export async function registryPlace(kind: RegistryKind, basic?: RegistryOptions['basic']): Promise<Place> {
  const registry = await startRegistry(kind, basic === undefined ? {} : { basic });
  const client = new RegistryClient({
    dispatcher: createDispatcher({ allowAddresses: ['127.0.0.0/8'] }),
    credentials: basic === undefined ? anonymous : { credentialsFor: async () => ({ kind: 'basic', ...basic }) },
    plainHTTPHosts: (host) => host === registry.host,
    userAgent: 'sealwatch-conformance',
    maxAttempts: 2,
    timeoutMs: TIMEOUT_MS,
    onRequest: () => undefined,
  });
  return {
    name: kind === 'referrers' ? 'registry with the Referrers API' : 'registry without it',
    createImage: () => createImage(client, `${registry.host}/interop/app`, basic ?? {}),
    stop: registry.stop,
  };
}

async function createImage(client: RegistryClient, scope: string, target: JudgeTarget): Promise<PlacedImage> {
  const repository = parseReference(`${scope}:any`);
  const config = await client.pushBlob(
    repository,
    Buffer.from('{}'),
    'application/vnd.oci.image.config.v1+json',
    signal(),
  );
  // The annotation makes it an image of its own.
  const annotations = { 'dev.sealwatch.test/id': randomUUID() };
  const manifest = { schemaVersion: 2, mediaType: MANIFEST, config, layers: [], annotations };
  const pushed = await client.pushManifest(
    repository,
    Buffer.from(JSON.stringify(manifest)),
    MANIFEST,
    undefined,
    signal(),
  );
  return placed(client, scope, pushed.descriptor, target);
}

/** OCI image layouts, one for each image, read and written by Sealwatch's own code. */
export async function layoutPlace(): Promise<Place> {
  const folder = await temporaryFolder('layouts');
  return {
    name: 'OCI layout',
    createImage: async () => {
      const layout = join(folder.path, randomUUID());
      const image = await writeImageLayout(layout, 'v1', randomUUID());
      return placed(await OciLayout.open(layout), 'local/interop', image, { layout });
    },
    stop: folder.remove,
  };
}

function placed(
  store: ArtifactStore,
  scope: string,
  { mediaType, digest, size }: Descriptor,
  target: JudgeTarget,
): PlacedImage {
  const subject = { mediaType, digest, size };
  const reference = parseReference(`${scope}@${digest}`);
  return {
    subject,
    scope,
    target: { ...target, reference: `${scope}@${digest}` },
    push: async (signature) => {
      await pushSignature(store, reference, subject, signature, signal());
    },
    list: async () => {
      const { signatures } = await listSignatures(store, reference, subject, { max: 10 }, signal());
      return Promise.all(signatures.map((each) => fetchSignature(store, reference, subject, each, signal())));
    },
  };
}

function signal(): AbortSignal {
  return AbortSignal.timeout(TIMEOUT_MS);
}
