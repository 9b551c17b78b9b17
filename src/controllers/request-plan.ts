import type { ConditionReason } from '../api/conditions.ts';
import { parseDuration } from '../api/duration.ts';
import { ANNOTATIONS } from '../api/group.ts';
import type { DeletionPolicy, ImageSignatureRequest } from '../api/image-signature-request.ts';
import { AwsError, isRoleArn, parseEcrHost, parseSigningProfileArn, type SigningProfileArn } from '../aws/index.ts';
import { OciError, parseReference, type Reference, repositoryName } from '../oci/index.ts';
import { cut } from './wording.ts';

const DEFAULT_INTERVAL_MS = 60 * 60_000;
const MIN_INTERVAL_MS = 10_000;

export interface RequestedImage {
  /** As the request has it. */
  readonly text: string;
  readonly reference: Reference;
  /** `registry/repository`. */
  readonly repository: string;
}

export interface SigningPlan {
  readonly by:
    | { readonly kind: 'awsSigner'; readonly profile: SigningProfileArn; readonly assumeRoleArn?: string }
    | { readonly kind: 'key'; readonly secretName: string };
  readonly format: 'JWS' | 'COSE';
  readonly userMetadata?: Readonly<Record<string, string>>;
  readonly expiryMs?: number;
  readonly timestamp?: TimestampPlan;
  readonly renewBeforeMs: number;
  /** Whether the manifests that an index lists are signed with it. */
  readonly withPlatforms: boolean;
  /** Every image needs a signature of this request made at or after this moment; it may lie ahead. */
  readonly signAnewAt?: Date;
}

/** Which time stamping authority is to countersign (RFC 3161), and the tsa store that it must be anchored in. */
export interface TimestampPlan {
  readonly url: string;
  readonly trustStore: string;
}

/** What a request asks for, checked: nothing behind this reads the spec again. */
export interface RequestPlan {
  readonly images: readonly RequestedImage[];
  readonly sign?: SigningPlan;
  /** Role by which the registries of Amazon ECR are used; it needs a grant. */
  readonly registryRoleArn?: string;
  readonly intervalMs: number;
  readonly requiredMetadata?: Readonly<Record<string, string>>;
  readonly deletionPolicy: DeletionPolicy;
  /** Whether deleting the request leaves something to clean up. */
  readonly needsCleanup: boolean;
}

export type PlanResult =
  | { readonly kind: 'plan'; readonly plan: RequestPlan }
  | { readonly kind: 'refused'; readonly reason: ConditionReason; readonly message: string };

class Refusal extends Error {
  readonly reason: ConditionReason;
  constructor(reason: ConditionReason, message: string) {
    super(message);
    this.reason = reason;
  }
}

/**
 * Reads a request's spec. The API server's rules refuse most bad specs; these checks hold also where the CRD is older,
 * and for what CEL cannot say.
 */
export function planRequest(request: ImageSignatureRequest): PlanResult {
  try {
    return { kind: 'plan', plan: plan(request) };
  } catch (error) {
    if (error instanceof Refusal) return { kind: 'refused', reason: error.reason, message: error.message };
    if (error instanceof OciError || error instanceof AwsError) {
      return { kind: 'refused', reason: 'InvalidSpec', message: error.message };
    }
    throw error;
  }
}

function plan(request: ImageSignatureRequest): RequestPlan {
  const { spec } = request;
  if (spec.images.length === 0)
    throw new Refusal('InvalidSpec', 'spec.images: expected at least one image; found none');
  const images = spec.images.map((text) => {
    const reference = parseReference(text);
    return { text, reference, repository: repositoryName(reference) };
  });
  const sign = spec.sign === undefined ? undefined : signingPlan(request);
  const deletionPolicy = spec.deletionPolicy ?? 'Retain';
  if (deletionPolicy === 'RevokeSignature' && spec.sign?.awsSigner === undefined) {
    throw new Refusal(
      'InvalidSpec',
      'spec.deletionPolicy: RevokeSignature needs spec.sign.awsSigner; use DeleteSignature or Retain',
    );
  }
  const registryRoleArn = spec.registry?.assumeRoleArn;
  if (registryRoleArn !== undefined) checkRegistryRole(registryRoleArn, images);
  const required = spec.verify?.requiredMetadata;
  return {
    images,
    ...(sign === undefined ? {} : { sign }),
    ...(registryRoleArn === undefined ? {} : { registryRoleArn }),
    intervalMs: Math.max(
      duration(spec.verify?.interval, 'spec.verify.interval') ?? DEFAULT_INTERVAL_MS,
      MIN_INTERVAL_MS,
    ),
    ...(required === undefined || Object.keys(required).length === 0 ? {} : { requiredMetadata: required }),
    deletionPolicy,
    needsCleanup: deletionPolicy !== 'Retain',
  };
}

