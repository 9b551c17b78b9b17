import {
  type AwsOptions,
  isRoleArn,
  parseSigningJobArn,
  parseSigningProfileArn,
  SignerAdmin,
  SignerService,
  type ValidityPeriod,
} from '../aws/index.ts';
import { EXIT, type ExitCode, UndeterminedError, UsageError } from './failure.ts';
import { type Io, painter, warn, writeJson } from './io.ts';
import type { Preview, Revocation } from './signer-preview.ts';
import { previewText, profilesText } from './signer-report.ts';

export interface SignerOptions {
  readonly output: 'text' | 'json';
  readonly region?: string;
  readonly awsEndpoint?: string;
  readonly assumeRole?: string;
}

/** Of what cannot be taken back. */
export interface DestructiveOptions extends SignerOptions {
  readonly yes?: boolean;
  /** `--from-cluster`: without a preview nothing is done. */
  readonly fromCluster?: boolean;
  /** `--no-cluster`: no cluster is asked. */
  readonly cluster?: boolean;
}

export interface PutOptions extends SignerOptions {
  readonly validity?: ValidityPeriod;
}

export interface ListProfilesOptions extends SignerOptions {
  readonly all?: boolean;
}

export interface RevokeProfileOptions extends DestructiveOptions {
  readonly version: string;
  readonly effectiveTime: Date;
  readonly reason: string;
}

export interface RevokeSignatureOptions extends DestructiveOptions {
  readonly reason: string;
}

const REQUEST_TIMEOUT_MS = 30_000;
const NAME = /^[A-Za-z0-9_]{2,64}$/;

/** `signer profile put NAME`: makes a signing profile. */
export async function putProfileCommand(name: string, options: PutOptions, io: Io): Promise<ExitCode> {
  checkName(name);
  return withAdmin(options, io, async (admin) => {
    const { arn, versionArn } = await admin.putProfile(name, options.validity, io.signal);
    if (options.output === 'json') writeJson(io, { action: 'put', profileArn: arn, profileVersionArn: versionArn });
    else io.stdout.write(`${tick(io)} ${arn}: made\n  version  ${versionArn}\n`);
    return EXIT.done;
  });
}

/** `signer profile list`: the account's profiles for container images. */
export async function listProfilesCommand(options: ListProfilesOptions, io: Io): Promise<ExitCode> {
  return withAdmin(options, io, async (admin) => {
    const profiles = await admin.listProfiles(options.all === true, io.signal);
    if (options.output === 'json') {
      writeJson(io, {
        profiles: profiles.map(({ validity, ...profile }) => ({ ...profile, validity: validity ?? null })),
      });
    } else io.stdout.write(profilesText(profiles));
    return EXIT.done;
  });
}

/** `signer profile cancel NAME`: it signs no more; what it signed stays good. */
export async function cancelProfileCommand(name: string, options: DestructiveOptions, io: Io): Promise<ExitCode> {
  checkName(name);
  if (options.yes !== true) {
    return refused(options, io, {
      action: 'cancel',
      target: name,
      consequence: 'it can sign no more, and its name cannot be used again; what it signed stays good',
      preview: null,
    });
  }
  return withAdmin(options, io, async (admin) => {
    await admin.cancelProfile(name, io.signal);
    return done(options, io, { action: 'cancel', target: name, preview: null });
  });
}

/** `signer profile revoke NAME`: what a version of it signed from a moment on is revoked, for ever. */
export async function revokeProfileCommand(name: string, options: RevokeProfileOptions, io: Io): Promise<ExitCode> {
  checkName(name);
  const { version, effectiveTime, reason } = options;
  return withAdmin(options, io, async (admin) => {
    const { arn } = await admin.describeProfile(name, io.signal);
    const { arn: profileArn, versionArn = '' } = parseSigningProfileArn(`${arn}/${version}`);
    const preview = await previewed({ kind: 'profile', profileArn, versionArn, from: effectiveTime }, options, io);
    const told = { action: 'revoke', target: versionArn, preview };
    if (options.yes !== true) {
      const from = effectiveTime.toISOString();
      const consequence = `what it signed from ${from} on is revoked, and cannot be made good again`;
      return refused(options, io, { ...told, consequence });
    }
    await admin.revokeProfile({ name, version, effectiveTime, reason }, io.signal);
    return done(options, io, told);
  });
}

