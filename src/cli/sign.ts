import { type Descriptor, formatRfc3339, type SignatureFormat } from '../notary/index.ts';
import { type PlatformManifest, platformManifests, pushSignature } from '../oci/index.ts';
import { createAwsSigner } from '../signing/aws-signer.ts';
import { createKeySigner } from '../signing/key-signer.ts';
import type { SignedEnvelope, Signer } from '../signing/signer.ts';
import { USER_AGENT } from '../version.ts';
import type { OutputFormat, PlatformChoice } from './arguments.ts';
import { EXIT, type ExitCode, UsageError } from './failure.ts';
import { readUserFile } from './files.ts';
import { type Io, painter, writeJson } from './io.ts';
import { Progress } from './progress.ts';
import { createServices, type Services } from './services.ts';
import { openTarget, resolveOnce, type Target, type TargetOptions } from './target.ts';

/** As many as the operator signs of one image. */
const MAX_PLATFORMS = 32;

export interface SignOptions extends TargetOptions {
  /** Files, PEM. */
  readonly key?: string;
  readonly chain?: string;
  /** ARN. */
  readonly awsProfile?: string;
  readonly awsEndpoint?: string;
  readonly format?: SignatureFormat;
  /** Milliseconds. */
  readonly expiry?: number;
  readonly timestampUrl?: string;
  /** File, PEM. */
  readonly timestampRoot?: string;
  readonly platforms?: PlatformChoice;
  readonly userMetadata?: ReadonlyMap<string, string>;
  readonly output: OutputFormat;
}

/**
 * `sealwatch sign`: signs an image, and pushes the signature beside it.
 * @returns 0 when that is done. Wrong usage and faults throw
 */
export async function signCommand(ref: string, options: SignOptions, io: Io): Promise<ExitCode> {
  checkOptions(options);
  const progress = new Progress(io.stderr);
  const services = createServices(options, io.env);
  try {
    // What is wrong with key or chain is told before anything is asked of a registry.
    const signer = await signerOf(options, services);
    const target = await openTarget(ref, { ...options, pushes: true }, io, progress);
    try {
      const subject = await resolveOnce(target, io, progress);
      const reference = options.ociLayout === undefined ? ref : target.nameOf();
      // What cannot be signed as a whole is told before anything is signed.
      const platforms = options.platforms === 'all' ? await platformsOf(target, subject, io) : undefined;
      progress.say(`signs with ${signer.name}`);
      const made: Made[] = [];
      for (const { descriptor, platform } of [{ descriptor: subject, platform: undefined }, ...(platforms ?? [])]) {
        const signature = await signOne(signer, target, descriptor, options, io, progress);
        made.push({ subject: descriptor.digest, ...(platform === undefined ? {} : { platform }), ...signature });
      }
      progress.done();
      if (options.output === 'json') writeJson(io, signJson(reference, made, platforms !== undefined, signer));
      else io.stdout.write(made.map((one) => signText(target.nameOf(one.subject), one, signer, io)).join(''));
      return EXIT.done;
    } finally {
      await target.close();
    }
  } finally {
    progress.done();
    await services.close();
  }
}

/** The manifests that an index lists; undefined when the image is none. */
async function platformsOf(
  { store, reference, nameOf }: Target,
  { digest }: Descriptor,
  { signal }: Io,
): Promise<readonly PlatformManifest[] | undefined> {
  const { registry, repository } = reference;
  const platforms = platformManifests(
    await store.getManifest({ registry, repository, digest }, signal),
    nameOf(digest),
  );
  if (platforms !== undefined && platforms.length > MAX_PLATFORMS) {
    throw new UsageError(
      `--platforms all: ${nameOf(digest)} has ${platforms.length} platforms, and at most ${MAX_PLATFORMS} are signed: sign the index alone, or manifests by their digests`,
    );
  }
  return platforms;
}

async function signOne(
  signer: Signer,
  { store, reference, nameOf }: Target,
  subject: Descriptor,
  { userMetadata, expiry }: SignOptions,
  { clock, signal }: Io,
  progress: Progress,
): Promise<Pick<Made, 'digest' | 'signed'>> {
  const signed = await signer.sign(
    {
      subject,
      ...(userMetadata === undefined ? {} : { userMetadata: Object.fromEntries(userMetadata) }),
      ...(expiry === undefined ? {} : { expiryMs: expiry }),
      now: clock(),
    },
    signal,
  );
  progress.say(`pushes the signature of ${nameOf(subject.digest)}`);
  const artifact = { envelope: signed.bytes, mediaType: signed.mediaType, annotations: signed.annotations };
  const { digest } = await pushSignature(store, reference, subject, artifact, signal);
  return { digest, signed };
}