function checkRegistryRole(roleArn: string, images: readonly RequestedImage[]): void {
  const field = 'spec.registry.assumeRoleArn';
  if (!isRoleArn(roleArn)) {
    const found = JSON.stringify(cut(roleArn, 100));
    throw new Refusal('InvalidSpec', `${field}: expected arn:<partition>:iam::<account>:role/<name>; found ${found}`);
  }
  if (!images.some((image) => parseEcrHost(image.reference.registry) !== undefined)) {
    throw new Refusal(
      'InvalidSpec',
      `${field}: a role is assumed for registries of Amazon ECR, and none of the images is in one; remove it, or give credentials in spec.registry.secretRefs`,
    );
  }
}

function signingPlan(request: ImageSignatureRequest): SigningPlan {
  const sign = request.spec.sign ?? {};
  const { awsSigner, key } = sign;
  if ((awsSigner === undefined) === (key === undefined)) {
    throw new Refusal('InvalidSpec', 'spec.sign: expected exactly one of awsSigner and key');
  }
  if (awsSigner !== undefined && sign.format === 'COSE')
    throw new Refusal('InvalidSpec', 'spec.sign.format: AWS Signer makes JWS envelopes only; use JWS');
  if (awsSigner !== undefined && sign.timestamp !== undefined) {
    throw new Refusal(
      'InvalidSpec',
      'spec.sign.timestamp: AWS Signer states the time of signing itself; remove it, or sign with a key',
    );
  }
  const expiryMs = duration(sign.expiry, 'spec.sign.expiry');
  if (awsSigner !== undefined && expiryMs !== undefined) {
    throw new Refusal(
      'InvalidSpec',
      "spec.sign.expiry: AWS Signer takes the validity period from the signing profile; remove it, or change the profile's signatureValidityPeriod",
    );
  }
  const renewBeforeMs = duration(sign.renewBefore, 'spec.sign.renewBefore') ?? 0;
  if (expiryMs !== undefined && renewBeforeMs >= expiryMs) {
    throw new Refusal(
      'InvalidSpec',
      'spec.sign.renewBefore: expected less than spec.sign.expiry, else every signature is due at once',
    );
  }
  const reserved = Object.keys(sign.userMetadata ?? {}).find((name) => name.startsWith('io.cncf.notary'));
  if (reserved !== undefined) {
    throw new Refusal(
      'InvalidSpec',
      `spec.sign.userMetadata: the key ${reserved} is reserved, for it begins with io.cncf.notary; choose another (notary.md B7)`,
    );
  }
  const signAnewAt = signAnewTime(request.metadata.annotations?.[ANNOTATIONS.signAnewRequestedAt]);
  return {
    by:
      awsSigner !== undefined
        ? {
            kind: 'awsSigner',
            profile: parseSigningProfileArn(awsSigner.profileArn),
            ...(awsSigner.assumeRoleArn === undefined ? {} : { assumeRoleArn: awsSigner.assumeRoleArn }),
          }
        : { kind: 'key', secretName: key?.secretRef.name ?? '' },
    format: sign.format ?? 'JWS',
    ...(sign.userMetadata === undefined ? {} : { userMetadata: sign.userMetadata }),
    ...(sign.timestamp === undefined ? {} : { timestamp: timestampPlan(sign.timestamp) }),
    ...(expiryMs === undefined ? {} : { expiryMs }),
    renewBeforeMs,
    withPlatforms: sign.platforms === 'IndexAndManifests',
    ...(signAnewAt === undefined ? {} : { signAnewAt }),
  };
}

function timestampPlan({ url, trustStore }: TimestampPlan): TimestampPlan {
  const parsed = URL.parse(url);
  if (
    parsed === null ||
    !['http:', 'https:'].includes(parsed.protocol) ||
    `${parsed.username}${parsed.password}` !== ''
  ) {
    const found = JSON.stringify(cut(url, 100));
    throw new Refusal(
      'InvalidSpec',
      `spec.sign.timestamp.url: expected an http or https address without credentials, such as http://timestamp.example.com; found ${found}`,
    );
  }
  return { url, trustStore };
}

function signAnewTime(text: string | undefined): Date | undefined {
  if (text === undefined) return undefined;
  const time = /^\d{4}-\d{2}-\d{2}T/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(time)) {
    throw new Refusal(
      'InvalidSpec',
      `annotation ${ANNOTATIONS.signAnewRequestedAt}: expected a time such as 2030-01-31T12:00:00Z, as \`date -u +%FT%TZ\` prints it`,
    );
  }
  return new Date(Math.floor(time / 1000) * 1000);
}

function duration(text: string | undefined, field: string): number | undefined {
  if (text === undefined) return undefined;
  try {
    return parseDuration(text);
  } catch (error) {
    throw new Refusal('InvalidSpec', `${field}: ${error instanceof Error ? error.message : String(error)}`);
  }
}