/** `signer revoke-signature JOB-ARN`: the signature that a signing job made is revoked, for ever. */
export async function revokeSignatureCommand(
  jobArn: string,
  options: RevokeSignatureOptions,
  io: Io,
): Promise<ExitCode> {
  const { region } = parseSigningJobArn(jobArn);
  if (options.region !== undefined && options.region !== region)
    throw new UsageError(`--region ${options.region}: the signing job is of ${region}: leave the flag out`);
  const preview = await previewed({ kind: 'job', jobArn }, options, io);
  const told = { action: 'revoke-signature', target: jobArn, preview };
  if (options.yes !== true) {
    const consequence = 'the signature that it made is revoked, and cannot be made good again';
    return refused(options, io, { ...told, consequence });
  }
  const service = new SignerService(awsOptions(options, io));
  const assumeRoleArn = roleOf(options);
  try {
    await service.revokeSignature(
      { jobArn, reason: options.reason, ...(assumeRoleArn === undefined ? {} : { assumeRoleArn }) },
      io.signal,
    );
  } finally {
    service.close();
  }
  return done(options, io, told);
}

async function withAdmin(
  options: SignerOptions,
  io: Io,
  run: (admin: SignerAdmin) => Promise<ExitCode>,
): Promise<ExitCode> {
  const region = options.region ?? io.env['AWS_REGION'] ?? io.env['AWS_DEFAULT_REGION'];
  if (region === undefined || !/^[a-z]{2,4}(?:-[a-z]+){1,3}-\d{1,2}$/.test(region)) {
    const found = region === undefined ? 'none' : JSON.stringify(region.slice(0, 100));
    throw new UsageError(`--region (or AWS_REGION): expected a region such as eu-west-1; found ${found}`);
  }
  const admin = new SignerAdmin(awsOptions(options, io), region, roleOf(options));
  try {
    return await run(admin);
  } finally {
    admin.close();
  }
}

function awsOptions({ awsEndpoint }: SignerOptions, io: Io): AwsOptions {
  return {
    env: io.env,
    requestTimeoutMs: REQUEST_TIMEOUT_MS,
    ...(awsEndpoint === undefined ? {} : { endpoint: awsEndpoint }),
  };
}

function roleOf({ assumeRole }: SignerOptions): string | undefined {
  if (assumeRole === undefined || isRoleArn(assumeRole)) return assumeRole;
  throw new UsageError('--assume-role: expected arn:<partition>:iam::<account>:role/<name>');
}

function checkName(name: string): void {
  if (!NAME.test(name))
    throw new UsageError(
      `NAME: expected 2 to 64 letters, digits and underscores; found ${JSON.stringify(name.slice(0, 100))}`,
    );
}

/** Null without a cluster at hand; where one was asked for, that ends the command. */
async function previewed(revocation: Revocation, options: DestructiveOptions, io: Io): Promise<Preview | null> {
  if (options.cluster === false) return null;
  try {
    // The client of clusters is most of what the command could load: only who asks one waits for it.
    const { previewRevocation } = await import('./signer-preview.ts');
    return await previewRevocation(revocation, io.env, io.signal);
  } catch (error) {
    if (!(error instanceof UndeterminedError) || options.fromCluster === true || io.signal.aborted) throw error;
    warn(io, `what this hits in a cluster is not known: ${error.message}`);
    return null;
  }
}

interface Told {
  readonly action: string;
  readonly target: string;
  readonly preview: Preview | null;
}

function done(options: SignerOptions, io: Io, { action, target, preview }: Told): ExitCode {
  if (options.output === 'json') writeJson(io, { action, target, done: true, preview });
  else io.stdout.write(`${tick(io)} ${target}: ${WORDS[action] ?? 'done'}\n${previewText(preview, 'hits', io)}`);
  return EXIT.done;
}

const WORDS: Readonly<Record<string, string>> = {
  cancel: 'cancelled',
  revoke: 'revoked',
  'revoke-signature': 'revoked',
};

/** Without --yes: says what it would do, and does nothing. */
function refused(options: SignerOptions, io: Io, told: Told & { readonly consequence: string }): ExitCode {
  const { action, target, preview, consequence } = told;
  if (options.output === 'json') writeJson(io, { action, target, done: false, preview });
  else io.stdout.write(`${target}: ${consequence}\n${previewText(preview, 'would hit', io)}`);
  io.stderr.write(`${painter(io.stderr)('red', 'sealwatch')}: nothing was done: give --yes to do it\n`);
  return EXIT.usage;
}

function tick(io: Io): string {
  return painter(io.stdout)('green', '✔');
}