function checkOptions(options: SignOptions): void {
  const { key, chain, awsProfile, timestampUrl, timestampRoot } = options;
  const withKey = key !== undefined || chain !== undefined;
  if (withKey === (awsProfile !== undefined))
    throw new UsageError('expected either --key and --chain, or --aws-profile: whoever signs is one of them');
  if (withKey && (key === undefined || chain === undefined))
    throw new UsageError('--key and --chain go together: the private key, and its certificates, leaf first');
  if ((timestampUrl === undefined) !== (timestampRoot === undefined)) {
    throw new UsageError(
      '--timestamp-url and --timestamp-root go together: what an authority says is checked against its root',
    );
  }
  if (awsProfile === undefined) {
    if (options.awsEndpoint !== undefined) throw new UsageError('--aws-endpoint goes with --aws-profile only');
    return;
  }
  if (options.format === 'COSE') throw new UsageError('--format cose: AWS Signer signs JWS only');
  if (options.expiry !== undefined)
    throw new UsageError("--expiry: AWS Signer's profile says how long a signature holds: set it there");
  if (timestampUrl !== undefined)
    throw new UsageError('--timestamp-url: AWS Signer vouches for the time of signing itself: remove it');
}

async function signerOf(options: SignOptions, services: Services): Promise<Signer> {
  const { key = '', chain = '', awsProfile, format = 'JWS', timestampUrl, timestampRoot } = options;
  if (awsProfile !== undefined) return createAwsSigner({ profileArn: awsProfile, service: services.signer });
  const requestTimestamp =
    timestampUrl === undefined || timestampRoot === undefined
      ? undefined
      : services.timestampRequester(timestampUrl, await pemFile(timestampRoot, '--timestamp-root'));
  return createKeySigner({
    certificatePem: await pemFile(chain, '--chain'),
    privateKeyPem: await pemFile(key, '--key'),
    format,
    ...(requestTimestamp === undefined ? {} : { requestTimestamp }),
    signingAgent: USER_AGENT,
  });
}

async function pemFile(path: string, flag: string): Promise<string> {
  return (await readUserFile(path, flag)).toString('utf8');
}

/** One signature that was made. */
interface Made {
  readonly subject: string;
  /** Of the manifest that was signed, where it is one of an index. */
  readonly platform?: string;
  /** Of the signature's manifest. */
  readonly digest: string;
  readonly signed: SignedEnvelope;
}

function signJson(reference: string, [first, ...others]: readonly Made[], isIndex: boolean, signer: Signer): object {
  const entry = (made: Made): object => ({ digest: made.subject, signature: signatureJson(made, signer) });
  const platforms = others.map((made) => ({ platform: made.platform ?? '', ...entry(made) }));
  return { reference, ...(first === undefined ? {} : entry(first)), ...(isIndex ? { platforms } : {}) };
}

function signatureJson({ digest, signed: { envelope, jobArn } }: Made, signer: Signer): object {
  const { format, scheme, expiry, timestampToken } = envelope;
  return {
    digest,
    format,
    scheme,
    signedAt: signedAt(envelope),
    expiresAt: expiry === undefined ? null : formatRfc3339(expiry),
    signer: signer.name,
    timestamped: timestampToken !== undefined,
    jobArn: jobArn ?? null,
  };
}

function signText(image: string, { digest, platform, signed }: Made, signer: Signer, io: Io): string {
  const { envelope, jobArn } = signed;
  const paint = painter(io.stdout);
  const { format, scheme, expiry, timestampToken } = envelope;
  const rows = [
    ...(platform === undefined || platform === '' ? [] : [['platform', platform]]),
    ['signature', digest],
    ['envelope', `${format}, ${scheme}`],
    ['signer', signer.name],
    ...(jobArn === undefined ? [] : [['job', jobArn]]),
    ['signed', `${signedAt(envelope) ?? ''}${timestampToken === undefined ? '' : ', timestamped'}`],
    ['expires', expiry === undefined ? 'never' : formatRfc3339(expiry)],
  ];
  const head = `${paint('green', '✔')} ${paint('bold', image)}: ${paint('green', 'signed')}\n`;
  return head + rows.map(([label = '', text]) => `  ${paint('dim', label.padEnd(9))} ${text}\n`).join('');
}

function signedAt({ authenticSigningTime, signingTime }: SignedEnvelope['envelope']): string | null {
  const time = authenticSigningTime ?? signingTime;
  return time === undefined ? null : formatRfc3339(time);
}
