import { formatRfc3339, type SignatureFormat } from '../notary/index.ts';
import { pushSignature } from '../oci/index.ts';
import { createAwsSigner } from '../signing/aws-signer.ts';
import { createKeySigner } from '../signing/key-signer.ts';
import type { SignedEnvelope, Signer } from '../signing/signer.ts';
import { USER_AGENT } from '../version.ts';
import type { OutputFormat } from './arguments.ts';
import { EXIT, type ExitCode, UsageError } from './failure.ts';
import { readUserFile } from './files.ts';
import { type Io, painter, writeJson } from './io.ts';
import { Progress } from './progress.ts';
import { createServices, type Services } from './services.ts';
import { openTarget, resolveOnce, type TargetOptions } from './target.ts';

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
  readonly userMetadata?: ReadonlyMap<string, string>;
  readonly output: OutputFormat;
}

/**
 * `sealwatch sign`: signs an image, and pushes the signature beside it.
 * @returns 0 when that is done. Wrong usage and faults throw
 */
export async function signCommand(ref: string, options: SignOptions, io: Io): Promise<ExitCode> {
  checkOptions(options);
  const { signal } = io;
  const progress = new Progress(io.stderr);
  const services = createServices(options, io.env);
  try {
    // What is wrong with key or chain is told before anything is asked of a registry.
    const signer = await signerOf(options, services);
    const target = await openTarget(ref, { ...options, pushes: true }, io, progress);
    try {
      const subject = await resolveOnce(target, io, progress);
      progress.say(`signs with ${signer.name}`);
      const { userMetadata, expiry } = options;
      const signed = await signer.sign(
        {
          subject,
          ...(userMetadata === undefined ? {} : { userMetadata: Object.fromEntries(userMetadata) }),
          ...(expiry === undefined ? {} : { expiryMs: expiry }),
          now: io.clock(),
        },
        signal,
      );
      progress.say('pushes the signature');
      const artifact = { envelope: signed.bytes, mediaType: signed.mediaType, annotations: signed.annotations };
      const { digest } = await pushSignature(target.store, target.reference, subject, artifact, signal);
      progress.done();
      const made = {
        reference: options.ociLayout === undefined ? ref : target.nameOf(),
        subject: subject.digest,
        digest,
      };
      if (options.output === 'json') writeJson(io, signJson(made, signed, signer));
      else io.stdout.write(signText(target.nameOf(subject.digest), digest, signed, signer, io));
      return EXIT.done;
    } finally {
      await target.close();
    }
  } finally {
    progress.done();
    await services.close();
  }
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

interface Made {
  readonly reference: string;
  readonly subject: string;
  /** Of the signature's manifest. */
  readonly digest: string;
}

function signJson({ reference, subject, digest }: Made, { envelope, jobArn }: SignedEnvelope, signer: Signer): object {
  const { format, scheme, expiry, timestampToken } = envelope;
  return {
    reference,
    digest: subject,
    signature: {
      digest,
      format,
      scheme,
      signedAt: signedAt(envelope),
      expiresAt: expiry === undefined ? null : formatRfc3339(expiry),
      signer: signer.name,
      timestamped: timestampToken !== undefined,
      jobArn: jobArn ?? null,
    },
  };
}

function signText(image: string, digest: string, { envelope, jobArn }: SignedEnvelope, signer: Signer, io: Io): string {
  const paint = painter(io.stdout);
  const { format, scheme, expiry, timestampToken } = envelope;
  const rows = [
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
