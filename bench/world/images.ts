import { createHash } from 'node:crypto';
import { createPayload, type Descriptor } from '../../src/notary/index.ts';
import { parseReference, pushSignature, type RegistryClient } from '../../src/oci/index.ts';
import type { AwsEmulator } from '../../test/support/aws-emulator/index.ts';
import { inParallel } from '../../test/support/in-parallel.ts';
import { deadline, localClient } from '../../test/support/signed-images.ts';

/** What pods and policies name; the operator's mirror leads it to a registry on this machine. */
export const REGISTRY_NAME = 'registry.bench.example';
const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const CONFIG = 'application/vnd.oci.image.config.v1+json';
const JWS = 'application/jose+json';
const AT_ONCE = 16;

/** Seconds that a signature may be good for; absent: more than eleven years. */
const LIVES = [undefined, 1, 5, 10, 30, 60] as const;
export type Life = (typeof LIVES)[number];

/** What an image's signature is like. */
export type Standing = 'trusted' | 'unsigned' | 'expired' | 'revoked';

export interface WorldImage {
  readonly number: number;
  /** `team-NN`. */
  readonly namespace: string;
  /** `registry.bench.example/team-NN/app-NNNNN`. */
  readonly repository: string;
  readonly subject: Descriptor;
  readonly manifest: Buffer;
}

/** An image whose digest depends on its number alone: what pods name stays true when the registry is filled anew. */
export function worldImage(number: number, namespaces: number): WorldImage {
  const namespace = `team-${String(number % namespaces).padStart(2, '0')}`;
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MANIFEST,
      config: { mediaType: CONFIG, ...contentOf(EMPTY_CONFIG) },
      layers: [],
      annotations: { 'org.opencontainers.image.title': `app-${number}` },
    }),
  );
  return {
    number,
    namespace,
    repository: `${REGISTRY_NAME}/${namespace}/app-${String(number).padStart(5, '0')}`,
    subject: { mediaType: MANIFEST, ...contentOf(manifest) },
    manifest,
  };
}

const EMPTY_CONFIG = Buffer.from('{}');

function contentOf(bytes: Buffer): { readonly digest: string; readonly size: number } {
  return { digest: `sha256:${createHash('sha256').update(bytes).digest('hex')}`, size: bytes.length };
}

/** Pushes images into a registry and signs them as AWS Signer does (JWS, P-384). */
export class ImageSigner {
  readonly #host: string;
  readonly #aws: AwsEmulator;
  /** By how long their signatures are good for; the emulator's days last a second. */
  readonly #profiles: ReadonlyMap<Life, string>;
  readonly #client: RegistryClient;
  /** Of each signed image, by its number. */
  readonly jobArns = new Map<number, string>();

  /** @param host of the registry, `127.0.0.1:port` */
  constructor(host: string, aws: AwsEmulator) {
    this.#host = host;
    this.#aws = aws;
    this.#client = localClient();
    this.#profiles = new Map(
      LIVES.map((seconds) => {
        if (seconds === undefined) return [seconds, aws.createProfile({ name: 'bench' }).arn];
        const validity = { value: seconds, type: 'DAYS' as const };
        return [seconds, aws.createProfile({ name: `bench_${seconds}_seconds`, validity }).arn];
      }),
    );
  }

  /** ARNs of the profiles that it signs with. */
  get profileArns(): readonly string[] {
    return [...this.#profiles.values()];
  }

  async push(images: readonly WorldImage[], standingOf: (image: WorldImage) => Standing): Promise<void> {
    await inParallel(images, AT_ONCE, async (image) => {
      const reference = this.#referenceOf(image);
      await this.#client.pushBlob(reference, EMPTY_CONFIG, CONFIG, deadline());
      await this.#client.pushManifest(reference, image.manifest, MANIFEST, 'v1', deadline());
      const standing = standingOf(image);
      if (standing === 'unsigned') return;
      await this.sign(image, standing === 'expired' ? 1 : undefined);
      if (standing === 'revoked') this.revoke(image);
    });
  }

  async sign(image: WorldImage, life?: Life): Promise<{ readonly expiresAt: Date }> {
    const profile = this.#profiles.get(life) ?? '';
    const payload = Buffer.from(createPayload(image.subject));
    const { jobArn, envelope, expiresAt } = await this.#aws.sign(profile, payload);
    const artifact = { envelope, mediaType: JWS, annotations: {} };
    await pushSignature(this.#client, this.#referenceOf(image), image.subject, artifact, deadline());
    this.jobArns.set(image.number, jobArn);
    return { expiresAt };
  }

  /** Revokes the image's signature at AWS Signer. */
  revoke(image: WorldImage): void {
    const jobArn = this.jobArns.get(image.number);
    if (jobArn === undefined) throw new Error(`image ${image.number} is not signed`);
    this.#aws.revokeSignature(jobArn);
  }

  #referenceOf({ repository }: WorldImage): ReturnType<typeof parseReference> {
    return parseReference(repository.replace(REGISTRY_NAME, this.#host));
  }
}
